package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// listen is the other end: it answers whoever proves to be of the domain.
func listen(address, folder string) error {
	root := must(authority(folder))
	own := must(root.New(pki.Spec{Profile: pki.Workload, ID: id("server")}))
	roots := must(verify.ForTrustDomain(domain(), root.Leaf()))
	server := signet.Server{Identity: identity.Static(own), Roots: roots, Name: verify.Member(domain())}
	listener := must(server.Listen(context.Background(), address))
	fmt.Println("listening on", listener.Addr())
	return serve(listener, func(conn net.Conn) {
		if err := answer(conn.(*signet.Conn)); err != nil {
			fmt.Printf("%s was refused: %v\n", conn.RemoteAddr(), err)
		}
	})
}

// serve answers many at once, but not any number: the others wait.
func serve(listener net.Listener, answer func(net.Conn)) error {
	for taken := make(chan struct{}, places); ; {
		taken <- struct{}{}
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { <-taken }()
			answer(conn)
		}()
	}
}

// answer greets one client by its name. Its first read makes the handshake.
func answer(conn *signet.Conn) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	data, err := readAll(conn)
	if err != nil {
		return err
	}
	fmt.Printf("%s says: %q\n", conn.Peer().ID, data)
	_, err = fmt.Fprintf(conn, "Hello, %s!", conn.Peer().ID.Path())
	return err
}
