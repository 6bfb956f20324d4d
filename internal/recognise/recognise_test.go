package recognise_test

import (
	"bytes"
	rsapkg "crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs7"
)

var (
	authority = testpki.Must(testpki.New(time.Now()))
	server    = testpki.Must(authority.Server("a.example"))
)

// inPEM wraps der in a block of any label.
func inPEM(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// only returns the one object that data holds.
func only(t *testing.T, data []byte) *recognise.Object {
	t.Helper()
	objects := readAll(t, data, recognise.Options{})
	if len(objects) != 1 {
		t.Fatalf("%d objects, want 1", len(objects))
	}
	return objects[0]
}

// TestKinds has one of each kind, in DER, in PEM, and in PEM under a label of
// another kind.
func TestKinds(t *testing.T) {
	rsa := testpki.Must(pki.GenerateKey(pki.RSA(2048)))
	form := func(f pki.KeyForm) []byte { return testpki.Must(pki.MarshalKey(rsa, f)).Bytes }
	number := "\x02\x21\x00" + strings.Repeat("\xa5", 32)
	tests := []struct {
		name string
		der  []byte
		want recognise.Kind
	}{
		{"certificate", server.Leaf().Raw(), recognise.Certificate},
		{"PKCS#8", form(pki.PKCS8), recognise.PrivateKey},
		{"PKCS#1", form(pki.PKCS1), recognise.PrivateKey},
		{"SEC 1", testpki.Must(pki.MarshalKey(server.Key, pki.SEC1)).Bytes, recognise.PrivateKey},
		{"encrypted PKCS#8", testpki.Must(pki.EncryptKey(server.Key, []byte("x"))).Bytes, recognise.PrivateKey},
		{"public key", testpki.Must(pki.MarshalPublicKey(rsa.Public())).Bytes, recognise.PublicKey},
		{"PKCS#1 public key", x509.MarshalPKCS1PublicKey(rsa.Public().(*rsapkg.PublicKey)), recognise.PublicKey},
		{"request", testpki.Must(pki.NewRequest(rsa)), recognise.Request},
		{"ECDSA signature", []byte("\x30\x46" + number + number), recognise.Signature},
		{"CRL of version 2", signed("\x02\x01\x01" + "\x30\x00" + "\x30\x00" + "\x17\x01x"), recognise.CRL},
		{"CRL of version 1", signed("\x30\x00" + "\x30\x00" + "\x18\x01x"), recognise.CRL},
		{"OCSP response", []byte("\x30\x03\x0a\x01\x01"), recognise.OCSPResponse},
		{"OCSP request", []byte("\x30\x08\x30\x06\x30\x04\x30\x02\x30\x00"), recognise.OCSPRequest},
		{"DH parameters", []byte("\x30\x46\x02\x41\x00" + strings.Repeat("\xa5", 64) + "\x02\x01\x02"), recognise.Parameters},
		{"PKCS#7", []byte("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), recognise.PKCS7},
		{"PKCS#12", []byte("\x30\x0a\x02\x01\x03\x30\x03\x06\x01\x2a\x30\x00"), recognise.PKCS12},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, data := range [][]byte{test.der, inPEM("X", test.der), inPEM("PRIVACY", test.der)} {
				if o := only(t, data); o.Kind != test.want {
					t.Errorf("have %s, want %s: %v", o.Kind, test.want, o.Err)
				}
			}
			// Each prefix is still of this kind, cut short, or nothing; never a whole object.
			for n := range test.der {
				objects, _ := recognise.Read(test.der[:n], recognise.Options{})
				for _, o := range objects {
					if o.Err == nil {
						t.Fatalf("the first %d of %d bytes are taken for a whole %s", n, len(test.der), o.Kind)
					}
				}
			}
		})
	}
	if o := only(t, inPEM("PUBLIC KEY", server.Leaf().Raw())); o.Certificate == nil || len(o.Notes) != 1 || o.Notes[0] != "its label says PUBLIC KEY, and is wrong" {
		t.Errorf("a wrong label gives %+v", o)
	}
}

// signed is what is signed, with an algorithm and a signature.
func signed(tbs string) []byte {
	content := "\x30" + string(rune(len(tbs))) + tbs + "\x30\x00\x03\x01\x00"
	return []byte("\x30" + string(rune(len(content))) + content)
}

func TestPlaces(t *testing.T) {
	cert := server.Leaf().PEM()
	text := slices.Concat([]byte("subject: a\n\n"), cert, []byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), cert)
	objects := readAll(t, text, recognise.Options{})
	if len(objects) != 3 {
		t.Fatalf("%d objects", len(objects))
	}
	for i, o := range objects {
		at := o.Place
		if at.Block != i+1 || !bytes.HasPrefix(text[at.Offset:], []byte("-----BEGIN")) || at.Line != 1+bytes.Count(text[:at.Offset], []byte("\n")) {
			t.Errorf("object %d is at %+v", i, at)
		}
	}
	if !errors.Is(objects[1].Err, recognise.BadPEM) {
		t.Errorf("the second is broken by %v", objects[1].Err)
	}

	raw := server.Leaf().Raw()
	objects = readAll(t, slices.Concat(raw, raw, []byte("\r\n")), recognise.Options{})
	if len(objects) != 2 || objects[1].Place.Offset != len(raw) || objects[1].Place.Length != len(raw) {
		t.Errorf("two in DER are %+v", objects)
	}
	objects = readAll(t, append(bytes.Clone(raw), "garbage"...), recognise.Options{})
	if len(objects) != 2 || !errors.Is(objects[1].Err, recognise.Unrecognised) || objects[1].Place.Offset != len(raw) {
		t.Errorf("garbage behind a certificate is %+v", objects)
	}
}

