package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// Both ends in one program: what one drains is fed to the other.
func Example() {
	authority := testpki.Must(testpki.New(time.Now()))
	client := &signet.Client{Roots: testpki.Must(verify.NewRoots("demo", authority.Roots()...))}
	server := &signet.Server{Public: true, Identity: identity.Static(testpki.Must(authority.Server("orders.example")))}

	near := engine.Client(context.Background(), client, "orders.example")
	far := engine.Server(context.Background(), server)
	for near.Conn() == nil || far.Conn() == nil {
		for _, err := range []error{near.Handshake(), far.Handshake()} {
			if err != nil && err != engine.WantRead {
				fmt.Println(err)
				return
			}
		}
		far.Feed(near.Drain())
		near.Feed(far.Drain())
	}
	near.Write([]byte("hello"))
	far.Feed(near.Drain())
	buffer := make([]byte, 100)
	n, err := far.Read(buffer)
	fmt.Printf("%s %v\n", buffer[:n], err)
	_, err = far.Read(buffer)
	fmt.Println(err == engine.WantRead)
	// Output:
	// hello <nil>
	// true
}
