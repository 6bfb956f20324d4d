package pkcs12

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	module "software.sslmate.com/src/go-pkcs12"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

var identity = testpki.Must(testpki.Must(testpki.New(time.Now())).Server("a.example"))

func secret(text string) pki.Passphrase { return func() ([]byte, error) { return []byte(text), nil } }

// made is a file of parts under the passphrase "outer", and PBMAC1.
func made(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	return testpki.Must((&reader{secret: []byte("outer")}).file(parts...))
}

// plain is a part that is not encrypted.
func plain(bags ...[]byte) []byte { return contentInfo(oidData, octetString(sequence(bags...))) }

func bag(kind pki.OID, value []byte, attributes ...[]byte) []byte {
	parts := [][]byte{objectID(kind), tagged(explicit(0), value)}
	if attributes != nil {
		parts = append(parts, tagged(asn1.SET, attributes...))
	}
	return sequence(parts...)
}

func certBag(kind pki.OID) []byte {
	return bag(bagCert, sequence(objectID(kind), tagged(explicit(0), octetString(identity.Leaf().Raw()))))
}

func pkcs8(t testing.TB) []byte { return testpki.Must(x509.MarshalPKCS8PrivateKey(identity.Key)) }

func wantError(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	if !errors.Is(err, code) || !strings.Contains(err.Error(), says) {
		t.Errorf("have %v, want the code %s and %q", err, code, says)
	}
}

func modern(t testing.TB, encoder *module.Encoder, rounds int) []byte {
	t.Helper()
	leaf := testpki.Must(identity.Leaf().X509())
	return testpki.Must(encoder.WithIterations(rounds).Encode(identity.Key, leaf, nil, "secret"))
}

func TestPBMAC1(t *testing.T) {
	file := modern(t, module.Modern2026, 1000)
	store := testpki.Must(Parse(file, secret("secret")))
	if store.Integrity != "PBMAC1 with HMAC-SHA-256 with 1000 rounds" || !store.Verified {
		t.Errorf("have %q, %v", store.Integrity, store.Verified)
	}
	_, err := Parse(file, secret("another"))
	wantError(t, err, pki.PassphraseWrong, "does not open")

	// The lengths of the key that are allowed (RFC 9579, section 9).
	length := []byte{2, 1, 32, 0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 9}
	at := bytes.LastIndex(file, length)
	for size, says := range map[byte]string{19: "a key of 19 bytes", 20: "does not open", 64: "does not open", 65: "a key of 65 bytes"} {
		altered := bytes.Clone(file)
		altered[at+2] = size
		if _, err := Parse(altered, secret("secret")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d bytes: %v, want %q", size, err, says)
		}
	}
}

// TestAltered: no byte of what is protected can be changed unnoticed.
func TestAltered(t *testing.T) {
	file := modern(t, module.Modern2023, 1)
	for i := range file {
		altered := bytes.Clone(file)
		altered[i] ^= 1
		store, err := Parse(altered, secret("secret"))
		if err == nil && store.Verified && !sameEntries(store, testpki.Must(Parse(file, secret("secret")))) {
			t.Errorf("byte %d altered, and verified", i)
		}
	}
}

func sameEntries(a, b *Store) bool {
	return slices.EqualFunc(a.Entries, b.Entries, func(a, b Entry) bool {
		return (a.Certificate == nil) == (b.Certificate == nil) && (a.Certificate == nil || a.Certificate.Equal(b.Certificate)) &&
			(a.Key == nil) == (b.Key == nil) && a.Name == b.Name && bytes.Equal(a.LocalKeyID, b.LocalKeyID) && a.Trusted == b.Trusted
	})
}

