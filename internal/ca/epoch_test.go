package ca

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

func TestEpoch(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: now}))
	other := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: now}))
	roots := []*pki.Certificate{other.Leaf(), root.Leaf()}
	said := Epoch{demo, 2, now.UTC()}
	proof := testpki.Must(SignEpoch(root, said))
	if got, err := ReadEpoch(proof, demo, roots); err != nil || got != said {
		t.Errorf("read %+v, %v; want %+v", got, err, said)
	}
	changed := func(change func(*signedEpoch)) []byte {
		var signed signedEpoch
		if err := json.Unmarshal(proof, &signed); err != nil {
			t.Fatal(err)
		}
		change(&signed)
		return testpki.Must(json.Marshal(signed))
	}
	foreign := testpki.Must(spiffeid.ParseTrustDomain("other.signet"))
	for name, c := range map[string]struct {
		proof []byte
		want  string
	}{
		"no JSON":            {[]byte("epoch"), "not readable"},
		"too long":           {bytes.Repeat([]byte(" "), maxEpoch+1), "bytes"},
		"another's root":     {testpki.Must(SignEpoch(testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: now})), said)), "none of the roots"},
		"another's key":      {changed(func(s *signedEpoch) { s.Root = other.Leaf().Raw() }), "not that of the root"},
		"another statement":  {changed(func(s *signedEpoch) { s.Statement = bytes.Replace(s.Statement, []byte(":2"), []byte(":3"), 1) }), "not that of the root"},
		"no signature":       {changed(func(s *signedEpoch) { s.Signature = nil }), "not that of the root"},
		"another domain":     {testpki.Must(SignEpoch(root, Epoch{foreign, 2, now})), "epoch 2 of other.signet"},
		"the first":          {testpki.Must(SignEpoch(root, Epoch{demo, 1, now})), "epoch 1"},
		"signed by the same": {testpki.Must(SignEpoch(root, Epoch{demo, -4, now})), "epoch -4"},
	} {
		if got, err := ReadEpoch(c.proof, demo, roots); err == nil {
			t.Errorf("%s: read %+v", name, got)
		} else {
			wantFault(t, err, EpochUnproved, c.want)
		}
	}
}
