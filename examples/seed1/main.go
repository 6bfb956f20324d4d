// Command seed1 says hello to a TLS server: it verifies the server before it
// sends anything, and knows whether all of the answer has arrived.
//
//	go run ./examples/seed1 localhost:8443 ca.crt
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// Bounds of what the server may send, and of how long it may take.
const (
	most     = 1 << 20 // bytes
	patience = 30 * time.Second
)

func main() {
	if len(os.Args) != 3 {
		check(errors.New("usage: seed1 HOST:PORT ROOTS"))
	}
	address, file := os.Args[1], os.Args[2]
	// region: verify, send, receive, complete
	roots := must(verify.LoadRoots(os.DirFS(filepath.Dir(file)), filepath.Base(file)))
	client := signet.Client{Roots: roots}                           // whom we believe
	conn := must(client.Dial(context.Background(), "tcp", address)) // it is who we dialed, or this fails
	check(conn.SetDeadline(time.Now().Add(patience)))
	must(conn.Write([]byte("Hello, server!")))
	check(conn.CloseWrite())    // we say that this was all
	data := must(readAll(conn)) // the server says so too, or this fails
	check(conn.Close())
	// endregion
	fmt.Printf("Received: %s\n", data)
}

// readAll reads to the end of the stream, or fails where that is too far.
func readAll(stream io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(stream, most+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("the server sent more than %d bytes", most)
	}
	return data, err
}

// must returns value, or ends the program as check does.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// check ends the program on an error, with what happened and what to do next.
func check(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if e, ok := fault.Of(err); ok {
		fmt.Fprintln(os.Stderr, "  next:", e.Hint)
	}
	os.Exit(2)
}