// indefinite writes DER as Windows and macOS write BER: without lengths, and
// octet strings in pieces of a few bytes.
func indefinite(t *testing.T, der []byte) (out []byte) {
	t.Helper()
	for rest := cryptobyte.String(der); !rest.Empty(); {
		var whole, content cryptobyte.String
		var tag asn1.Tag
		if !rest.ReadAnyASN1Element(&whole, &tag) {
			t.Fatal("no DER")
		}
		element := whole
		element.ReadAnyASN1(&content, &tag)
		switch {
		case tag == asn1.OCTET_STRING || tag == asn1.Tag(0).ContextSpecific():
			out = append(out, byte(tag)|0x20, 0x80)
			for piece := range slices.Chunk([]byte(content), 100) {
				out = append(out, octetString(piece)...)
			}
			out = append(out, 0, 0)
		case tag&0x20 != 0:
			out = append(append(append(out, byte(tag), 0x80), indefinite(t, content)...), 0, 0)
		default:
			out = append(out, whole...)
		}
	}
	return out
}

func TestBER(t *testing.T) {
	der := modern(t, module.Modern2023, 1)
	store, err := Parse(indefinite(t, der), secret("secret"))
	if err != nil || !store.Verified || !sameEntries(store, testpki.Must(Parse(der, secret("secret")))) {
		t.Errorf("have %+v, %v", store, err)
	}
	// Inside, too: the code of integrity is over the bytes as they are.
	inside := made(t, plain(certBag(oidX509)))
	safes := indefinite(t, sequence(contentInfo(oidData, octetString(indefinite(t, sequence(certBag(oidX509)))))))
	if store, err = Parse(sequence(integer(3), contentInfo(oidData, octetString(safes))), nil); err != nil || !sameEntries(store, testpki.Must(Parse(inside, nil))) {
		t.Errorf("have %+v, %v", store, err)
	}
}

func TestRefusedByName(t *testing.T) {
	other := pki.OID("\x2a\x03\x04")
	name := sequence(objectID(oidFriendlyName), tagged(asn1.SET, tagged(30, []byte("\x00h\x00i"))))
	tests := []struct {
		name, says string
		part       []byte
	}{
		{"a secret", `a secret key "hi"`, plain(bag(bagSecret, emptyList, name))},
		{"a list", "a revocation list", plain(bag(bagCRL, emptyList))},
		{"an unknown bag", "an entry of the unknown kind 1.2.3.4", plain(bag(other, emptyList))},
		{"an unknown certificate", "a certificate of the unknown kind 1.2.3.4", plain(certBag(other))},
		{"for a public key", "encrypted for a public key", contentInfo(oidEnvelopedData, emptyList)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store, err := Parse(made(t, test.part, plain(certBag(oidX509))), secret("outer"))
			if err != nil || len(store.Entries) != 2 || store.Entries[1].Certificate == nil {
				t.Fatalf("have %+v, %v", store, err)
			}
			wantError(t, store.Entries[0].Refused, Unsupported, test.says)
			_, err = store.Credential()
			wantError(t, err, pki.KeyMissing, "no private key in the PKCS#12 file that could be read")
		})
	}
}

// TestAnotherKeyPassphrase: the rest of such a file is read.
func TestAnotherKeyPassphrase(t *testing.T) {
	inner := modern(t, module.Modern2023, 1)
	at := bytes.Index(inner, objectID(bagShrouded))
	value := cryptobyte.String(inner[at+len(objectID(bagShrouded)):])
	var shrouded cryptobyte.String
	if !value.ReadASN1(&shrouded, explicit(0)) {
		t.Fatal("no encrypted key")
	}
	store, err := Parse(made(t, plain(bag(bagShrouded, shrouded), certBag(oidX509))), secret("outer"))
	if err != nil || len(store.Entries) != 2 || store.Entries[0].Key != nil {
		t.Fatalf("have %+v, %v", store, err)
	}
	wantError(t, store.Entries[0].Refused, pki.PassphraseWrong, "the private key has another passphrase than the file")
}

