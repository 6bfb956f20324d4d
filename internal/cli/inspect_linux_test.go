package cli

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedReading: Ctrl-C ends what waits for a file's other end.
func TestInterruptedReading(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted, stop := context.WithCancel(t.Context())
	stop()
	key := filepath.Join(t.TempDir(), "a.key")
	if code := Main(t.Context(), []string{"key", "new", "--out", key}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("no key: exit %d", code)
	}
	for _, line := range []string{"file sign FIFO --key KEY", "file sign - --key KEY --out KEY.sig", "key new --out KEY.2 --encrypt --passphrase-file FIFO", "inspect FIFO", "inspect -", "convert FIFO out.pem", "verify FIFO", "verify localhost:1 --roots FIFO", "verify localhost:1 --crl FIFO"} {
		silent, writer := io.Pipe()
		defer writer.Close()
		var stdout, stderr bytes.Buffer
		code := Main(interrupted, strings.Fields(strings.NewReplacer("FIFO", fifo, "KEY", key).Replace(line)), silent, &stdout, &stderr)
		if code != int(exitInterrupted) || !strings.Contains(stderr.String(), "[interrupted]") || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, %s%s", line, code, stdout.String(), stderr.String())
		}
	}
}
