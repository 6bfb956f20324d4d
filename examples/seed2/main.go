// Command seed2 is either end of a connection on which both prove who they are.
// The folder holds the authority that both believe; the first run makes it.
//
//	go run ./examples/seed2 listen localhost:8444 demo
//	go run ./examples/seed2 localhost:8444 demo          (in a second terminal)
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "listen" {
		check(listen(os.Args[2], os.Args[3]))
	}
	if len(os.Args) != 3 {
		check(errors.New("usage: seed2 [listen] HOST:PORT FOLDER"))
	}
	address, folder := os.Args[1], os.Args[2]
	// region: make an identity, mutual TLS
	root := must(authority(folder))                                          // whom both ends believe
	own := must(root.New(pki.Spec{Profile: pki.Workload, ID: id("client")})) // our key, and its certificate
	roots := must(verify.ForTrustDomain(domain(), root.Leaf()))
	client := signet.Client{Roots: roots, Name: verify.ID(id("server")), Identity: identity.Static(own)}
	conn := must(client.Dial(context.Background(), "tcp", address)) // it is the server, or this fails
	check(conn.SetDeadline(time.Now().Add(patience)))
	must(conn.Write([]byte("Hello, World!")))
	check(conn.CloseWrite())
	data := must(readAll(conn)) // it accepted who we are and says that this was all, or this fails
	check(conn.Close())
	// endregion
	fmt.Printf("%s\n", data)
}