// TestBadArmour has each way in which a block is spoilt, and what is said of it.
func TestBadArmour(t *testing.T) {
	lines := strings.SplitAfter(string(server.Leaf().PEM()), "\n")
	joined := strings.Join(lines, "")
	spoilt := slices.Clone(lines)
	spoilt[2] = "A!" + spoilt[2][2:]
	short := slices.Delete(slices.Clone(lines), 2, 3)
	short[1] = short[1][1:]
	at := len(lines[0]) + len(lines[1]) + 1
	for name, test := range map[string]struct{ data, want string }{
		"cut":        {strings.Join(lines[:4], ""), "it has no -----END line: it was cut short"},
		"other end":  {strings.Replace(joined, "END CERT", "END A CERT", 1), "its -----END line is of another kind than its -----BEGIN line"},
		"one line":   {strings.ReplaceAll(joined, "\n", ""), "it stands in one line"},
		"escaped":    {strings.ReplaceAll(joined, "\n", `\n`), `its line ends are written as \n`},
		"quoted":     {"\n> " + strings.ReplaceAll(joined, "\n", "\n> "), "-----END lines is not base64: '>' in line 3, byte 31"},
		"a letter":   {strings.Join(spoilt, ""), fmt.Sprintf("-----END lines is not base64: '!' in line 3, byte %d", at)},
		"not UTF-8":  {strings.Replace(strings.Join(spoilt, ""), "!", "\xff", 1), fmt.Sprintf("-----END lines is not base64: '\ufffd' in line 3, byte %d", at)},
		"too little": {strings.Join(short, ""), "-----END lines is not base64: it lacks a part"},
		"headers":    {strings.Replace(joined, "\n", "\nA: b\n!\n", 1), "-----END lines is not base64"},
	} {
		o := only(t, []byte(test.data))
		if e, ok := fault.Of(o.Err); !ok || e.Code != recognise.BadPEM || !strings.HasSuffix(e.Message, test.want) {
			t.Errorf("%s: have %v, want %s", name, o.Err, test.want)
		}
	}
}

func TestOddFiles(t *testing.T) {
	cert := server.Leaf().PEM()
	wide := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(string(cert))) {
		wide = binary.LittleEndian.AppendUint16(wide, unit)
	}
	for name, data := range map[string][]byte{
		"UTF-16":    wide,
		"UTF-8":     append([]byte("\xef\xbb\xbf"), cert...),
		"base64":    []byte(base64.StdEncoding.EncodeToString(server.Leaf().Raw()) + "\n"),
		"base64 of": []byte(base64.StdEncoding.EncodeToString(cert)),
		"CRLF":      bytes.ReplaceAll(cert, []byte("\n"), []byte("\r\n")),
		"CRLF odd":  bytes.ReplaceAll(cert, []byte("\n"), []byte("\r\r\n")),
		"with text": append([]byte("Certificate:\n    Data:\n"), cert...),
	} {
		if o := only(t, data); name != "CRLF odd" && (o.Certificate == nil || !o.Certificate.Equal(server.Leaf())) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	for _, data := range []string{"ssh-ed25519 AAAA a@b", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n", "\xfe\xed\xfe\xed\x00\x00\x00\x02", "PK\x03\x04\x00" + string(cert), "\n<html>", "MIME-Version: 1.0\n", `{"kty":"EC"}`, "PuTTY-User-Key-File-3: ssh-ed25519"} {
		if o := only(t, []byte(data)); o.Kind != recognise.Foreign || o.Title == "" {
			t.Errorf("%q is %+v", data, o)
		}
	}
}

