package recognise_test

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
)

// TestLargeList reads a revocation list that is larger than any other file may be,
// in both forms, and says who signed it.
func TestLargeList(t *testing.T) {
	ca, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Root"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	spec := pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: now.Add(time.Hour)}
	for n := range int64(500_000) {
		serial := new(big.Int).Lsh(big.NewInt(n+1), 100)
		spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: serial, Date: now, Reason: pki.Superseded})
	}
	list, err := ca.NewRevocationList(spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Raw()) <= pki.MaxInput {
		t.Fatalf("the list has only %d bytes", len(list.Raw()))
	}
	for _, data := range [][]byte{list.Raw(), list.PEM()} {
		begin := time.Now()
		objects, err := recognise.Read(data, recognise.Options{})
		if err != nil || len(objects) != 1 || objects[0].Err != nil || objects[0].List.Len() != 500_000 {
			t.Fatalf("have %v, %+v", err, objects)
		}
		authority := &recognise.Object{Kind: recognise.Certificate, Certificate: ca.Leaf()}
		recognise.Relate(append(objects, authority))
		if objects[0].Issuer != authority {
			t.Error("the signer is not known")
		}
		t.Logf("%d bytes took %s", len(data), time.Since(begin))
	}
	for _, data := range [][]byte{make([]byte, pki.MaxInput+1), append(list.PEM(), make([]byte, pki.MaxCRL)...)} {
		if _, err := recognise.Read(data, recognise.Options{}); !errors.Is(err, pki.InputTooLarge) {
			t.Errorf("%d bytes: have %v, want %s", len(data), err, pki.InputTooLarge)
		}
	}
}
