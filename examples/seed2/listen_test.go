package main

import (
	"io"
	"net"
	"sync"
	"testing"
)

// TestServeBounds has more clients than places: as many as there are places are
// answered at once, and all in the end.
func TestServeBounds(t *testing.T) {
	const all = 2*places + 1
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var now, worst int // guarded by mu
	entered, turn := make(chan struct{}, all), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		serve(listener, func(conn net.Conn) {
			mu.Lock()
			now++
			worst = max(worst, now)
			mu.Unlock()
			entered <- struct{}{}
			<-turn
			mu.Lock()
			now--
			mu.Unlock()
			conn.Close()
		})
	}()
	clients := make([]net.Conn, all)
	for i := range clients {
		if clients[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	for range places {
		<-entered
	}
	for range all {
		turn <- struct{}{}
	}
	for _, client := range clients {
		if _, err := io.ReadAll(client); err != nil {
			t.Error(err)
		}
	}
	listener.Close()
	<-ended
	if worst != places {
		t.Errorf("%d were answered at once, want %d", worst, places)
	}
}