func TestNothing(t *testing.T) {
	for data, want := range map[string]string{
		"":                             "the file is empty",
		"hello":                        `nothing that is known: at offset 0 it begins with the text "hello"`,
		"hello\nyou":                   `nothing that is known: at offset 0 it begins with the text "hello"`,
		"0123 is no DER\n":             `nothing that is known: at offset 0 it begins with the text "0123 is no DER"`,
		" \n":                          "nothing that is known: at offset 0 it begins with the bytes 20 0a",
		"\x00\x01":                     "nothing that is known: at offset 0 it begins with the bytes 00 01",
		"\x30\x89":                     "nothing that is known: it begins with the bytes 30 89, which could be DER, but for the length at offset 1",
		strings.Repeat("\xff\xfe", 32): "nothing that is known; 64 bytes without a structure may be a signature by an RSA or Ed25519 key",
	} {
		_, err := recognise.Read([]byte(data), recognise.Options{})
		if e, ok := fault.Of(err); !ok || e.Code != recognise.Unrecognised || e.Message != want {
			t.Errorf("%q: have %v, want %s", data, err, want)
		}
	}
	if _, err := recognise.Read(make([]byte, pki.MaxInput+1), recognise.Options{}); !errors.Is(err, pki.InputTooLarge) {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestBounds(t *testing.T) {
	block := []byte("-----BEGIN X-----\n-----END X-----\n")
	for _, n := range []int{recognise.MaxObjects - 1, recognise.MaxObjects} {
		if objects := readAll(t, bytes.Repeat(block, n), recognise.Options{}); len(objects) != n {
			t.Errorf("%d blocks: %d objects", n, len(objects))
		}
	}
	// What is behind the last one that is told apart is not left out without a word.
	if _, err := recognise.Read(bytes.Repeat(block, recognise.MaxObjects+1), recognise.Options{}); !errors.Is(err, pki.InputTooLarge) {
		t.Errorf("one block more: %v", err)
	}
}

func TestRelations(t *testing.T) {
	data := slices.Concat(server.Leaf().PEM(), testpki.Must(server.PEM()), authority.Root.Leaf().PEM())
	objects := readAll(t, data, recognise.Options{})
	if len(objects) != 5 {
		t.Fatalf("%d objects", len(objects))
	}
	leaf, again, intermediate, key, root := objects[0], objects[1], objects[2], objects[3], objects[4]
	if leaf.Key != key || again.Key != key || intermediate.Key != nil || !slices.Equal(key.Of, []*recognise.Object{leaf, again}) {
		t.Error("the key does not belong to its certificates alone")
	}
	if leaf.Issuer != intermediate || intermediate.Issuer != root || root.Issuer != root {
		t.Error("the certificates are not signed by one another")
	}
	other := testpki.Must(testpki.New(time.Now())) // of the same names
	objects = readAll(t, append(other.Root.Leaf().PEM(), testpki.Must(server.PEM())...), recognise.Options{})
	if objects[2].Issuer != nil {
		t.Error("a stranger of the same name is taken for the issuer")
	}
}

func TestRelationsAreBounded(t *testing.T) {
	var roots, below []byte
	for range 60 { // all roots of one name
		made := testpki.Must(testpki.New(time.Now()))
		roots, below = append(roots, made.Root.Leaf().PEM()...), append(below, made.Intermediate.Leaf().PEM()...)
	}
	objects := readAll(t, slices.Concat(below, roots, below), recognise.Options{})
	for _, first := range []int{0, 120} { // what is there twice is checked once
		if objects[first].Unchecked || objects[first].Issuer != objects[60] || !objects[first+59].Unchecked {
			t.Error("the signatures that are checked have no bound")
		}
	}
}

// TestCopies has a certificate and a key twice: each is told by its first copy.
func TestCopies(t *testing.T) {
	pair := testpki.Must(server.PEM())
	objects := readAll(t, slices.Concat(authority.Root.Leaf().PEM(), pair, pair, authority.Root.Leaf().PEM()), recognise.Options{})
	if len(objects) != 8 {
		t.Fatalf("%d objects", len(objects))
	}
	root, leaf, key := objects[0], objects[1], objects[3]
	for n, want := range []*recognise.Object{4: leaf, 5: objects[2], 7: root} {
		if objects[n].Same != want {
			t.Errorf("object %d is a copy of %v, want %v", n, objects[n].Same, want)
		}
	}
	if again := objects[7]; again.Issuer != again || objects[5].Issuer != root || objects[4].Key != key {
		t.Error("the relations of copies are not those of their first")
	}
	for n, o := range []*recognise.Object{key, objects[6]} {
		if !slices.Equal(o.Of, []*recognise.Object{leaf, objects[4]}) {
			t.Errorf("copy %d of the key belongs to %d certificates", n, len(o.Of))
		}
	}
}

// TestRenewedRoot: a root that was renewed with its key is still one.
func TestRenewedRoot(t *testing.T) {
	spec := pki.Spec{Profile: pki.Root, Name: "Root", Key: authority.Root.Key}
	objects := readAll(t, slices.Concat(testpki.Must(pki.SelfSigned(spec)).Leaf().PEM(), testpki.Must(pki.SelfSigned(spec)).Leaf().PEM()), recognise.Options{})
	for n, o := range objects {
		if o.Issuer != o || o.Same != nil {
			t.Errorf("certificate %d was signed by %v", n, o.Issuer)
		}
	}
}

// TestDisowned: what gives the name of an authority that is here, and is not signed
// by its key, is told from what another key of that name signed.
func TestDisowned(t *testing.T) {
	list := testpki.Must(authority.Intermediate.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: time.Now().Add(time.Hour)}))
	stranger := testpki.Must(testpki.New(time.Now())).Intermediate.Leaf() // of the same name
	issuer := authority.Intermediate.Leaf()
	altered := func(der []byte) []byte {
		der = bytes.Clone(der)
		der[len(der)-1] ^= 1
		return der
	}
	for name, test := range map[string]struct {
		der              []byte
		with             *pki.Certificate
		signed, disowned bool
	}{
		"list": {list.Raw(), issuer, true, false}, "altered list": {altered(list.Raw()), issuer, false, true}, "list of a stranger": {list.Raw(), stranger, false, false},
		"leaf": {server.Leaf().Raw(), issuer, true, false}, "altered leaf": {altered(server.Leaf().Raw()), issuer, false, true}, "leaf of a stranger": {server.Leaf().Raw(), stranger, false, false},
	} {
		objects := readAll(t, slices.Concat(test.der, test.with.Raw()), recognise.Options{})
		o := objects[0]
		if (o.Disowned == objects[1]) != test.disowned || (o.Issuer == objects[1]) != test.signed {
			t.Errorf("%s: disowned by %v, signed by %v", name, o.Disowned, o.Issuer)
		}
	}
}

