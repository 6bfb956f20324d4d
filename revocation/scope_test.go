package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	_ "crypto/sha1" // of signatures that count only where they are permitted
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// point is a distribution point as certificates have it (RFC 5280, section
// 4.2.1.13).
type point struct {
	Name    pointName       `asn1:"optional,tag:0"`
	Reasons asn1.BitString  `asn1:"optional,tag:1"`
	Issuer  []asn1.RawValue `asn1:"optional,omitempty,tag:2"`
}

type pointName struct {
	Full     []asn1.RawValue `asn1:"optional,omitempty,tag:0"`
	Relative asn1.RawValue   `asn1:"optional"`
}

func uri(text string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(text)}
}

func directory(name pki.Name) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name.DER()}
}

// relative is one relative name: the only one of a name, without its SET.
func relative(name pki.Name) asn1.RawValue {
	var sets []asn1.RawValue
	testpki.Must(asn1.Unmarshal(name.DER(), &sets))
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: sets[0].Bytes}
}

// pointed is the rig with a certificate that has these points.
func pointed(points ...point) rig {
	return naming(func(c *x509.Certificate) {
		if len(points) > 0 {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: testpki.Must(asn1.Marshal(points))}}
		}
	})
}

// specified is a list of the rig's issuer, an hour old.
func (r rig) specified(signer *pki.Credential, change func(*pki.RevocationListSpec)) *pki.RevocationList {
	spec := pki.RevocationListSpec{Number: big.NewInt(5), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	change(&spec)
	return testpki.Must(signer.NewRevocationList(spec))
}

func (r rig) entry(reason pki.Reason) []pki.RevocationSpec {
	return []pki.RevocationSpec{{Serial: r.cert.SerialNumber(), Date: now.Add(-2 * time.Hour), Reason: reason}}
}

// TestScopes: a list counts for what it is about (RFC 5280, section 6.3.3 (b)).
func TestScopes(t *testing.T) {
	elsewhere := &pki.PointName{Full: []pki.GeneralName{{Kind: pki.URIName, Raw: []byte("http://elsewhere.example/")}}}
	here := &pki.PointName{Full: []pki.GeneralName{elsewhere.Full[0], {Kind: pki.URIName, Raw: []byte(listURL)}}}
	last := testpki.Must(pki.ParseName("CN=part 1"))
	plain := pointed()
	own := &pki.PointName{Full: []pki.GeneralName{{Kind: pki.DirectoryName, Raw: plain.cert.Issuer().DER()}}}
	atURL := point{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}}
	atRelative := point{Name: pointName{Relative: relative(last)}}
	for _, test := range []struct {
		name  string
		rig   rig
		scope pki.IssuingPoint
		want  revocation.Status
	}{
		{"users, of a user", plain, pki.IssuingPoint{OnlyUsers: true}, revocation.Good},
		{"authorities, of a user", plain, pki.IssuingPoint{OnlyAuthorities: true}, revocation.Unknown},
		{"attribute holders", plain, pki.IssuingPoint{OnlyAttributeHolders: true}, revocation.Unknown},
		{"some reasons", plain, pki.IssuingPoint{Reasons: 0x06}, revocation.Unknown},
		{"all reasons by name", plain, pki.IssuingPoint{Reasons: 0x1fe}, revocation.Good},
		{"a point, of one without any", plain, pki.IssuingPoint{Name: elsewhere}, revocation.Unknown},
		{"the issuer's own name", plain, pki.IssuingPoint{Name: own}, revocation.Good},
		{"the point", pointed(atURL), pki.IssuingPoint{Name: here}, revocation.Good},
		{"another point", pointed(atURL), pki.IssuingPoint{Name: elsewhere}, revocation.Unknown},
		{"a relative point", pointed(atRelative), pki.IssuingPoint{Name: &pki.PointName{Relative: last}}, revocation.Good},
		{"another relative point", pointed(atRelative), pki.IssuingPoint{Name: &pki.PointName{Relative: testpki.Must(pki.ParseName("CN=part 2"))}}, revocation.Unknown},
		{"indirect, and of the issuer itself", plain, pki.IssuingPoint{Indirect: true}, revocation.Good},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := test.rig.specified(test.rig.issuer, func(s *pki.RevocationListSpec) { s.Point = &test.scope })
			if answer := test.rig.ask(t, []*pki.RevocationList{list}); answer.Status != test.want {
				t.Errorf("have %+v, want %d", answer, test.want)
			}
		})
	}
	authority := naming(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	for scope, want := range map[pki.IssuingPoint]revocation.Status{{OnlyUsers: true}: revocation.Unknown, {OnlyAuthorities: true}: revocation.Good} {
		list := authority.specified(authority.issuer, func(s *pki.RevocationListSpec) { s.Point = &scope })
		if answer := authority.ask(t, []*pki.RevocationList{list}); answer.Status != want {
			t.Errorf("%+v, of an authority: have %+v, want %d", scope, answer, want)
		}
	}
}

