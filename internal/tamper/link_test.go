package tamper

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAdversary(t *testing.T) {
	tests := []struct {
		name    string
		attack  mutation
		want    string
		fin     bool
		touched bool
	}{
		{"nothing", nil, "hello, world", false, false},
		{"flip in the first write", flip{4, 1}, "helln, world", false, true},
		{"flip in the second write", flip{7, 1}, "hello, vorld", false, true},
		{"flip of no bit", flip{4, 0}, "hello, world", false, false},
		{"flip behind the end", flip{12, 1}, "hello, world", false, false},
		{"cut at the start", cut{0}, "", true, true},
		{"cut in the first write", cut{5}, "hello", true, true},
		{"cut between the writes", cut{7}, "hello, ", true, true},
		{"cut in the second write", cut{9}, "hello, wo", true, true},
		{"cut behind the end", cut{12}, "hello, world", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLink(on(server, test.attack), false)
			from, to := l.end(client), l.end(server)
			for _, text := range []string{"hello, ", "world"} {
				if n, err := from.Write([]byte(text)); n != len(text) || err != nil {
					t.Fatalf("write: %d, %v", n, err)
				}
			}
			if flow := &l.ends[server]; flow.fin != test.fin || test.attack != nil && flow.touched() != test.touched || flow.sent != 12 {
				t.Errorf("have fin %v, touched %v, sent %d; want %v, %v, 12", flow.fin, flow.touched(), flow.sent, test.fin, test.touched)
			}
			from.Close()
			have, err := io.ReadAll(to)
			if err != nil || string(have) != test.want {
				t.Errorf("have %q, %v; want %q", have, err, test.want)
			}
		})
	}
}

func TestLinkEnds(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		l := newLink(attacks{}, false)
		near, far := l.end(client), l.end(server)
		near.Close()
		_, read := near.Read(make([]byte, 1))
		_, write := near.Write([]byte("x"))
		if !errors.Is(read, net.ErrClosed) || !errors.Is(write, net.ErrClosed) {
			t.Errorf("own end: have %v and %v, want %v", read, write, net.ErrClosed)
		}
		if _, err := far.Write([]byte("x")); err != nil {
			t.Errorf("the other end's write: %v", err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the other end's read: have %v, want EOF", err)
		}
	})
	t.Run("both wait", func(t *testing.T) {
		l := newLink(attacks{}, false)
		failed := make(chan error, 2)
		for _, at := range []side{client, server} {
			go func() {
				_, err := l.end(at).Read(make([]byte, 1))
				failed <- err
			}()
		}
		for range 2 {
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("have %v, want %v", err, os.ErrDeadlineExceeded)
			}
		}
		if l.stuck {
			t.Error("ends that wait for each other were taken for ends that never stop")
		}
	})
	t.Run("one waits", func(t *testing.T) {
		l := newLink(attacks{}, false)
		got := make(chan string)
		go func() {
			p := make([]byte, 8)
			n, _ := l.end(server).Read(p)
			got <- string(p[:n])
		}()
		l.end(client).Write([]byte("here"))
		if have := <-got; have != "here" {
			t.Errorf("have %q, want here", have)
		}
	})
	t.Run("expired", func(t *testing.T) {
		l := newLink(attacks{}, false)
		time.AfterFunc(time.Millisecond, l.expire)
		if _, err := l.end(client).Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("have %v, want %v", err, os.ErrDeadlineExceeded)
		}
	})
	t.Run("is a net.Conn", func(t *testing.T) {
		conn := newLink(attacks{}, false).end(client)
		now := time.Now()
		if err := errors.Join(conn.SetDeadline(now), conn.SetReadDeadline(now), conn.SetWriteDeadline(now)); err != nil {
			t.Error(err)
		}
		if conn.LocalAddr().Network() != "memory" || conn.RemoteAddr().String() != "memory" {
			t.Errorf("have addresses %v and %v", conn.LocalAddr(), conn.RemoteAddr())
		}
	})
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name  string
		flow  string
		ends  []int
		whole bool
		code  error
	}{
		{"empty", "", nil, true, nil},
		{"one", "\x17\x03\x03\x00\x02ab", []int{7}, true, nil},
		{"two", "\x17\x03\x03\x00\x02ab\x15\x03\x03\x00\x00", []int{7, 12}, true, nil},
		{"half a header", "\x17\x03\x03\x00\x02ab\x15\x03", []int{7}, false, nil},
		{"half a body", "\x17\x03\x03\x00\x02ab\x15\x03\x03\x00\x02a", []int{7}, false, nil},
		{"too long", "\x17\x03\x03\x48\x01", nil, false, ReferenceFailed},
		{"longest", "\x17\x03\x03\x48\x00", nil, false, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ends, whole, err := records([]byte(test.flow))
			if diff := cmp.Diff(test.ends, ends); diff != "" || whole != test.whole || !errors.Is(err, test.code) {
				t.Errorf("have whole %v, %v; want %v, %v; ends (-want +have)\n%s", whole, err, test.whole, test.code, diff)
			}
		})
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x02ab\x15\x03\x03\x00\x00"))
	f.Add([]byte("\x17\x03\x03\x48\x01"))
	f.Fuzz(func(t *testing.T, flow []byte) {
		ends, whole, err := records(flow)
		last := 0
		for _, end := range ends {
			if end-last < recordHeader || end-last > recordHeader+maxRecord || end > len(flow) {
				t.Fatalf("a record from %d to %d of %d bytes", last, end, len(flow))
			}
			last = end
		}
		if err == nil && whole != (last == len(flow)) {
			t.Fatalf("the last record ends at %d of %d bytes, whole is %v", last, len(flow), whole)
		}
	})
}
