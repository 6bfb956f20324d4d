package pkcs12

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"os/exec"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/internal/pbe"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// underRC2 is a part under the passphrase "outer" and RC2-128.
func underRC2(t *testing.T, bags ...[]byte) []byte {
	t.Helper()
	algorithm, sealed := underPBE(t, oidRC2128, "-rc2-cbc", 16, sequence(bags...))
	return sealedPart(algorithm, tagged(asn1.Tag(0).ContextSpecific(), sealed))
}

func sealedPart(algorithm, content []byte) []byte {
	return contentInfo(oidEncryptedData, sequence(integer(0), sequence(objectID(oidData), algorithm, content)))
}

// underPBE is what OpenSSL encrypts under the passphrase "outer", with one round.
func underPBE(t *testing.T, id pki.OID, cipher string, size int, data []byte) (algorithm, sealed []byte) {
	t.Helper()
	salt, password := []byte("12345678"), pbe.Password([]byte("outer"))
	key := pbe.Derive(sha1.New(), pbe.Key, password, salt, 1, size)
	vector := pbe.Derive(sha1.New(), pbe.Vector, password, salt, 1, 8)
	command := exec.Command(peers.OpenSSL(t), "enc", "-e", cipher, "-provider", "legacy", "-provider", "default",
		"-K", hex.EncodeToString(key), "-iv", hex.EncodeToString(vector))
	command.Stdin = bytes.NewReader(data)
	sealed, err := command.Output()
	if err != nil {
		t.Skipf("this OpenSSL has no %s: %v", cipher, err)
	}
	return sequence(objectID(id), sequence(octetString(salt), integer(1))), sealed
}

// TestPieces reads an encrypted part in pieces, as programs write it that do not
// know its length beforehand.
func TestPieces(t *testing.T) {
	algorithm, sealed := underPBE(t, "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03", "-des-ede3-cbc", 24, sequence(certBag(oidX509)))
	pieces := tagged(explicit(0), octetString(sealed[:5]), octetString(nil), octetString(sealed[5:]))
	store, err := Parse(made(t, sealedPart(algorithm, pieces)), secret("outer"))
	if err != nil || len(store.Entries) != 1 || !store.Entries[0].Certificate.Equal(identity.Leaf()) {
		t.Errorf("have %+v, %v", store, err)
	}
	_, err = Parse(made(t, sealedPart(algorithm, tagged(explicit(0), octetString(sealed), integer(1)))), secret("outer"))
	wantError(t, err, Unreadable, "no valid encrypted content")
	_, err = Parse(made(t, sealedPart(algorithm, tagged(explicit(0), octetString(sealed[8:])))), secret("outer"))
	wantError(t, err, Unreadable, "part 1: the encrypted part is not opened by the passphrase of the file")
}

func TestPartsUnderRC2(t *testing.T) {
	huge := tagged(asn1.INTEGER, []byte{0x7f, 0xff, 0xff, 0xff})
	costly := bag(bagShrouded, sequence(sequence(objectID(oidRC2128), sequence(octetString([]byte("12345678")), huge)), octetString(make([]byte, 16))))
	named := sequence(objectID(oidFriendlyName), tagged(asn1.SET, tagged(30, []byte("\x00h\x00i"))))
	local := sequence(objectID(oidLocalKeyID), tagged(asn1.SET, octetString([]byte("7"))))
	strange := sequence(objectID("\x2a\x03\x04"), tagged(asn1.SET, integer(1)))
	trusted := sequence(objectID(oidTrusted), tagged(asn1.SET, objectID("\x55\x1d\x25\x00")))
	certificate := sequence(objectID(oidX509), tagged(explicit(0), octetString(identity.Leaf().Raw())))

	refused := map[string][]byte{
		"a key that asks for 2147483647 rounds": underRC2(t, costly),
		"such a key behind a certificate":       underRC2(t, certBag(oidX509), costly),
		"such a key behind a broken one":        underRC2(t, bag(bagCert, emptyList), costly),
		"a key in the open":                     underRC2(t, certBag(oidX509), bag(bagKey, pkcs8(t))),
		"nothing":                               underRC2(t),
	}
	for name, part := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(made(t, part), secret("outer"))
			wantError(t, err, Unsupported, "part 1: a part of the PKCS#12 file is encrypted by RC2, and holds more or less than certificates")
		})
	}

	read := map[string]struct {
		part []byte
		want Entry
	}{
		"named":               {underRC2(t, bag(bagCert, certificate, named, local)), Entry{Name: "hi", LocalKeyID: []byte("7")}},
		"unknown attribute":   {underRC2(t, bag(bagCert, certificate, named, strange)), Entry{}},
		"Java's trust anchor": {underRC2(t, bag(bagCert, certificate, named, trusted)), Entry{Trusted: true}},
	}
	for name, test := range read {
		t.Run(name, func(t *testing.T) {
			store, err := Parse(made(t, test.part), secret("outer"))
			if err != nil || len(store.Entries) != 1 {
				t.Fatalf("have %+v, %v", store, err)
			}
			e := store.Entries[0]
			if !e.Certificate.Equal(identity.Leaf()) || e.Name != test.want.Name || !bytes.Equal(e.LocalKeyID, test.want.LocalKeyID) || e.Trusted != test.want.Trusted {
				t.Errorf("have %+v, want %+v", e, test.want)
			}
		})
	}

	algorithm := sequence(objectID(oidRC2128), sequence(octetString([]byte("12345678")), tagged(asn1.INTEGER, []byte{0x26, 0x25, 0xa0}))) // 2,500,000
	part := sealedPart(algorithm, tagged(asn1.Tag(0).ContextSpecific(), make([]byte, 16)))
	_, err := Parse(made(t, part), secret("outer"))
	wantError(t, err, Costly, "more than 5000000 rounds")
}

// TestWrongPassphraseUnderRC2: without a code of integrity the part itself tells.
func TestWrongPassphraseUnderRC2(t *testing.T) {
	file := sequence(integer(3), contentInfo(oidData, octetString(sequence(underRC2(t, certBag(oidX509))))))
	if store, err := Parse(file, secret("outer")); err != nil || len(store.Entries) != 1 {
		t.Errorf("have %+v, %v", store, err)
	}
	for _, wrong := range []string{"wrong", ""} {
		_, err := Parse(file, secret(wrong))
		wantError(t, err, pki.PassphraseWrong, "does not open the PKCS#12 file")
	}
}