// forged is a list that signs exactly these extensions, with any hash function.
func (r rig) forged(hash crypto.Hash, age time.Duration, extensions ...pkix.Extension) *pki.RevocationList {
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	if hash == crypto.SHA1 {
		algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	}
	made := pkix.CertificateList{SignatureAlgorithm: algorithm}
	list := &made.TBSCertList
	list.Version, list.Signature, list.Extensions = 1, algorithm, extensions
	list.ThisUpdate, list.NextUpdate = now.Add(-age), now.Add(time.Hour)
	testpki.Must(asn1.Unmarshal(r.issuer.Leaf().Subject().DER(), &list.Issuer))
	digest := hash.New()
	digest.Write(testpki.Must(asn1.Marshal(*list)))
	signature := testpki.Must(r.issuer.Key.Sign(rand.Reader, digest.Sum(nil), hash))
	made.SignatureValue = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return testpki.Must(pki.ParseRevocationLists(testpki.Must(asn1.Marshal(made))))[0]
}

// TestReasons: lists for some reasons each count together, once all are covered.
func TestReasons(t *testing.T) {
	r := pointed(point{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}})
	part := func(reasons pki.ReasonFlags, entries []pki.RevocationSpec) *pki.RevocationList {
		return r.specified(r.issuer, func(s *pki.RevocationListSpec) {
			s.Point, s.Entries = &pki.IssuingPoint{Reasons: reasons}, entries
		})
	}
	first, second := part(0x06, nil), part(0x1f8, nil)
	wantAnswer(t, r.ask(t, []*pki.RevocationList{first}), revocation.Unknown, "about some reasons alone: Key Compromise, CA Compromise")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{first, first}), revocation.Unknown, "about some reasons alone")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{first, second}), revocation.Good, "")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{first, part(0x1f8, r.entry(pki.Superseded))}), revocation.Revoked, "")
	// What revokes is what is told of, whatever comes after it.
	older := r.specified(r.issuer, func(s *pki.RevocationListSpec) {
		s.Point, s.ThisUpdate = &pki.IssuingPoint{Reasons: 0x06}, now.Add(-2*time.Hour)
	})
	answer := r.ask(t, []*pki.RevocationList{older, part(0x1f8, r.entry(pki.Superseded))})
	if answer.Status != revocation.Revoked || !answer.ThisUpdate.Equal(now.Add(-time.Hour)) {
		t.Errorf("have %+v, want what the list of an hour ago says", answer)
	}
	// A point for some reasons alone; the issuer's own list is for the others.
	r = pointed(point{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}, Reasons: asn1.BitString{Bytes: []byte{0x60}, BitLength: 3}})
	wantAnswer(t, r.ask(t, []*pki.RevocationList{part(0x06, nil)}), revocation.Unknown, "about some reasons alone")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{r.list(r.issuer, time.Hour)}), revocation.Good, "")
}