func TestUnreadable(t *testing.T) {
	good := made(t, plain(certBag(oidX509)))
	mac := func(id pki.OID, rounds ...[]byte) []byte {
		return sequence(append([][]byte{sequence(sequence(objectID(id)), octetString(nil)), octetString([]byte("salt"))}, rounds...)...)
	}
	const sha256ID = pki.OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01")
	empty := contentInfo(oidData, octetString(emptyList))
	pbmac := func(params ...[]byte) []byte {
		return sequence(integer(3), empty, sequence(sequence(sequence(append([][]byte{objectID(oidPBMAC1)}, params...)...), octetString(nil)), octetString(nil)))
	}
	kdf := func(id pki.OID, params ...[]byte) []byte { return sequence(objectID(id), sequence(params...)) }
	salt, hmacID := octetString([]byte("salt")), sequence(objectID(oidHMACSHA256))
	content := tagged(asn1.Tag(0).ContextSpecific(), make([]byte, 16))
	pbes2 := func(params ...[]byte) []byte {
		return made(t, sealedPart(sequence(objectID(oidPBES2), sequence(params...)), content))
	}
	tests := []struct {
		name string
		data []byte
		code fault.Code
		says string
	}{
		{"empty", nil, Unreadable, "ends in the middle"},
		{"text", []byte("hello"), Unreadable, "unreadable PKCS#12 file"},
		{"cut short", good[:len(good)-1], Unreadable, "at byte 0"},
		{"a certificate", identity.Leaf().Raw(), Unreadable, "not the shape of a PFX"},
		{"version 2", sequence(integer(2), empty), Unsupported, "of version 2"},
		{"signed", sequence(integer(3), contentInfo(oidSignedData, emptyList)), Unsupported, "protected by a signature"},
		{"another kind", sequence(integer(3), contentInfo(oidEncryptedData, emptyList)), Unreadable, "not the shape"},
		{"another digest", sequence(integer(3), empty, mac("\x2a\x03\x04")), Unsupported, "shown by 1.2.3.4"},
		{"no rounds", sequence(integer(3), empty, mac(sha256ID, integer(0))), Unreadable, "no valid code of integrity"},
		{"rounds twice", sequence(integer(3), empty, mac(sha256ID, integer(1), integer(1))), Unreadable, "no valid code of integrity"},
		{"another kind of part", made(t, contentInfo(oidSignedData, emptyList)), Unsupported, "part 1: a part of the PKCS#12 file is of the kind"},
		{"no list", made(t, contentInfo(oidData, octetString([]byte{2, 1, 1}))), Unreadable, "part 1: no list"},
		{"a broken certificate", made(t, plain(bag(bagCert, sequence(objectID(oidX509), tagged(explicit(0), octetString(emptyList)))))), pki.CertUnreadable, "unreadable certificate"},
		{"a broken key", made(t, plain(bag(bagKey, emptyList))), pki.KeyUnreadable, "part 1"},
		{"attributes that are none", made(t, plain(bag(bagKey, pkcs8(t), integer(1)))), Unreadable, "no valid attributes"},
		{"half a character", made(t, plain(bag(bagKey, pkcs8(t), sequence(objectID(oidFriendlyName), tagged(asn1.SET, tagged(30, []byte("\x00h\x00"))))))), Unreadable, "no valid attributes"},
		{"a part that is none", made(t, integer(1)), Unreadable, "part 1: no valid content"},
		{"data that are none", made(t, contentInfo(oidData, emptyList)), Unreadable, "no valid data"},
		{"a bag that is none", made(t, plain(emptyList)), Unreadable, "no valid bag behind entry 0"},
		{"a local key ID that is none", made(t, plain(bag(bagKey, pkcs8(t), sequence(objectID(oidLocalKeyID), tagged(asn1.SET, integer(1)))))), Unreadable, "no valid attributes"},
		{"an attribute that is none", made(t, plain(bag(bagKey, pkcs8(t), emptyList))), Unreadable, "no valid attributes"},
		{"a certificate bag that is none", made(t, plain(bag(bagCert, emptyList))), Unreadable, "no valid certificate bag"},
		{"a certificate bag without octets", made(t, plain(bag(bagCert, sequence(objectID(oidX509), tagged(explicit(0), emptyList))))), Unreadable, "no valid certificate bag"},
		{"an encrypted key that is none", made(t, plain(bag(bagShrouded, emptyList))), Unreadable, "no valid encrypted key"},
		{"encrypted data that are none", made(t, contentInfo(oidEncryptedData, emptyList)), Unreadable, "no valid encrypted data"},
		{"encrypted without how", made(t, contentInfo(oidEncryptedData, sequence(integer(0), sequence(objectID(oidData))))), Unreadable, "no valid encryption"},
		{"encrypted without content", made(t, sealedPart(sequence(objectID(oidPBES2)), nil)), Unreadable, "no valid encrypted content"},
		{"encrypted without parameters", made(t, sealedPart(sequence(objectID(oidPBES2)), content)), Unreadable, "no valid parameters of the encryption"},
		{"encrypted with others", made(t, sealedPart(sequence(objectID(oidRC2128), emptyList), content)), Unreadable, "no valid parameters of the encryption"},
		{"PBES2 without derivation", pbes2(), Unreadable, "no valid parameters of PBES2"},
		{"PBES2 with another derivation", pbes2(kdf("\x2a\x03\x04")), Unsupported, "encrypted by a key from 1.2.3.4"},
		{"PBES2 with a broken derivation", pbes2(kdf(oidPBKDF2)), Unreadable, "no valid parameters of PBKDF2"},
		{"scrypt with another cipher", pbes2(kdf(oidScrypt), kdf("\x2a\x03\x04")), pki.KeyUnsupported, "the cipher 1.2.3.4"},
		{"PBMAC1 without parameters", pbmac(), Unreadable, "no valid code of integrity"},
		{"PBMAC1 with another code", pbmac(sequence(kdf(oidPBKDF2), kdf("\x2a\x03\x04"))), Unsupported, "shown by PBMAC1 with 1.2.840.113549.1.5.12 and 1.2.3.4"},
		{"PBMAC1 with a broken derivation", pbmac(sequence(kdf(oidPBKDF2), hmacID)), Unreadable, "no valid parameters of PBKDF2"},
		{"PBMAC1 with another function", pbmac(sequence(kdf(oidPBKDF2, salt, integer(1), integer(32), kdf("\x2a\x03\x04")), hmacID)), Unsupported, "PBMAC1 with 1.2.3.4"},
		{"PBMAC1 with a short key", pbmac(sequence(kdf(oidPBKDF2, salt, integer(1), integer(19), hmacID), hmacID)), Unreadable, "a key of 19 bytes for PBMAC1"},
		{"too large", make([]byte, pki.MaxInput+1), pki.InputTooLarge, "16777217 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.data, secret("outer"))
			wantError(t, err, test.code, test.says)
		})
	}
}

