package proxy_test

import (
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/signet-tls/signet/internal/proxy"
)

// TestIdleHoldsNoBuffer has connections through both proxies that have carried
// something and then nothing more: what they hold is less than two of the four
// buffers that move their bytes. Loops have them hold no goroutine either, but those of
// the service that echoes.
func TestIdleHoldsNoBuffer(t *testing.T) {
	const many = 200
	most, goroutines := int64(64<<10), 8 // bytes; of each connection
	if dataPath == proxy.Record {
		most, goroutines = 16<<10, 1
	}
	// Sizes at which a reader cannot tell from what it got whether there is more.
	sizes := []int{1, 512, 16 << 10, 32 << 10}
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			w := newWorldOf(t, setup{names: []string{"ann"}, backend: echo(t, network)})
			w.allow("ann")
			use := func(i int) net.Conn {
				conn := w.dial(w.doors[0])
				said, heard := noise(sizes[i%len(sizes)]), make([]byte, sizes[i%len(sizes)])
				if _, err := conn.Write(said); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, heard); err != nil || string(heard) != string(said) {
					t.Fatalf("connection %d: %d bytes did not come back: %v", i, len(said), err)
				}
				return conn
			}
			use(0) // what is made once is there
			before, running := heap(), runtime.NumGoroutine()
			for i := range many {
				use(i)
			}
			each := (int64(heap()) - int64(before)) / many
			t.Logf("%d bytes each", each)
			if each > most {
				t.Errorf("an idle connection holds %d bytes of the heap", each)
			}
			if more := runtime.NumGoroutine() - running; more > goroutines*many+many/4 {
				t.Errorf("%d idle connections have %d goroutines", many, more)
			}
			if n := len(w.conns().Conns); n != many+1 {
				t.Errorf("%d connections are open, want %d", n, many+1)
			}
		})
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool kept goes with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// echo is a service that sends back what it gets.
func echo(t *testing.T, network string) proxy.Address {
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	return program(t, network, address, func(conn net.Conn) {
		buffer := make([]byte, 512)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			if _, err := conn.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
}
