// Command certificates makes what a TLS service of one's own needs: a root, a
// server's certificate, and a revocation list on which an older one stands.
//
//	go run ./examples/certificates FOLDER db.example
package main

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// nextList is when clients may expect the next revocation list.
const nextList = 7 * 24 * time.Hour

func main() {
	if len(os.Args) != 3 {
		check(errors.New("usage: certificates FOLDER HOST"))
	}
	folder, host := os.Args[1], os.Args[2]
	root := must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Example Root"}))
	server := must(root.New(pki.Spec{Profile: pki.Server, DNS: []string{host}}))
	older := must(root.New(pki.Spec{Profile: pki.Server, DNS: []string{host}}))
	lost := pki.RevocationSpec{Serial: older.Leaf().SerialNumber(), Date: time.Now(), Reason: pki.KeyCompromise}
	list := must(root.NewRevocationList(pki.RevocationListSpec{
		Number:     big.NewInt(1), // one more for each list
		NextUpdate: time.Now().Add(nextList),
		Entries:    []pki.RevocationSpec{lost},
	}))
	check(os.Mkdir(folder, 0o700)) // a new one, so that no key is overwritten
	write(folder, "root.crt", root.Leaf().PEM())
	write(folder, "root.pem", must(root.PEM())) // with its key: keep it to yourself
	write(folder, "root.crl", list.PEM())
	write(folder, "server.pem", must(server.PEM()))
	write(folder, "older.crt", older.Leaf().PEM())
	fmt.Printf("%s: %s, until %s\n", folder, server.Leaf().Title(), server.Leaf().NotAfter().Format(time.DateOnly))
}

func write(folder, name string, data []byte) {
	check(os.WriteFile(filepath.Join(folder, name), data, 0o600))
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
