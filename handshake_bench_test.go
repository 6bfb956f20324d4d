package signet_test

import (
	"testing"
	"time"
)

// BenchmarkHandshake makes connections over loopback, both ends of them, and sends 100
// bytes there and back.
func BenchmarkHandshake(b *testing.B) {
	for _, kind := range []struct {
		name     string
		lifetime time.Duration
	}{{"full", -1}, {"resumed", 0}} {
		b.Run(kind.name, func(b *testing.B) {
			w := newWorld(b)
			server := w.listener()
			server.SessionLifetime = kind.lifetime
			address, _ := echoing(b, w, server)
			client := w.dialer()
			connect := func() (resumed bool) {
				conn, err := client.Dial(b.Context(), "tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				answers(b, conn)
				return conn.Peer().Resumed
			}
			connect()
			b.ReportAllocs()
			for b.Loop() {
				if want := kind.lifetime == 0; connect() != want {
					b.Fatalf("resumed: %v", !want)
				}
			}
		})
	}
}
