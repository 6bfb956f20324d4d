package ca

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Epoch is what a root says of a trust domain's history: from At on, its revisions
// are those of this number. It is said when a backup is restored, which gives out
// revisions again that others have seen with another content.
type Epoch struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Number      int64                `json:"epoch"`
	At          time.Time            `json:"at"`
}

// signedEpoch is an Epoch as it travels.
type signedEpoch struct {
	Statement []byte `json:"statement"` // the Epoch as JSON, letter for letter as it was signed
	Signature []byte `json:"signature"` // of epochBegin and the statement, by the root's key
	Root      []byte `json:"root"`      // its certificate, in DER
}

// epochBegin parts an epoch from all else that a root signs: no certificate begins
// with these bytes.
const epochBegin = "signet-epoch/v1\n"

// maxEpoch bounds an epoch's proof, in bytes.
const maxEpoch = 16 << 10

// SignEpoch returns the proof of an epoch by a root of its trust domain.
func SignEpoch(root *pki.Credential, epoch Epoch) ([]byte, error) {
	statement, err := json.Marshal(epoch)
	if err != nil {
		return nil, err
	}
	signature, err := pki.SignFile(root.Key, bytes.NewReader(append([]byte(epochBegin), statement...)))
	if err != nil {
		return nil, err
	}
	return json.Marshal(signedEpoch{statement, signature, root.Leaf().Raw()})
}

// ReadEpoch returns the epoch that one of the trust domain's roots has signed. Where
// there is another one it is refused with EpochUnproved.
func ReadEpoch(proof []byte, domain spiffeid.TrustDomain, roots []*pki.Certificate) (epoch Epoch, err error) {
	if len(proof) > maxEpoch {
		return epoch, unproved("its proof has %d bytes; %d are the most", len(proof), maxEpoch)
	}
	var signed signedEpoch
	if err := json.Unmarshal(proof, &signed); err != nil {
		return epoch, unproved("its proof is not readable")
	}
	at := slices.IndexFunc(roots, func(root *pki.Certificate) bool { return bytes.Equal(root.Raw(), signed.Root) })
	if at < 0 {
		return epoch, unproved("it is signed by none of the roots of %s that are believed here", domain)
	}
	if err := pki.VerifyFile(roots[at].PublicKey(), bytes.NewReader(append([]byte(epochBegin), signed.Statement...)), signed.Signature); err != nil {
		return epoch, unproved("its signature is not that of the root")
	}
	if err := json.Unmarshal(signed.Statement, &epoch); err != nil {
		return Epoch{}, unproved("what is signed is not readable")
	}
	if epoch.TrustDomain != domain || epoch.Number < 2 {
		return Epoch{}, unproved("what is signed is epoch %d of %s", epoch.Number, epoch.TrustDomain)
	}
	return epoch, nil
}

func unproved(why string, args ...any) error {
	return fault.New(EpochUnproved, "an epoch was begun that no root vouches for: "+why, args...).
		WithHint("restore the authority with its root's key: signet authority restore FILE --data DIR")
}
