package pki_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// To make an RSA key takes longer than most tests: those that only need one share it.
var sharedKeys = struct {
	sync.Mutex
	bySize map[int]*rsa.PrivateKey // guarded by Mutex
}{bySize: map[int]*rsa.PrivateKey{}}

// sharedRSA returns the RSA key of so many bits, the same each time.
func sharedRSA(bits int) *rsa.PrivateKey {
	sharedKeys.Lock()
	defer sharedKeys.Unlock()
	if sharedKeys.bySize[bits] == nil {
		sharedKeys.bySize[bits] = testpki.Must(rsa.GenerateKey(rand.Reader, bits))
	}
	return sharedKeys.bySize[bits]
}

// oneKey returns a key of the kind: a shared one of RSA, a fresh one of others.
func oneKey(kind pki.KeyKind) crypto.Signer {
	var bits int
	if _, err := fmt.Sscanf(string(kind), "RSA-%d", &bits); err == nil {
		return sharedRSA(bits)
	}
	return testpki.Must(pki.GenerateKey(kind))
}
