package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
)

func TestChooseSettings(t *testing.T) {
	dir := t.TempDir()
	if have, again, err := chooseSettings(dir, 0); err != nil || again || have != portsFrom(7400) {
		t.Errorf("a new folder's are %+v, %v", have, err)
	}
	put("settings.json", `{"authority":"127.0.0.1:1","status":"[::1]:2","orders":"127.0.0.1:3","web":"127.0.0.1:5"}`)(t, dir)
	old, again, err := chooseSettings(dir, 0)
	if err != nil || !again || old.Status != "[::1]:2" {
		t.Errorf("those of the last time are %+v, %v", old, err)
	}
	if have := old.portList(); have != "1, 2, 3, 5" {
		t.Errorf("the ports are written %q", have)
	}
	if have, again, err := chooseSettings(dir, 9000); err != nil || !again || have.portList() != "9000–9003" {
		t.Errorf("those that are wanted are %+v, %v", have, err)
	}
}

func TestUpHint(t *testing.T) {
	plain := errors.New("x")
	if have := (&upCmd{}).hint(t.Context(), plain); have != plain {
		t.Errorf("a plain error became %v", have)
	}
	for _, test := range []struct {
		code fault.Code
		hint string
	}{
		{control.AlreadyRunning, "signet conns     # asks the Signet that is running; to start it anew, stop it first"},
		{ca.KeyLost, "as it was\nsignet up --fresh      # it starts over, and forgets all"},
		{control.FolderOtherDomain, "as it was"},
	} {
		e, _ := fault.Of((&upCmd{}).hint(t.Context(), fault.New(test.code, "x").WithHint("as it was")))
		if e.Hint != test.hint {
			t.Errorf("%s: %q, want %q", test.code, e.Hint, test.hint)
		}
	}
}

func TestUpFolder(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv("SIGNET_DATA", "/by environment")
	tests := []struct{ name, data, dir, program string }{
		{"by default", "", "/data/signet/demo.signet", "signet"},
		{"by flag", "/by flag", "/by flag", "signet"},
		{"by environment", "/by environment", "/by environment", "signet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &shell{data: test.data, program: "signet"}
			dir, err := s.upFolder()
			if err != nil || dir != test.dir || s.program != test.program {
				t.Errorf("%q, %q, %v; want %q, %q", dir, s.program, err, test.dir, test.program)
			}
		})
	}
}

// TestDemoSocket has a data folder whose path is too long for a Unix socket.
func TestDemoSocket(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp")
	long := filepath.Join(t.TempDir(), strings.Repeat("x", maxSocketPath))
	d, err := newDemo(long)
	if err != nil {
		t.Fatal(err)
	}
	folder := d.folder
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder: %v, %v", info, err)
	}
	d.close()
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's folder is left: %v", err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if _, err := newDemo(long); !errors.Is(err, FolderUnwritable) {
		t.Errorf("without a folder for it: %v", err)
	}
}

// TestKeepFresh lets days pass, on one of which renewing fails at first.
func TestKeepFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var at []time.Duration
		go keepFresh(ctx, 12*time.Hour, func() error {
			at = append(at, time.Since(start))
			if len(at) == 2 {
				return errors.New("no")
			}
			return nil
		})
		time.Sleep(37 * time.Hour)
		cancel()
		synctest.Wait()
		want := []time.Duration{12 * time.Hour, 24 * time.Hour, 24*time.Hour + time.Minute, 36*time.Hour + time.Minute}
		if !slices.Equal(at, want) {
			t.Errorf("renewed after %v, want %v", at, want)
		}
	})
}