// TestIndirect: another's list counts where the certificate says so, the list says
// so too, and its signer is trusted (RFC 5280, section 6.3.3 (b), (f)).
func TestIndirect(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	lister := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Lister"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCRLSign}, fixture.Root))
	name := lister.Leaf().Subject()
	r := pointed(point{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}, Issuer: []asn1.RawValue{uri("http://not.a.name/"), directory(name)}})
	short := pointed(point{Issuer: []asn1.RawValue{directory(name)}})
	part := testpki.Must(pki.ParseName("CN=part 1"))
	below := pointed(point{Name: pointName{Relative: relative(part)}, Issuer: []asn1.RawValue{uri("http://not.a.name/"), directory(name)}})
	foreign := pointed(point{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}, Issuer: []asn1.RawValue{uri("http://not.a.name/")}})
	list := func(r rig, point *pki.IssuingPoint, entries []pki.RevocationSpec) *pki.RevocationList {
		return r.specified(lister, func(s *pki.RevocationListSpec) { s.Point, s.Entries = point, entries })
	}
	about := func(r rig, issuer pki.Name) []pki.RevocationSpec {
		entries := r.entry(pki.KeyCompromise)
		entries[0].Issuer = issuer
		return entries
	}
	indirect := &pki.IssuingPoint{Indirect: true}
	named := func(names ...pki.GeneralName) *pki.IssuingPoint {
		return &pki.IssuingPoint{Indirect: true, Name: &pki.PointName{Full: names}}
	}
	for _, test := range []struct {
		name    string
		rig     rig
		list    *pki.RevocationList
		trusted bool
		want    revocation.Status
	}{
		{"not on it", r, list(r, indirect, nil), true, revocation.Good},
		{"on it", r, list(r, indirect, about(r, r.issuer.Leaf().Subject())), true, revocation.Revoked},
		{"the same number of another issuer", r, list(r, indirect, about(r, name)), true, revocation.Good},
		{"not trusted", r, list(r, indirect, nil), false, revocation.Unknown},
		{"not indirect", r, list(r, &pki.IssuingPoint{OnlyUsers: true}, nil), true, revocation.Unknown},
		{"of the point", r, list(r, named(pki.GeneralName{Kind: pki.URIName, Raw: []byte(listURL)}), nil), true, revocation.Good},
		{"of the point's issuer", short, list(short, named(pki.GeneralName{Kind: pki.DirectoryName, Raw: name.DER()}), nil), true, revocation.Good},
		{"of a part of the point's issuer", below, list(below, &pki.IssuingPoint{Indirect: true, Name: &pki.PointName{Relative: part}}, nil), true, revocation.Good},
		{"of a certificate that names nobody", pointed(), list(r, indirect, nil), true, revocation.Unknown},
		{"of a certificate that names a place alone", foreign, list(foreign, indirect, nil), true, revocation.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := revocation.Question{Cert: test.rig.cert, Issuer: test.rig.issuer.Leaf(), Now: now, Signers: []*pki.Certificate{test.rig.cert, lister.Leaf()},
				Trust: func(signer *pki.Certificate) bool { return test.trusted && signer.Equal(lister.Leaf()) }}
			answer := testpki.Must(revocation.New([]*pki.RevocationList{test.list}, nil)).Ask(q)
			if answer.Status != test.want || answer.Status != revocation.Unknown && !answer.Signer.Equal(lister.Leaf()) {
				t.Errorf("have %+v, want %d", answer, test.want)
			}
		})
	}
}

