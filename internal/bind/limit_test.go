package bind

import (
	"net"
	"sync"
	"testing"
)

func TestLimit(t *testing.T) {
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const most = 2
	listener := Limit(under, most)
	accepted := make(chan net.Conn)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(accepted)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	})
	for range most + 1 {
		conn, err := net.Dial("tcp", under.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first, second := <-accepted, <-accepted
	if places := listener.(limited).places; len(places) != cap(places) {
		t.Errorf("%d of %d places are taken", len(places), cap(places))
	}
	first.Close()
	first.Close() // gives no second place back
	third := <-accepted
	second.Close()
	third.Close()
	listener.Close()
	if conn, ok := <-accepted; ok {
		conn.Close()
		t.Error("there was a fourth connection")
	}
	wg.Wait()
	if places := listener.(limited).places; len(places) != 0 {
		t.Errorf("%d places are still taken", len(places))
	}
}
