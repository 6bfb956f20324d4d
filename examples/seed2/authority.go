package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what a peer may send, of how long it may take, and of how many there
// are at once: together, of memory.
const (
	most     = 1 << 20 // bytes
	places   = 64      // connections
	patience = 30 * time.Second
)

// domain is the trust domain of both ends.
func domain() spiffeid.TrustDomain { return must(spiffeid.ParseTrustDomain("seed.example")) }

// id is an identity of the trust domain.
func id(name string) spiffeid.ID { return must(domain().ID(name)) }

// authority returns the trust domain's root with its key, which the folder
// keeps; the first time it makes them.
func authority(folder string) (*pki.Credential, error) {
	root, err := identity.Load(os.DirFS(folder), "root.pem")
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	root, err = pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Seed Root"})
	if err != nil {
		return nil, err
	}
	secret, err := root.PEM()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	return root, os.WriteFile(filepath.Join(folder, "root.pem"), secret, 0o600)
}

// readAll reads to the end of the stream, or fails where that is too far.
func readAll(stream io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(stream, most+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("the peer sent more than %d bytes", most)
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