// TestDeltas: the newest delta that fits a complete list counts before it (RFC
// 5280, section 6.3.3 (c)).
func TestDeltas(t *testing.T) {
	r := pointed()
	complete := func(number int64, next time.Duration, entries []pki.RevocationSpec) *pki.RevocationList {
		return r.specified(r.issuer, func(s *pki.RevocationListSpec) {
			s.Number, s.NextUpdate, s.Entries = big.NewInt(number), now.Add(next), entries
		})
	}
	delta := func(base, number int64, next time.Duration, entries []pki.RevocationSpec, change ...func(*pki.RevocationListSpec)) *pki.RevocationList {
		return r.specified(r.issuer, func(s *pki.RevocationListSpec) {
			s.Base, s.Number, s.NextUpdate, s.Entries = big.NewInt(base), big.NewInt(number), now.Add(next), entries
			for _, c := range change {
				c(s)
			}
		})
	}
	held, removed, lost := r.entry(pki.CertificateHold), r.entry(pki.RemoveFromCRL), r.entry(pki.KeyCompromise)
	critical := func(s *pki.RevocationListSpec) {
		s.Extensions = []pki.Extension{{ID: testpki.Must(pki.ParseOID("1.2.3")), Critical: true, Value: []byte{5, 0}}}
	}
	for _, test := range []struct {
		name  string
		lists []*pki.RevocationList
		want  revocation.Status
		told  string // of a delta
	}{
		{"good, and still good", []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, time.Hour, nil)}, revocation.Good, ""},
		{"revoked since", []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, time.Hour, lost)}, revocation.Revoked, ""},
		{"the delta before the list", []*pki.RevocationList{delta(5, 6, time.Hour, lost), complete(5, time.Hour, nil)}, revocation.Revoked, ""},
		{"held, and let go", []*pki.RevocationList{complete(5, time.Hour, held), delta(5, 6, time.Hour, removed)}, revocation.Good, ""},
		{"held, let go, and lost", []*pki.RevocationList{complete(5, time.Hour, held), delta(5, 7, time.Hour, lost), delta(5, 6, time.Hour, removed)}, revocation.Revoked, ""},
		{"an older base", []*pki.RevocationList{complete(5, time.Hour, nil), delta(4, 6, time.Hour, lost)}, revocation.Revoked, ""},
		{"a newer base", []*pki.RevocationList{complete(5, time.Hour, nil), delta(6, 7, time.Hour, lost)}, revocation.Good, "it changes list number 6, and that which is at hand is 5"},
		{"older than the list", []*pki.RevocationList{complete(5, time.Hour, nil), delta(4, 5, time.Hour, lost)}, revocation.Good, ""},
		{"out of date", []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, -time.Minute, lost)}, revocation.Good, "it is out of date since"},
		{"of another scope", []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, time.Hour, lost, func(s *pki.RevocationListSpec) { s.Point = &pki.IssuingPoint{OnlyUsers: true} })}, revocation.Good, ""},
		{"a list out of date, with a delta that is not", []*pki.RevocationList{complete(5, -time.Minute, nil), delta(5, 6, time.Hour, nil)}, revocation.Good, ""},
		{"alone", []*pki.RevocationList{delta(5, 6, time.Hour, nil)}, revocation.Unknown, "the complete list that it changes is not at hand"},
		{"with what is not understood", []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, time.Hour, lost, critical)}, revocation.Good, "has a critical extension"},
		{"altered", []*pki.RevocationList{complete(5, time.Hour, nil), damaged(delta(5, 6, time.Hour, lost))}, revocation.Good, "its signature does not hold"},
		{"of a stranger of the issuer's name", []*pki.RevocationList{complete(5, time.Hour, nil), testpki.Must(r.stranger.NewRevocationList(pki.RevocationListSpec{Base: big.NewInt(5), Number: big.NewInt(6), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}))}, revocation.Good, "it names another key than the complete list"},
		{"of somebody else", []*pki.RevocationList{complete(5, time.Hour, nil), testpki.Must(testpki.Must(testpki.New(now)).Root.NewRevocationList(pki.RevocationListSpec{Base: big.NewInt(5), Number: big.NewInt(6), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}))}, revocation.Good, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := r.ask(t, test.lists)
			about := strings.Join(answer.Missing, "; ")
			if answer.Status != test.want || (about == "") != (test.told == "") || !strings.Contains(about, test.told) {
				t.Errorf("have %+v, want %d, and %q of what was passed over", answer, test.want, test.told)
			}
			if test.told != "" && (len(answer.Missing) != 1 || !strings.HasPrefix(about, "the delta list of CN=Demo Intermediate ")) {
				t.Errorf("have %q, want one thing about the delta", answer.Missing)
			}
		})
	}
	answer := r.ask(t, []*pki.RevocationList{complete(5, time.Hour, nil), delta(5, 6, time.Minute, nil)})
	if !answer.NextUpdate.Equal(now.Add(time.Minute)) {
		t.Errorf("have %+v, want the dates of the delta", answer)
	}
	scopes := complete(5, time.Hour, nil).Extensions()
	key := scopes[slices.IndexFunc(scopes, func(e pki.Extension) bool { return e.ID == pki.OIDAuthorityKeyID })]
	unnumbered := r.forged(crypto.SHA256, time.Hour, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: key.Value})
	wantAnswer(t, r.ask(t, []*pki.RevocationList{unnumbered, delta(5, 6, time.Hour, lost)}), revocation.Good, "")
	list := r.specified(r.issuer, critical)
	wantAnswer(t, r.ask(t, []*pki.RevocationList{list}), revocation.Unknown, "critical extension that is not understood, 1.2.3")
}

// TestForm: a list that breaks the rules of its form does not count.
func TestForm(t *testing.T) {
	r := pointed()
	made := func(extra ...pkix.Extension) *pki.RevocationList {
		x := testpki.Must(r.issuer.Leaf().X509())
		der := testpki.Must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(5), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), ExtraExtensions: extra}, x, r.issuer.Key))
		return testpki.Must(pki.ParseRevocationLists(der))[0]
	}
	wantAnswer(t, r.ask(t, []*pki.RevocationList{made()}), revocation.Good, "")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{made(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Value: []byte{5, 0}})}), revocation.Unknown, "scope that cannot be read")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{made(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 46}, Value: []byte{5, 0}})}), revocation.Unknown, "cannot be used")
	number := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 20}, Critical: true, Value: []byte{2, 1, 5}}
	wantAnswer(t, r.ask(t, []*pki.RevocationList{r.forged(crypto.SHA256, time.Hour, number)}), revocation.Unknown, "CRL Number as critical")
	names := make([]asn1.RawValue, 64)
	for i := range names {
		names[i] = uri(listURL)
	}
	wantAnswer(t, pointed(point{Name: pointName{Full: names}}).ask(t, []*pki.RevocationList{made()}), revocation.Unknown, "65 names; 64 are looked at")
	r = pointed(point{Name: pointName{Full: names[:31]}, Issuer: names[:32]})
	wantAnswer(t, r.ask(t, []*pki.RevocationList{made()}), revocation.Good, "")
	r = pointed(point{Name: pointName{Full: names[:31]}, Issuer: names[:33]})
	wantAnswer(t, r.ask(t, []*pki.RevocationList{made()}), revocation.Unknown, "65 names; 64 are looked at")
	broken := naming(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte{5, 0}}}
	})
	wantAnswer(t, broken.ask(t, []*pki.RevocationList{made()}), revocation.Unknown, "cannot be read")
}

