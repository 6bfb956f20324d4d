package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// everyList is a list with one of everything.
func everyList(fixture *testpki.PKI) pki.RevocationListSpec {
	server := testpki.Must(fixture.Server("a.example")).Leaf()
	return pki.RevocationListSpec{
		Number: big.NewInt(300), Base: big.NewInt(299), ThisUpdate: now.Add(time.Millisecond), NextUpdate: now.AddDate(30, 0, 0),
		Point: &pki.IssuingPoint{Name: &pki.PointName{Full: testpki.Must(server.SubjectAltNames())}, Indirect: true, OnlyUsers: true, Reasons: 0x102},
		Entries: []pki.RevocationSpec{
			{Serial: big.NewInt(1), Date: now.AddDate(0, -1, 0)},
			{Serial: server.SerialNumber(), Date: now.AddDate(0, -1, 0), Reason: pki.KeyCompromise, InvalidityDate: now.AddDate(-1, 0, 0), Issuer: server.Issuer()},
			{Serial: big.NewInt(128), Date: now.AddDate(25, 0, 0), Reason: pki.RemoveFromCRL, Issuer: server.Issuer()},
			{Serial: big.NewInt(2), Date: now, Reason: pki.AACompromise},
		},
		Extensions: []pki.Extension{{ID: testpki.Must(pki.ParseOID("1.2.3.4")), Value: []byte{5, 0}}},
	}
}

func TestNewRevocationList(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	spec := everyList(fixture)
	list, err := fixture.Root.NewRevocationList(spec)
	if err != nil {
		t.Fatal(err)
	}
	if list.Version() != 2 || !list.Issuer().Equal(fixture.Root.Leaf().Subject()) || !list.ThisUpdate().Equal(now) || !list.NextUpdate().Equal(spec.NextUpdate) {
		t.Errorf("version %d of %s, %v to %v", list.Version(), list.Issuer(), list.ThisUpdate(), list.NextUpdate())
	}
	if number, base := testpki.Must(list.Number()), testpki.Must(list.Base()); number.Cmp(spec.Number) != 0 || base.Cmp(spec.Base) != 0 {
		t.Errorf("number %v, base %v", number, base)
	}
	if id := testpki.Must(list.AuthorityKeyID()); !bytes.Equal(id.KeyID, testpki.Must(fixture.Root.Leaf().SubjectKeyID())) {
		t.Errorf("signed with the key %x", id.KeyID)
	}
	point := testpki.Must(list.IssuingPoint())
	point.Name.Relative = spec.Point.Name.Relative
	if diff := cmp.Diff(spec.Point, point, cmp.AllowUnexported(pki.Name{})); diff != "" {
		t.Errorf("scope (-want +have):\n%s", diff)
	}
	i := 0
	for have := range list.Entries() {
		want := spec.Entries[i]
		i++
		issuer := want.Issuer
		if issuer.IsEmpty() {
			issuer = list.Issuer()
		}
		if have.SerialNumber().Cmp(want.Serial) != 0 || !have.Date().Equal(want.Date) || testpki.Must(have.Reason()) != want.Reason ||
			!testpki.Must(have.InvalidityDate()).Equal(want.InvalidityDate) || !have.Issuer().Equal(issuer) {
			t.Errorf("entry %d is %s of %s at %v", i, have.Serial(), have.Issuer(), have.Date())
		}
		var critical []string
		for _, e := range have.Extensions() {
			if e.Critical {
				critical = append(critical, e.ID.Name())
			}
		}
		if named := i == 2 || i == 4; named != (len(critical) == 1) || named && critical[0] != "Certificate Issuer" {
			t.Errorf("entry %d has critical %v", i, critical)
		}
	}
	var critical []bool
	for _, e := range list.Extensions() {
		critical = append(critical, e.Critical)
	}
	if diff := cmp.Diff([]bool{false, false, true, true, false}, critical); diff != "" || i != len(spec.Entries) {
		t.Errorf("%d entries; critical (-want +have):\n%s", i, diff)
	}
	present := testpki.Must(testpki.New(time.Now()))
	list = testpki.Must(present.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(0), NextUpdate: time.Now().Add(time.Hour)}))
	if age := time.Since(list.ThisUpdate()); age < 0 || age > time.Hour || list.Len() != 0 {
		t.Errorf("made %v ago, with %d entries", age, list.Len())
	}
}