// TestBounds meets each bound from both sides.
func TestBounds(t *testing.T) {
	one := bag(bagSecret, emptyList)
	nested := func(levels int) []byte {
		value := sequence(one)
		for range levels - 1 {
			value = sequence(bag(bagBags, value))
		}
		return contentInfo(oidData, octetString(value))
	}
	salted := func(length int) []byte {
		mac := sequence(sequence(sequence(objectID("\x2b\x0e\x03\x02\x1a")), octetString(nil)), octetString(make([]byte, length)))
		return sequence(integer(3), contentInfo(oidData, octetString(emptyList)), mac)
	}
	tests := []struct {
		name      string
		last, not []byte
		says      string
	}{
		{"parts", made(t, slices.Repeat([][]byte{plain()}, maxSafes)...), made(t, slices.Repeat([][]byte{plain()}, maxSafes+1)...), "more than 100 parts"},
		{"entries", made(t, plain(slices.Repeat([][]byte{one}, maxEntries)...)), made(t, plain(slices.Repeat([][]byte{one}, maxEntries)...), plain(one)), "more than 10000 entries"},
		{"levels", made(t, nested(maxDepth)), made(t, nested(maxDepth+1)), "more than 4 levels"},
		{"salt", salted(maxSalt), salted(maxSalt + 1), "no valid code"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse(test.last, secret("outer")); err != nil && !errors.Is(err, pki.PassphraseWrong) {
				t.Errorf("at the bound: %v", err)
			}
			_, err := Parse(test.not, secret("outer"))
			wantError(t, err, Unreadable, test.says)
		})
	}
}

