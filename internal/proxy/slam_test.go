package proxy

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is one end of a connection in memory.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return p.Close() }

func (pipe) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

// TestSlam resets a refused program only after its first byte, or a second.
func TestSlam(t *testing.T) {
	tests := []struct {
		name   string
		sends  time.Duration // when; 0 for never
		stops  time.Duration // the proxy; 0 for never
		resets time.Duration
	}{
		{"it says nothing", 0, 0, time.Second},
		{"it sends at once", time.Nanosecond, 0, time.Nanosecond},
		{"it sends later", 300 * time.Millisecond, 0, 300 * time.Millisecond},
		{"the proxy stops", 0, 200 * time.Millisecond, 200 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				program, ours := net.Pipe()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.sends > 0 {
					time.AfterFunc(test.sends, func() { program.Write([]byte("GET")) })
				}
				if test.stops > 0 {
					time.AfterFunc(test.stops, cancel)
				}
				start := time.Now()
				slam(ctx, &plainConn{stream: pipe{ours}, program: "the client program"}, nil)
				if took := time.Since(start); took != test.resets {
					t.Errorf("reset after %v, want %v", took, test.resets)
				}
				if _, err := program.Read(make([]byte, 1)); err == nil {
					t.Error("the program was not cut off")
				}
			})
		})
	}
}