func TestScopes(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	root := fixture.Root.Leaf().Subject()
	two := parseCRL(t, crlOfTBS(crlAlgorithm+tlv(0x30, dn("A")[2:]+dn("B")[2:])+crlTime)).Issuer()
	uri := []pki.GeneralName{{Kind: pki.URIName, Raw: []byte("http://a")}}
	tests := []struct {
		name  string
		point pki.IssuingPoint
		der   string // in hexadecimal
		says  string
	}{
		{"users", pki.IssuingPoint{OnlyUsers: true}, "30038101ff", ""},
		{"authorities", pki.IssuingPoint{OnlyAuthorities: true}, "30038201ff", ""},
		{"one reason", pki.IssuingPoint{Reasons: 2}, "300483020640", ""},
		{"all reasons", pki.IssuingPoint{Reasons: 0x1fe}, "30058303077f80", ""},
		{"eighth bit", pki.IssuingPoint{Reasons: 0x80}, "300483020001", ""},
		{"indirect", pki.IssuingPoint{Indirect: true}, "30038401ff", ""},
		{"attribute holders", pki.IssuingPoint{OnlyAttributeHolders: true}, "30038501ff", ""},
		{"a name", pki.IssuingPoint{Name: &pki.PointName{Full: uri}}, "300ea00ca00a8608687474703a2f2f61", ""},
		{"a relative name", pki.IssuingPoint{Name: &pki.PointName{Relative: root}}, "3016a014a112301006035504030c0944656d6f20526f6f74", ""},
		{"unused reason", pki.IssuingPoint{Reasons: 1}, "", "reasons that do not exist"},
		{"a reason too far", pki.IssuingPoint{Reasons: 0x200}, "", "reasons that do not exist"},
		{"negative reasons", pki.IssuingPoint{Reasons: -2}, "", "reasons that do not exist"},
		{"two scopes", pki.IssuingPoint{OnlyUsers: true, OnlyAuthorities: true}, "", "only, or for all"},
		{"two other scopes", pki.IssuingPoint{OnlyAttributeHolders: true, OnlyAuthorities: true}, "", "only, or for all"},
		{"nothing", pki.IssuingPoint{}, "", "the scope of the list is empty"},
		{"a name of nothing", pki.IssuingPoint{Name: &pki.PointName{}}, "", "full names or one relative name"},
		{"a name of both", pki.IssuingPoint{Name: &pki.PointName{Full: uri, Relative: root}}, "", "full names or one relative name"},
		{"a relative name of two", pki.IssuingPoint{Name: &pki.PointName{Relative: two}}, "", "full names or one relative name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := fixture.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour), Point: &test.point})
			if test.says != "" {
				wantFault(t, err, pki.SpecInvalid, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if have := hex.EncodeToString(list.Extensions()[2].Value); have != test.der {
				t.Errorf("have %s, want %s", have, test.der)
			}
		})
	}
}

func TestRevocationListSpecRefused(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	leaf := testpki.Must(fixture.Server("a.example"))
	forge := func(template x509.Certificate) *pki.Credential {
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		return testpki.Must(testpki.Forge(&template, nil))
	}
	signsLists := forge(x509.Certificate{KeyUsage: x509.KeyUsageCRLSign})
	signsCerts := forge(x509.Certificate{KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true})
	oldRoot := forge(x509.Certificate{BasicConstraintsValid: true, IsCA: true})
	plain := forge(x509.Certificate{})
	big160 := new(big.Int).Lsh(big.NewInt(1), 159)
	max := new(big.Int).Sub(big160, big.NewInt(1))
	entries := func(list ...pki.RevocationSpec) func(*pki.RevocationListSpec) {
		return func(s *pki.RevocationListSpec) { s.Entries = list }
	}
	tests := []struct {
		name   string
		signer *pki.Credential
		change func(*pki.RevocationListSpec)
		code   fault.Code
		says   string
	}{
		{"good", fixture.Root, nil, "", ""},
		{"by who signs lists alone", signsLists, nil, "", ""},
		{"by a root without key usage", oldRoot, nil, "", ""},
		{"by who signs certificates alone", signsCerts, nil, pki.NotAnAuthority, "may sign no revocation lists"},
		{"by a leaf", leaf, nil, pki.NotAnAuthority, "a.example may sign no revocation lists"},
		{"by a leaf without key usage", plain, nil, pki.NotAnAuthority, "may sign no revocation lists"},
		{"by a root that is over", fixture.Root, func(s *pki.RevocationListSpec) { s.ThisUpdate = now.AddDate(20, 0, 0) }, pki.AuthorityIsOver, "Demo Root is valid from"},
		{"by a key that is gone", &pki.Credential{Chain: fixture.Root.Chain, Key: unable{fixture.Root.Key}}, nil, pki.SigningFailed, "the revocation list: signing: the token was removed"},
		{"no number", fixture.Root, func(s *pki.RevocationListSpec) { s.Number = nil }, pki.SpecInvalid, "needs a number"},
		{"negative number", fixture.Root, func(s *pki.RevocationListSpec) { s.Number = big.NewInt(-1) }, pki.SpecInvalid, "needs a number"},
		{"largest number", fixture.Root, func(s *pki.RevocationListSpec) { s.Number = max }, "", ""},
		{"larger number", fixture.Root, func(s *pki.RevocationListSpec) { s.Number = big160 }, pki.SpecInvalid, "20 bytes"},
		{"base below", fixture.Root, func(s *pki.RevocationListSpec) { s.Base = big.NewInt(4) }, "", ""},
		{"base zero", fixture.Root, func(s *pki.RevocationListSpec) { s.Base = big.NewInt(0) }, "", ""},
		{"base negative", fixture.Root, func(s *pki.RevocationListSpec) { s.Base = big.NewInt(-1) }, pki.SpecInvalid, "the base of a delta"},
		{"base of its own", fixture.Root, func(s *pki.RevocationListSpec) { s.Base = big.NewInt(5) }, pki.SpecInvalid, "the base of a delta"},
		{"no next update", fixture.Root, func(s *pki.RevocationListSpec) { s.NextUpdate = time.Time{} }, pki.SpecInvalid, "is not after this"},
		{"next update now", fixture.Root, func(s *pki.RevocationListSpec) { s.NextUpdate = now.Add(999 * time.Millisecond) }, pki.SpecInvalid, "is not after this"},
		{"next update in a second", fixture.Root, func(s *pki.RevocationListSpec) { s.NextUpdate = now.Add(time.Second) }, "", ""},
		{"next update beyond all time", fixture.Root, func(s *pki.RevocationListSpec) { s.NextUpdate = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, pki.SpecInvalid, "is not after this"},
		{"an extension twice", fixture.Root, func(s *pki.RevocationListSpec) { s.Extensions = []pki.Extension{{ID: pki.OIDCRLNumber}} }, pki.SpecInvalid, "CRL Number stands there twice"},
		{"a broken extension", fixture.Root, func(s *pki.RevocationListSpec) {
			s.Extensions = []pki.Extension{{ID: pki.OIDFreshestCRL, Value: []byte{5, 0}}}
		}, pki.ExtensionInvalid, "Freshest CRL"},
		{"no serial number", fixture.Root, entries(pki.RevocationSpec{Date: now}), pki.SpecInvalid, "entry 1 has no serial number"},
		{"no date", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1)}), pki.SpecInvalid, "entry 1 has no date"},
		{"a date beyond all time", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now.AddDate(9000, 0, 0)}), pki.SpecInvalid, "entry 1 has no date"},
		{"a loss beyond all time", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now, InvalidityDate: now.AddDate(9000, 0, 0)}), pki.SpecInvalid, "entry 1 has no date"},
		{"no such reason", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now, Reason: 7}), pki.SpecInvalid, "entry 1 has the reason 7"},
		{"removed from a complete list", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now, Reason: pki.RemoveFromCRL}), pki.SpecInvalid, "only a delta"},
		{"another issuer", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now, Issuer: leaf.Leaf().Issuer()}), pki.SpecInvalid, "not indirect"},
		{"twice", fixture.Root, entries(pki.RevocationSpec{Serial: big.NewInt(1), Date: now}, pki.RevocationSpec{Serial: big.NewInt(2), Date: now}, pki.RevocationSpec{Serial: big.NewInt(1), Date: now}), pki.SpecInvalid, "entry 3 is about a certificate that an entry before"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := pki.RevocationListSpec{Number: big.NewInt(5), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
			if test.change != nil {
				test.change(&spec)
			}
			list, err := test.signer.NewRevocationList(spec)
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := list.CheckSignatureBy(test.signer.Leaf().PublicKey()); err != nil {
				t.Error(err)
			}
		})
	}
	list := testpki.Must(signsLists.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(5), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}))
	if diff := cmp.Diff(keyID(t, signsLists.Key.Public()), testpki.Must(list.AuthorityKeyID()).KeyID); diff != "" {
		t.Errorf("the identifier of a key that has none (-want +have):\n%s", diff)
	}
}

