package testpki

import (
	"crypto"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/signet-tls/signet/pki"
)

// Question is what the end that verifies asks.
type Question struct {
	Host             string // "": any name will do
	Client           bool   // the peer is a TLS client
	Profile          string // whose rules: "" of RFC 5280, "web" or "workload"
	Policies         []pki.OID
	RequirePolicy    bool
	InhibitMapping   bool
	InhibitAnyPolicy bool
	MaxIntermediates *int // nil: any number
	Revocation       bool // no certificate may be revoked
}

// chain is a chain in the making. It is good until a Kind changes it.
type chain struct {
	Question
	Now     time.Time
	Path    []*draft // leaf first, the anchor last
	Sent    []*draft // what the peer sends: the path without its anchor
	Anchors []*draft // whom the other end trusts

	evidence func(*sealed) error // adds what is said of revocation
	bench    *Workbench
	kind     pki.KeyKind
}

// Workbench makes chains, and keeps the keys: making them takes longest. It is
// not safe for concurrent use.
type Workbench struct {
	Now  time.Time
	keys map[pki.KeyKind][]crypto.Signer
}

// NewWorkbench returns a workbench for chains that are good at now.
func NewWorkbench(now time.Time) *Workbench {
	return &Workbench{now, map[pki.KeyKind][]crypto.Signer{}}
}

// key returns the i-th key of its kind.
func (w *Workbench) key(kind pki.KeyKind, i int) crypto.Signer {
	for len(w.keys[kind]) <= i {
		w.keys[kind] = append(w.keys[kind], Must(newKey(kind)))
	}
	return w.keys[kind][i]
}

// chain returns a good chain of so many certificates, the root among them, for
// Host and Address. At each place stands another key.
func (w *Workbench) chain(kind pki.KeyKind, length int) *chain {
	c := &chain{Question: Question{Host: Host}, Now: w.Now, bench: w, kind: kind}
	for i := range length {
		c.Path = append(c.Path, w.draft(w.key(kind, i), i, i == length-1))
	}
	for i, d := range c.Path[:length-1] {
		d.Above = c.Path[i+1]
		d.set(pki.OIDAuthorityKeyID, false, authorityKeyID(keyID(i+1)))
	}
	c.Sent, c.Anchors = slices.Clone(c.Path[:length-1]), slices.Clone(c.Path[length-1:])
	return c
}

// goodPolicy is the leaf's certificate policy.
const goodPolicy pki.OID = "\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01"

// draft is a good certificate for its place.
func (w *Workbench) draft(key crypto.Signer, place int, root bool) *draft {
	d := &draft{Version: 3, Serial: big.NewInt(int64(1000 + place)), NotBefore: w.Now.AddDate(0, -1, 0), NotAfter: w.Now.AddDate(0, 2, 0), Key: key}
	d.set(pki.OIDSubjectKeyID, false, der(octetString, keyID(place)))
	if place == 0 {
		d.Subject = organisation(pki.OIDOrganizationalUnit, "Servers")
		d.set(pki.OIDKeyUsage, true, keyUsage(pki.DigitalSignature))
		d.set(pki.OIDExtKeyUsage, false, oids(pki.OIDServerAuth, pki.OIDClientAuth))
		d.set(pki.OIDCertificatePolicies, false, policies(goodPolicy))
		d.set(pki.OIDSubjectAltName, false, names(goodNames...))
		return d
	}
	d.Subject = organisation(pki.OIDCommonName, "Authority "+strconv.Itoa(place))
	d.set(pki.OIDBasicConstraints, true, basicConstraints(true, -1))
	d.set(pki.OIDKeyUsage, true, keyUsage(pki.KeyCertSign|pki.CRLSign))
	if !root {
		d.set(pki.OIDCertificatePolicies, false, policies(pki.OIDAnyPolicy))
	}
	return d
}

// goodNames are the leaf's names, one of each form that can be constrained.
var goodNames = [][]byte{name(pki.DNSName, Host), name(pki.IPName, "\x7f\x00\x00\x01"), name(pki.EmailName, "web@mail.example"), name(pki.URIName, "https://web.example/")}

func keyID(place int) []byte { return []byte("the key at place " + strconv.Itoa(place)) }

// organisation is the name of somebody in the organisation Example.
func organisation(kind pki.OID, text string) pki.Name {
	return pki.NewName(Must(pki.NewAttribute(pki.OIDOrganization, "Example")), Must(pki.NewAttribute(kind, text)))
}

// sealed is a chain whose certificates are signed, in the place of their drafts.
type sealed struct {
	sent, anchors []*pki.Certificate
	path          []*pki.Credential
	lists         []*pki.RevocationList
	responses     []*pki.OCSPResponse
}

// seal signs everything.
func (c *chain) seal() (*sealed, error) {
	made := map[*draft]*pki.Certificate{}
	for _, d := range slices.Concat(c.Path, c.Sent, c.Anchors) {
		if made[d] == nil {
			cert, err := d.sign()
			if err != nil {
				return nil, err
			}
			made[d] = cert
		}
	}
	s := new(sealed)
	for _, d := range c.Sent {
		s.sent = append(s.sent, made[d])
	}
	for _, d := range c.Anchors {
		s.anchors = append(s.anchors, made[d])
	}
	for i := range c.Path {
		credential := &pki.Credential{Key: c.Path[i].Key}
		for _, d := range c.Path[i:] {
			credential.Chain = append(credential.Chain, made[d])
		}
		s.path = append(s.path, credential)
	}
	if c.evidence == nil {
		return s, nil
	}
	return s, c.evidence(s)
}
