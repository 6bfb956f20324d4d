package pki_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// node is an element in DER: a leaf with its content, or a branch. An OCTET
// STRING or BIT STRING around a SEQUENCE is a branch too, behind its prefix.
type node struct {
	tag      byte
	prefix   []byte
	content  []byte // of a leaf
	children []*node
	branch   bool
}

// grow reads elements; ok is false if they are not whole.
func grow(data []byte) (nodes []*node, ok bool) {
	for len(data) > 0 {
		if len(data) < 2 || data[0]&0x1f == 0x1f {
			return nil, false
		}
		size, at := int(data[1]), 2
		if size >= 0x80 {
			for at = 2; at < 2+int(data[1]&0x7f); at++ {
				if at >= len(data) {
					return nil, false
				}
				if at == 2 {
					size = 0
				}
				size = size<<8 | int(data[at])
			}
		}
		if size < 0 || len(data) < at+size {
			return nil, false
		}
		n := &node{tag: data[0], content: data[at : at+size]}
		inner := n.content
		switch {
		case n.tag == 3 && size > 2 && inner[0] == 0 && inner[1] == 0x30:
			n.prefix, inner = inner[:1], inner[1:]
			n.children, n.branch = grow(inner)
		case n.tag == 4 && size > 1 && inner[0] == 0x30, n.tag&0x20 != 0:
			n.children, n.branch = grow(inner)
		}
		if !n.branch {
			n.prefix = nil
		}
		nodes, data = append(nodes, n), data[at+size:]
	}
	return nodes, true
}

// encode writes it again.
func (n *node) encode() []byte {
	content := n.content
	if n.branch {
		content = bytes.Clone(n.prefix)
		for _, child := range n.children {
			content = append(content, child.encode()...)
		}
	}
	size := len(content)
	switch {
	case size < 0x80:
		return append([]byte{n.tag, byte(size)}, content...)
	case size < 0x100:
		return append([]byte{n.tag, 0x81, byte(size)}, content...)
	}
	return append([]byte{n.tag, 0x82, byte(size >> 8), byte(size)}, content...)
}

// walk visits a node and all below it, with its place, such as 0.3.1.
func (n *node) walk(place string, visit func(place string, n *node)) {
	visit(place, n)
	for i, child := range n.children {
		child.walk(fmt.Sprintf("%s.%d", place, i), visit)
	}
}

// alterations are what is done to each node: what is read must say no, unless
// testdata/structure.txt has the place.
var alterations = []struct {
	name  string
	alter func(*node) (undo func(), ok bool)
}{
	{"more at its end", func(n *node) (func(), bool) {
		n.children = append(n.children, &node{tag: 5})
		return func() { n.children = n.children[:len(n.children)-1] }, n.branch
	}},
	{"without its first", func(n *node) (func(), bool) {
		was := n.children
		n.children = n.children[min(1, len(was)):]
		return func() { n.children = was }, n.branch && len(was) > 0
	}},
	{"without its last", func(n *node) (func(), bool) {
		was := n.children
		n.children = n.children[:max(0, len(was)-1)]
		return func() { n.children = was }, n.branch && len(was) > 1
	}},
	{"another tag", func(n *node) (func(), bool) {
		was := n.tag
		n.tag = was&0x20 | 0xde // private, and of no standard
		return func() { n.tag = was }, true
	}},
	{"empty", func(n *node) (func(), bool) {
		content, branch := n.content, n.branch
		n.content, n.branch = nil, false
		return func() { n.content, n.branch = content, branch }, len(content) > 0
	}},
}

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
		nodes, ok := grow(s.der)
		if !ok || len(nodes) != 1 || !bytes.Equal(nodes[0].encode(), s.der) {
			t.Fatalf("%s is not taken apart", s.name)
		}
		if err := s.read(s.der); err != nil {
			t.Fatalf("%s as it is: %v", s.name, err)
		}
		nodes[0].walk("0", func(place string, n *node) {
			for _, a := range alterations {
				undo, ok := a.alter(n)
				if !ok {
					undo()
					continue
				}
				tried++
				err := s.read(nodes[0].encode())
				undo()
				if err == nil {
					taken = append(taken, fmt.Sprintf("%s: %s %s", s.name, place, a.name))
				} else if _, ok := fault.Of(err); !ok {
					t.Errorf("%s: %s %s: %v has no code", s.name, place, a.name, err)
				}
			}
		})
	}
	const file = "testdata/structure.txt"
	if *record {
		if err := os.WriteFile(file, []byte(strings.Join(taken, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(strings.TrimSpace(string(testpki.Must(os.ReadFile(file)))), "\n")
	if diff := cmp.Diff(want, taken); diff != "" || slices.Contains(taken, "") {
		t.Errorf("taken although altered (-want +have):\n%s", diff)
	}
	t.Logf("%d alterations, %d are taken", tried, len(taken))
}