// damaged is a list whose signature was altered.
func damaged(list *pki.RevocationList) *pki.RevocationList {
	raw := bytes.Clone(list.Raw())
	raw[len(raw)-1] ^= 1
	return testpki.Must(pki.ParseRevocationLists(raw))[0]
}

// TestListSigners: of a list that does not count it is said whether it is forged, or
// by whom it is that may not.
func TestListSigners(t *testing.T) {
	r := newRig()
	template := func(usage x509.KeyUsage) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "Demo Intermediate"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: usage,
			IsCA: true, BasicConstraintsValid: true}
	}
	lister := testpki.Must(testpki.Forge(template(x509.KeyUsageCRLSign), nil))
	crippled := testpki.Must(testpki.Forge(template(x509.KeyUsageCertSign), nil))
	for _, test := range []struct {
		name    string
		list    *pki.RevocationList
		signers []*pki.Certificate
		code    fault.Code
		text    string
	}{
		{"altered", damaged(r.list(r.issuer, time.Hour)), nil, revocation.ListForged, "its signature does not hold"},
		{"by a namesake who is not known", r.list(r.stranger, time.Hour), nil, revocation.ListForged, "its signature does not hold"},
		{"by a namesake who is not believed", r.list(lister, time.Hour), []*pki.Certificate{crippled.Leaf(), lister.Leaf()}, revocation.ListSigner, "does not lead to the same root"},
		{"by a namesake who may not", r.unchecked(crippled), []*pki.Certificate{crippled.Leaf(), lister.Leaf()}, revocation.ListSigner, "whose key may not sign lists"},
		{"with SHA-1", r.hashed(x509.ECDSAWithSHA1), nil, revocation.ListInvalid, "SHA-1 is no longer safe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			evidence := testpki.Must(revocation.New([]*pki.RevocationList{test.list}, nil))
			answer := evidence.Ask(revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), Now: now, Signers: test.signers})
			if answer.Status != revocation.Unknown || answer.Code != test.code || len(answer.Missing) != 1 || !strings.Contains(answer.Missing[0], test.text) {
				t.Errorf("have %s, %q, want %s that says once %q", answer.Code, answer.Missing, test.code, test.text)
			}
		})
	}
}

// unchecked is a list by who may not sign any.
func (r rig) unchecked(signer *pki.Credential) *pki.RevocationList {
	x := testpki.Must(signer.Leaf().X509())
	x.KeyUsage |= x509.KeyUsageCRLSign
	return testpki.Must(pki.ParseRevocationLists(testpki.Must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}, x, signer.Key))))[0]
}

// hashed is a list of the issuer's, signed so.
func (r rig) hashed(algorithm x509.SignatureAlgorithm) *pki.RevocationList {
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), SignatureAlgorithm: algorithm}
	return testpki.Must(pki.ParseRevocationLists(testpki.Must(x509.CreateRevocationList(rand.Reader, template, testpki.Must(r.issuer.Leaf().X509()), r.issuer.Key))))[0]
}

// TestIssuerOnDirectList: a list that says of an entry whose certificate it is, and
// not that it is indirect, counts for nothing: what it revokes would be another's
// (RFC 5280, section 5.3.3).
func TestIssuerOnDirectList(t *testing.T) {
	r := pointed()
	indirect := r.specified(r.issuer, func(s *pki.RevocationListSpec) {
		s.Point, s.Entries = &pki.IssuingPoint{Indirect: true}, r.entry(pki.KeyCompromise)
		s.Entries[0].Issuer = testpki.Must(pki.ParseName("CN=Somebody Else"))
	})
	direct := bytes.Replace(contents(indirect.Raw()), []byte{0x30, 3, 0x84, 1, 0xff}, []byte{0x30, 3, 0x81, 1, 0xff}, 1) // users alone
	lists := testpki.Must(pki.ParseRevocationLists(sign(t, r.issuer.Key, direct)))
	wantAnswer(t, r.ask(t, []*pki.RevocationList{indirect}), revocation.Good, "")
	answer := r.ask(t, lists)
	wantAnswer(t, answer, revocation.Unknown, "does not say that it is indirect")
	if answer.Code != revocation.ListInvalid {
		t.Errorf("have %s", answer.Code)
	}
}
