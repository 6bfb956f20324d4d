package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/bind"
)

// Port is what a status port serves, in the clear: GET /healthz, /readyz and /metrics.
type Port struct {
	Set *Set
	// Ready says why this process does not do its work at present; nothing where it
	// does.
	Ready func() []string
	// Also are further paths.
	Also map[string]http.HandlerFunc
	// Public answers whoever asks. Without it only who asked by a loopback address is
	// answered: a web page that has its name point to 127.0.0.1 asks by that name.
	Public bool
	// Profile adds /debug/pprof/, for this machine alone.
	Profile bool
	Logger  *slog.Logger
}

// Handler returns the paths.
func (p Port) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := p.Ready(); len(why) > 0 {
			say(w, http.StatusServiceUnavailable, strings.Join(why, "\n"))
			return
		}
		say(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var text bytes.Buffer
		if err := p.Set.Write(&text); err != nil {
			p.Logger.Error("the metrics cannot be told", slog.Any("error", err))
			say(w, http.StatusInternalServerError, "the metrics cannot be told; the log says why")
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(text.Bytes()) // the reader has hung up if this fails
	})
	for path, handle := range p.Also {
		mux.HandleFunc("GET "+path, handle)
	}
	if p.Profile && !p.Public {
		runtime.MemProfileRate = 512 << 10 // bytes, as Go has it
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	if p.Public {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !byLoopback(r.Host) {
			http.Error(w, "ask by a loopback address", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") // the reader has hung up if this fails
}

func byLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return false
	}
	ip, notIP := netip.ParseAddr(name)
	return name == "localhost" || notIP == nil && ip.IsLoopback()
}

// Bounds of the port: of a request, and of who asks at once.
const (
	maxHeader  = 16 << 10
	maxReaders = 32
	slowest    = 5 * time.Second
	longest    = 60 * time.Second // of a profile
)

// Serve answers at the listener until ctx ends.
func (p Port) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: p.Handler(), ReadTimeout: slowest, WriteTimeout: slowest, MaxHeaderBytes: maxHeader,
		IdleTimeout: slowest, ErrorLog: slog.NewLogLogger(p.Logger.Handler(), slog.LevelDebug)}
	if p.Profile {
		server.WriteTimeout = longest
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(bind.Limit(listener, maxReaders)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
