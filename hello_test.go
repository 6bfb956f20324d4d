package signet

import (
	"bytes"
	"crypto/tls"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sent returns what a client of crypto/tls sends first.
func sent(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	go tls.Client(near, &tls.Config{ServerName: "shop.example", NextProtos: []string{"h2", "http/1.1"}}).Handshake()
	first := make([]byte, 1<<14)
	n, err := far.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	near.Close()
	return first[:n]
}

// TestHello reads what crypto/tls says, however it arrives.
func TestHello(t *testing.T) {
	flight := sent(t)
	for _, size := range []int{1, 7, len(flight)} {
		reader := helloReader{kind: clientHello}
		var hello *Hello
		for rest := flight; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			for _, found := range reader.read(rest[:min(size, len(rest))]) {
				hello = found
			}
		}
		if hello == nil {
			t.Fatalf("in pieces of %d bytes: nothing was found", size)
		}
		want := &Hello{Random: [32]byte(flight[11:43]), Versions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, Suites: hello.Suites, Groups: hello.Groups,
			ServerName: "shop.example", ALPN: []string{"h2", "http/1.1"}, ExtendedMasterSecret: true}
		if diff := cmp.Diff(want, hello); diff != "" || len(hello.Suites) < 3 || len(hello.Groups) < 3 {
			t.Errorf("in pieces of %d bytes (-want +have):\n%s", size, diff)
		}
		if reader.begun != nil || reader.message != nil || reader.read(flight) != nil {
			t.Error("it goes on after the hello")
		}
	}
}

// TestHelloGivesUp holds that what is no hello, or too long for one, is not kept.
func TestHelloGivesUp(t *testing.T) {
	large := func(records int) []byte {
		return bytes.Repeat(append([]byte{22, 3, 1, 4, 0, 1, 0, 0xff, 0xff}, make([]byte, 1020)...), records)
	}
	for name, flight := range map[string][]byte{
		"plain text":         []byte("GET / HTTP/1.1\r\n\r\nand so on, for a while"),
		"an alert":           {21, 3, 3, 0, 2, 2, 40},
		"another message":    {22, 3, 1, 0, 4, 2, 0, 0, 0},
		"an empty hello":     {22, 3, 1, 0, 4, 1, 0, 0, 0},
		"one without an end": large(64),
		"a huge record":      append([]byte{22, 3, 1, 0xff, 0xff}, make([]byte, 1<<16)...),
	} {
		reader := helloReader{kind: clientHello}
		for i := range flight {
			if hello := reader.read(flight[i : i+1]); hello != nil {
				t.Errorf("%s: have %+v", name, hello)
			}
			if kept := cap(reader.begun) + len(reader.message); kept > 2*maxHello {
				t.Fatalf("%s: %d bytes are kept", name, kept)
			}
		}
		if !reader.over || reader.begun != nil || reader.message != nil {
			t.Errorf("%s: it waits for more", name)
		}
	}
}

// helloAgain is a HelloRetryRequest that asks for a group.
func helloAgain() []byte {
	body := slices.Concat([]byte{3, 3}, retryRandom[:], []byte{0, 0x13, 0x01, 0, 0, 12}, []byte{0, 43, 0, 2, 3, 4}, []byte{0, 51, 0, 2, 0, 29})
	message := append([]byte{2, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 3, 0, byte(len(message))}, message...)
}

// TestTwoHellosAtOnce holds that none is left until the next read, which need not come.
func TestTwoHellosAtOnce(t *testing.T) {
	reader := helloReader{kind: serverHello}
	hellos := reader.read(slices.Concat(helloAgain(), []byte{20, 3, 3, 0, 1, 1}, helloAgain()))
	if len(hellos) != 2 || !hellos[0].Retry || !slices.Equal(hellos[1].Versions, []uint16{tls.VersionTLS13}) {
		t.Errorf("have %+v", hellos)
	}
}

// FuzzHello holds that nothing panics, and that pieces make no difference.
func FuzzHello(f *testing.F) {
	f.Add(sent(f), 3, true)
	f.Add([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, 1, false)
	f.Add(slices.Concat(helloAgain(), []byte{20, 3, 3, 0, 1, 1}, helloAgain()), 50, false)
	f.Fuzz(func(t *testing.T, flight []byte, size int, client bool) {
		kind := serverHello
		if client {
			kind = clientHello
		}
		whole, pieces := helloReader{kind: kind}, helloReader{kind: kind}
		want, have := whole.read(flight), []*Hello(nil)
		for size = max(1, min(size, len(flight))); len(flight) > 0; {
			n := min(size, len(flight))
			have = append(have, pieces.read(flight[:n])...)
			flight = flight[n:]
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("in pieces of %d bytes (-whole +pieces):\n%s", size, diff)
		}
	})
}
