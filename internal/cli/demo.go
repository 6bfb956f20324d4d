package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/proxy"
)

// demo is the service "orders": a program that knows nothing of TLS. It listens
// on a Unix socket in a folder of its owner's, so that only its proxy reaches
// it.
type demo struct {
	listener net.Listener
	folder   string // made for the socket, or ""
}

// maxSocketPath is what every system allows for a Unix socket's path.
const maxSocketPath = 100

func newDemo(dir string) (*demo, error) {
	d := &demo{}
	path := filepath.Join(dir, demoSocket)
	if len(path) > maxSocketPath {
		folder, err := os.MkdirTemp("", "signet-")
		if err != nil {
			return nil, fault.Wrap(err, FolderUnwritable, "a folder for the demo service's socket cannot be made").
				WithHint("make the folder for temporary files writable, or name a shorter path with --data")
		}
		d.folder, path = folder, filepath.Join(folder, "orders.sock")
	}
	os.Remove(path) // left by a killed process; whoever holds the folder's lock may
	listener, err := net.Listen("unix", path)
	if err != nil {
		d.close()
		return nil, fault.Wrap(err, FolderUnwritable, "the demo service's socket cannot be made").
			WithHint("remove what stands at %s, or make its folder writable", path)
	}
	d.listener = listener
	return d, nil
}

func (d *demo) address() proxy.Address {
	return proxy.Address{Network: "unix", Address: d.listener.Addr().String()}
}

func (d *demo) close() {
	if d.listener != nil {
		d.listener.Close()
	}
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}

// Run serves plain HTTP until ctx ends: / says what there is, /ticks streams a
// line a second.
func (d *demo) Run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "This is orders, a demo service. Ask for /ticks.")
	})
	mux.HandleFunc("GET /ticks", ticks)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func ticks(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	control := http.NewResponseController(w)
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "tick %d\n", n); err != nil {
			return
		}
		if control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}
