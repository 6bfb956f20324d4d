package pki_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// structures are inputs with everything that may stand in them.
func structures(t *testing.T) []struct {
	name string
	der  []byte
	read func([]byte) error
} {
	fixture := testpki.Must(testpki.New(now))
	rig := newOCSPRig(t)
	list := testpki.Must(fixture.Root.NewRevocationList(everyList(fixture)))
	answer := testpki.Must(rig.responder.NewOCSPResponse(rig.answers()))
	ask := testpki.Must(pki.NewOCSPRequest([]byte("nonce"), rig.id(rig.one, crypto.SHA1), rig.id(rig.two, crypto.SHA256)))
	full := testpki.Must(fixture.Intermediate.New(server(func(s *pki.Spec) {
		s.CRLs, s.OCSP, s.Issuers, s.MustStaple = []string{"http://c/"}, []string{"http://o/"}, []string{"http://i/"}, true
	})))
	below := testpki.Must(fixture.Root.New(authority(func(s *pki.Spec) {
		s.Constraints, s.PathLen = &pki.NameConstraints{Permitted: []pki.Subtree{subtree("DNS:example.com")}, Excluded: []pki.Subtree{subtree("IP:0.0.0.0/0")}}, 1
	})))
	certificate := func(data []byte) error {
		cert, err := pki.ParseCertificate(data)
		if err == nil {
			err = cert.Malformed()
		}
		if err == nil {
			_, err = cert.PublicKey().Key()
		}
		return err
	}
	private := func(data []byte) error {
		key, err := pki.ParsePrivateKey(data, secret("secret"))
		if err == nil {
			_, err = key.Signer()
		}
		if errors.Is(err, pki.PassphraseWrong) { // all of the file's structure is read
			return nil
		}
		return err
	}
	public := func(data []byte) error {
		key, err := pki.ParsePublicKey(data)
		if err == nil {
			_, err = key.Key()
		}
		return err
	}
	ec, rsa := testpki.Must(pki.NewKey()), sharedRSA(2048)
	edwards := testpki.Must(pki.GenerateKey(pki.Ed25519))
	sealed := func(algorithm []byte) []byte { return sequence(algorithm, octets(make([]byte, 32))) }
	return []struct {
		name string
		der  []byte
		read func([]byte) error
	}{
		{"server", full.Leaf().Raw(), certificate},
		{"authority", below.Leaf().Raw(), certificate},
		{"request", testpki.Must(wish().Sign(ec)).Raw(), func(data []byte) error {
			all, err := pki.ParseRequests(data)
			if err == nil {
				err = all[0].Malformed()
			}
			return err
		}},
		{"list", list.Raw(), func(data []byte) error {
			all, err := pki.ParseRevocationLists(data)
			if err == nil {
				err = all[0].Malformed()
			}
			return err
		}},
		{"OCSP request", ask.Raw(), func(data []byte) error { _, err := pki.ParseOCSPRequest(data); return err }},
		{"OCSP response", answer.Raw(), func(data []byte) error { _, err := pki.ParseOCSPResponse(data); return err }},
		{"EC in PKCS#8", testpki.Must(x509.MarshalPKCS8PrivateKey(ec)), private},
		{"EC in SEC 1", testpki.Must(pki.MarshalKey(ec, pki.SEC1)).Bytes, private},
		{"EC by its numbers", one(explicit(0, explicitCurve(func(_, _, _, _, _ *big.Int, _ *[]byte) {}))), private},
		{"RSA in PKCS#8", testpki.Must(pki.MarshalKey(rsa, pki.PKCS8)).Bytes, private},
		{"RSA in PKCS#1", testpki.Must(pki.MarshalKey(rsa, pki.PKCS1)).Bytes, private},
		{"Ed25519 in PKCS#8", testpki.Must(pki.MarshalKey(edwards, pki.PKCS8)).Bytes, private},
		{"sealed by PBKDF2", sealed(pbes2(pbkdf2(8, 1, number(16), sequence(objectID("1.2.840.113549.2.9"), []byte{5, 0})), aes128())), private},
		{"sealed by scrypt", sealed(pbes2(scrypt(2, 1, 1, number(32)), gcm(12, number(16)))), private},
		{"sealed by 3DES", sealed(pbes1("1.2.840.113549.1.12.1.3", 8, 1)), private},
		{"public EC", testpki.Must(pki.MarshalPublicKey(ec.Public())).Bytes, public},
		{"public RSA", testpki.Must(pki.MarshalPublicKey(rsa.Public())).Bytes, public},
		{"public RSA in PKCS#1", x509.MarshalPKCS1PublicKey(&rsa.PublicKey), public},
	}
}

// TestStructure alters every element of everything that is read, in each way. The
// few alterations that are taken are those of testdata/structure.txt: lists that
// may be shorter, parts that may be absent, values of any type.
func TestStructure(t *testing.T) {
	var taken []string
	tried := 0
	for _, s := range structures(t) {
		if err := s.read(s.der); err != nil {
			t.Fatalf("%s as it is: %v", s.name, err)
		}
		for how, altered := range testpki.Alter(s.der) {
			tried++
			err := s.read(altered)
			if err == nil {
				taken = append(taken, s.name+": "+how)
			} else if _, ok := fault.Of(err); !ok {
				t.Errorf("%s: %s: %v has no code", s.name, how, err)
			}
		}
	}
	const file = "testdata/structure.txt"
	if *record {
		if err := os.WriteFile(file, []byte(strings.Join(taken, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(strings.TrimSpace(string(testpki.Must(os.ReadFile(file)))), "\n")
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("taken although altered (-want +have):\n%s", diff)
	}
	if tried < 1700 {
		t.Errorf("%d alterations were tried", tried)
	}
}
