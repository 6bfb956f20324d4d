package pki_test

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"runtime"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// manyRevoked is a list of so many entries: serial numbers of 16 bytes that are
// digests, as good as random, each fourth without a reason.
func manyRevoked(count int) []pki.RevocationSpec {
	entries := make([]pki.RevocationSpec, count)
	for i := range entries {
		entries[i] = pki.RevocationSpec{Serial: serialOf(i), Date: now, Reason: pki.Reason(i % 4)}
	}
	return entries
}

func serialOf(i int) *big.Int {
	sum := sha256.Sum256(fmt.Appendf(nil, "serial %d", i))
	return new(big.Int).SetBytes(sum[:16])
}

func bigList(count int) *pki.RevocationList {
	fixture := testpki.Must(testpki.New(now))
	return testpki.Must(fixture.Root.NewRevocationList(pki.RevocationListSpec{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7), Entries: manyRevoked(count)}))
}

// BenchmarkRevocationList loads a list and finds serial numbers in it. Memory is
// what the list keeps beside its DER, as a part of that.
func BenchmarkRevocationList(b *testing.B) {
	for _, count := range []int{1_000, 100_000, 1_000_000} {
		list := bigList(count)
		raw := list.Raw()
		b.Run(fmt.Sprintf("load/%d", count), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				testpki.Must(pki.ParseRevocationLists(raw))
			}
			runtime.KeepAlive(raw)
		})
		issuer := list.Issuer()
		hits := []*big.Int{}
		for i := range 4096 {
			hits = append(hits, serialOf(i*(count/1000)%count))
		}
		b.Run(fmt.Sprintf("hit/%d", count), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := list.Lookup(issuer, hits[i%len(hits)]); !ok {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("miss/%d", count), func(b *testing.B) {
			absent := serialOf(count)
			for b.Loop() {
				if _, ok := list.Lookup(issuer, absent); ok {
					b.Fatal("found")
				}
			}
		})
		b.Run(fmt.Sprintf("walk/%d", count), func(b *testing.B) {
			for b.Loop() {
				for range list.Entries() {
				}
			}
		})
	}
}
