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
	for _, line := range []string{"inspect FIFO", "inspect -", "convert FIFO out.pem", "verify FIFO", "verify localhost:1 --roots FIFO", "verify localhost:1 --crl FIFO"} {
		silent, writer := io.Pipe()
		defer writer.Close()
		var stdout, stderr bytes.Buffer
		code := Main(interrupted, strings.Fields(strings.ReplaceAll(line, "FIFO", fifo)), silent, &stdout, &stderr)
		if code != int(exitInterrupted) || !strings.Contains(stderr.String(), "[interrupted]") || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, %s%s", line, code, stdout.String(), stderr.String())
		}
	}
}
