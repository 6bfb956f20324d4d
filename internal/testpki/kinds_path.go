package testpki

import (
	"math/big"
	"slices"
	"strconv"

	"github.com/signet-tls/signet/pki"
)

const (
	vouched = "RFC 5280, section 6.1: the path ends at a trust anchor"
	bounds  = "a written bound of what is spent on one chain"
)

// pathKinds are about where a chain leads.
var pathKinds = []Kind{
	{Name: "no certificate", Code: "no_peer_certificate", Rule: "RFC 8446, section 4.4.2: a server sends one", place: atLeaf, make: func(c *chain, _ int) { c.Sent = nil }},
	{Name: "self-signed", Code: "self_signed", Rule: vouched, place: atLeaf, make: func(c *chain, _ int) {
		c.Path[0].Above, c.Sent = nil, c.Sent[:1]
		c.Path[0].set(pki.OIDAuthorityKeyID, false, authorityKeyID(keyID(0)))
	}},
	{Name: "unknown root", Code: "unknown_root", Rule: vouched, place: rootAboveAnother, fault: theOneBelow, make: stranger("Another Root", "another key")},
	{Name: "unknown root, sent along", Code: "unknown_root", Rule: vouched, place: atRoot, make: func(c *chain, at int) {
		c.Sent = c.Path
		stranger("Another Root", "another key")(c, at)
	}},
	{Name: "root of the same name", Code: "unknown_root", Rule: vouched, place: atRoot, fault: theOneBelow, make: func(c *chain, at int) {
		stranger("Authority "+strconv.Itoa(at), "another key")(c, at)
		c.Anchors[0].Subject = c.Path[at].Subject
	}},
	{Name: "root of the same name and key identifier", Code: "signature_invalid", Rule: "RFC 5280, section 6.1.3 (a)(1): the issuer's key made the signature", place: atRoot, fault: theOneBelow,
		make: func(c *chain, at int) {
			c.Anchors = []*draft{c.Path[at].clone()}
			c.Anchors[0].Key = c.bench.key(c.kind, len(c.Path))
		}},
	{Name: "missing intermediate", Code: "chain_incomplete", Rule: vouched, place: atFirst, fault: theOneBelow, make: omit},
	{Name: "missing upper intermediate", Code: "unknown_root", Rule: vouched, place: atUpper, fault: theOneBelow, make: omit},
	{Name: "loop", Code: "unknown_root", Rule: vouched, place: atUpper, make: func(c *chain, at int) {
		low := c.Path[at-1]
		c.Path[at].Above = low // each vouches for the other
		c.Path[at].set(pki.OIDAuthorityKeyID, false, authorityKeyID(keyID(at-1)))
		c.Sent = c.Path[:at+1]
	}},
	{Name: "more certificates than are looked at", Code: "budget_exceeded", Rule: bounds, place: atLeaf, make: func(c *chain, _ int) {
		c.Sent = append(c.Sent, slices.Repeat(c.Sent[:1], 64)...)
	}},
	{Name: "more bytes than are looked at", Code: "budget_exceeded", Rule: bounds, place: belowRoot, fault: theLeaf,
		make: set("\x2b\x06\x01\x04\x01\x86\x8d\x1f\x08", false, make([]byte, 256<<10))},
	{Name: "more policies than are processed", Code: "budget_exceeded", Rule: bounds, place: atIntermediate, fault: theLeaf, make: func(c *chain, at int) {
		required(c, at)
		all := []pki.OID{goodPolicy}
		for i := range 20_000 {
			all = append(all, goodPolicy[:8]+pki.OID([]byte{0x81 + byte(i>>14), 0x80 | byte(i>>7), byte(i) & 0x7f}))
		}
		c.Path[at].set(pki.OIDCertificatePolicies, false, policies(all...))
	}},
	{Name: "longer than is built", Code: "path_too_long", Rule: bounds, place: atLeaf, fault: func(_, _ int) int { return 11 }, make: func(c *chain, _ int) {
		long := c.bench.chain(pki.P256, 13)
		c.Path, c.Sent, c.Anchors = long.Path, long.Sent, long.Anchors
	}},
	{Name: "more paths than are tried", Code: "budget_exceeded", Rule: bounds, place: atLeaf, make: func(c *chain, _ int) { crowd(c, 7) }},
	{Name: "more names than are compared", Code: "budget_exceeded", Rule: bounds, place: atAuthority, fault: theLeaf, make: func(c *chain, at int) {
		var many, trees [][]byte
		for i := range 300 {
			many = append(many, name(pki.DNSName, "h"+strconv.Itoa(i)+".example"))
			trees = append(trees, name(pki.DNSName, "no"+strconv.Itoa(i)+".example"))
		}
		c.Path[0].set(pki.OIDSubjectAltName, false, names(append(many, goodNames...)...))
		exclude(trees...)(c, at)
	}},
}

// stranger puts another root in the place of the trusted one.
func stranger(name, id string) func(*chain, int) {
	return func(c *chain, at int) {
		root := c.bench.draft(c.bench.key(c.kind, len(c.Path)), at, true)
		root.Subject = organisation(pki.OIDCommonName, name)
		root.set(pki.OIDSubjectKeyID, false, der(octetString, []byte(id)))
		c.Anchors = []*draft{root}
	}
}

// omit does not send the certificate.
func omit(c *chain, at int) { c.Sent = slices.Delete(c.Sent, at, at+1) }

// crowd adds authorities of one name in layers, all of whose certificates fit
// all of the layer above, and none an anchor.
func crowd(c *chain, layers int) {
	const wide = 4
	var above []*draft
	c.Path[0].Issuer = nil
	for layer := layers; layer > 0; layer-- {
		subject := organisation(pki.OIDCommonName, "Layer "+strconv.Itoa(layer))
		key := c.bench.key(pki.P256, layer)
		var these []*draft
		for i := range wide {
			d := c.bench.draft(key, layer, false)
			d.Subject, d.Serial = subject, big.NewInt(int64(100*layer+i))
			if above != nil {
				d.Above = above[0]
			} else {
				nobody := commonName("Nobody")
				d.Issuer = &nobody
			}
			d.set(pki.OIDAuthorityKeyID, false, authorityKeyID(keyID(layer+1)))
			these = append(these, d)
		}
		c.Sent, above = append(c.Sent, these...), these
	}
	c.Path[0].Above = above[0]
	c.Sent = append(c.Sent[:1:1], c.Sent[len(c.Sent)-wide*layers:]...)
}