// TestUnasked: the empty passphrase is tried where there is none, as long as that
// costs little; a file that asks for more is described from outside.
func TestUnasked(t *testing.T) {
	leaf := testpki.Must(identity.Leaf().X509())
	for rounds, opened := range map[int]bool{1: true, 150: true, 200: false, 251: false} { // thrice in all, of 500; and twice for the code alone
		file := testpki.Must(module.Modern.WithIterations(rounds).Encode(identity.Key, leaf, nil, ""))
		store, err := parse(file, nil, 500)
		if err != nil || store.Unprotected != opened || store.Verified != opened || store.Entries[1].Key.Locked() == opened {
			t.Errorf("%d rounds: %+v, %v", rounds, store, err)
		}
		if asked, err := Parse(file, secret("")); err != nil || !asked.Unprotected {
			t.Errorf("%d rounds, asked: %v", rounds, err)
		}
		_, err = Parse(file, secret("another"))
		wantError(t, err, pki.PassphraseWrong, "does not open")
	}
	for _, form := range [][]byte{{}, nil} { // Windows has both
		if store := testpki.Must(Parse(testpki.Must((&reader{secret: form}).file(plain(certBag(oidX509)))), nil)); !store.Unprotected || len(store.Entries) != 1 {
			t.Errorf("an empty passphrase in the form %#v: %+v", form, store)
		}
	}
	if store := testpki.Must(Parse(modern(t, module.Modern, 1), nil)); store.Unprotected || store.Verified {
		t.Error("a file with a passphrase is told as one without")
	}
}

// TestRounds: what a file asks for is counted before it is done.
func TestRounds(t *testing.T) {
	r := &reader{most: maxRounds, left: maxRounds}
	if err := r.spend(maxRounds); err != nil {
		t.Error(err)
	}
	wantError(t, r.spend(1), Costly, "more than 5000000 rounds")

	huge := tagged(asn1.INTEGER, []byte{0x7f, 0xff, 0xff, 0xff})
	mac := sequence(sequence(sequence(objectID("\x2b\x0e\x03\x02\x1a")), octetString(nil)), octetString([]byte("salt")), huge)
	_, err := Parse(sequence(integer(3), contentInfo(oidData, octetString(emptyList)), mac), secret("outer"))
	wantError(t, err, Costly, "more than 5000000 rounds")

	for name, id := range map[string]pki.OID{"RC2": oidRC240, "3DES": "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03"} {
		algorithm := sequence(objectID(id), sequence(octetString([]byte("salt")), huge))
		part := contentInfo(oidEncryptedData, sequence(integer(0), sequence(objectID(oidData), algorithm, tagged(asn1.Tag(0).ContextSpecific(), make([]byte, 16)))))
		_, err := Parse(made(t, part), secret("outer"))
		wantError(t, err, Costly, "more than 5000000 rounds")
		key := bag(bagShrouded, sequence(algorithm, octetString(make([]byte, 16))))
		if _, err = Parse(made(t, plain(key)), secret("outer")); !errors.Is(err, Costly) {
			t.Errorf("a key under %s: %v", name, err)
		}
	}
}
