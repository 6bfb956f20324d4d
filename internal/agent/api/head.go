package api

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Heartbeat is how often a watch shows that the authority is alive.
const Heartbeat = 5 * time.Second

// Head says which slice is in force for one proxy. It comes with each slice, and
// then again and again, as the sign of life of an authority that has nothing new.
// Who relays it cannot make one: it is signed by a key that does nothing else.
type Head struct {
	For    spiffeid.ID `json:"for"`    // the proxy
	Epoch  int64       `json:"epoch"`  // of the revision: later ones follow a backup that was restored
	Number int64       `json:"number"` // the revision
	At     time.Time   `json:"at"`     // when it was signed, by the authority's clock
	Digest []byte      `json:"digest"` // SHA-256 of the slice
	// Signer is the certificate of the key that signed, whose purpose is
	// codeSigning, and those between it and a root, in DER.
	Signer    [][]byte `json:"signer"`
	Signature []byte   `json:"signature"`
}

// Digest is a slice's, as a Head has it.
func Digest(slice []byte) []byte {
	sum := sha256.Sum256(slice)
	return sum[:]
}

// Signed returns the bytes that the authority signs.
func (h *Head) Signed() []byte {
	return fmt.Appendf(nil, "signet-head/v1\n%s\n%d\n%d\n%s\n%x\n", h.For, h.Epoch, h.Number, h.At.UTC().Format(time.RFC3339Nano), h.Digest)
}
