package signet_test

import (
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signet-tls/signet"
)

// echoing is a listener whose connections send back what they get; dial makes
// one, which ends with the test.
func echoing(t testing.TB, w *world, server *signet.Server) (address string, dial func() *signet.Conn) {
	t.Helper()
	listener, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	address = listener.Addr().String()
	return address, func() *signet.Conn {
		t.Helper()
		conn, err := w.dialer().Dial(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

// answers sends 100 bytes over an echoing connection and wants them back.
func answers(t testing.TB, conn *signet.Conn) {
	t.Helper()
	line := make([]byte, 100)
	if _, err := conn.Write(line); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, line); err != nil {
		t.Fatal(err)
	}
}

// stranger connects and stalls: silent, or in the middle of its hello.
func stranger(t testing.TB, address string, silent bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if !silent {
		conn.Write(beginning(2000))
	}
}

// TestHalfOpen has more strangers at a listener than it makes handshakes for:
// established connections go on, and new ones are made.
func TestHalfOpen(t *testing.T) {
	const many = 400
	w := newWorld(t)
	server := w.listener()
	server.MaxHandshakes = many / 8
	address, dial := echoing(t, w, server)
	established := dial()
	for i := range many {
		stranger(t, address, i%2 == 0)
		answers(t, established)
	}
	answers(t, dial())
	answers(t, established)
}

// BenchmarkHalfOpen measures how long 100 bytes there and back take on an
// established connection, with and without strangers at the listener: the
// median and the 99th percentile of 10,000.
func BenchmarkHalfOpen(b *testing.B) {
	for _, many := range []int{0, 5000} {
		b.Run(strconv.Itoa(many), func(b *testing.B) {
			w := newWorld(b)
			server := w.listener()
			server.HandshakeTimeout = time.Hour // or the strangers would be gone by the end
			address, dial := echoing(b, w, server)
			established := dial()
			for i := range many {
				stranger(b, address, i%2 == 0)
			}
			for b.Loop() {
				took := make([]time.Duration, 10_000)
				for i := range took {
					start := time.Now()
					answers(b, established)
					took[i] = time.Since(start)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			}
		})
	}
}