func TestListsSignedByEveryKey(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	for name, key := range strongSigners(t) {
		t.Run(name, func(t *testing.T) {
			cert := testpki.Must(fixture.Root.Issue(pki.Spec{Profile: pki.Intermediate, Name: "I", Now: now}, key.Public()))
			signer := &pki.Credential{Chain: []*pki.Certificate{cert}, Key: key}
			list := testpki.Must(signer.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour), Entries: manyRevoked(3)}))
			x := testpki.Must(x509.ParseRevocationList(list.Raw()))
			if err := x.CheckSignatureFrom(testpki.Must(cert.X509())); err != nil || list.SignatureAlgorithm().String() != signatureNames[name] {
				t.Errorf("%v, by %s", err, list.SignatureAlgorithm())
			}
		})
	}
}

// TestLargeList finds every entry of a list of 100,000, and nothing else.
func TestLargeList(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	const count = 100_000
	list := bigList(count)
	if list.Len() != count {
		t.Fatalf("%d entries", list.Len())
	}
	for i := range count {
		if found, ok := list.Lookup(list.Issuer(), serialOf(i)); !ok || found.SerialNumber().Cmp(serialOf(i)) != 0 || testpki.Must(found.Reason()) != pki.Reason(i%4) {
			t.Fatalf("entry %d is not found, or another", i)
		}
		if _, ok := list.Lookup(list.Issuer(), serialOf(count+i)); ok {
			t.Fatalf("found %d, which is not there", count+i)
		}
	}
	i := 0
	for entry := range list.Entries() {
		if entry.SerialNumber().Cmp(serialOf(i)) != 0 {
			t.Fatalf("entry %d is %s", i, entry.Serial())
		}
		i++
	}
}