// TestBundles tells all that is in PKCS#7, and that there is nothing.
func TestBundles(t *testing.T) {
	list := testpki.Must(authority.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: time.Now().Add(time.Hour)}))
	objects := readAll(t, testpki.Must(pkcs7.NewBundle([]*pki.Certificate{authority.Root.Leaf()}, list.Raw(), []byte("\x30\x00"))), recognise.Options{})
	if len(objects) != 4 || objects[1].Certificate == nil || !errors.Is(objects[2].Err, pki.CRLUnreadable) || objects[3].List == nil || objects[3].Issuer != objects[1] {
		t.Fatalf("have %+v", objects)
	}
	// What openssl crl2pkcs7 -nocrl writes.
	none := []byte("\x30\x23\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x16\x30\x14\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x31\x00")
	if o := only(t, none); o.Title != "an empty PKCS#7 bundle" || !errors.Is(o.Err, pki.NoCertificate) {
		t.Errorf("have %+v", o)
	}
}

func TestPassphrase(t *testing.T) {
	sealed := pem.EncodeToMemory(testpki.Must(pki.EncryptKey(server.Key, []byte("words"))))
	if o := only(t, sealed); o.PrivateKey == nil || !o.PrivateKey.Locked() {
		t.Errorf("without a passphrase: %+v", o)
	}
	o := readAll(t, sealed, recognise.Options{Passphrase: func() ([]byte, error) { return []byte("words"), nil }})[0]
	if o.PrivateKey == nil || o.PrivateKey.Locked() {
		t.Errorf("with it: %+v", o)
	}
}

func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data, recognise.Options{}) })
}
