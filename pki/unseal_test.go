package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// sealFor seals by PBES2 with AES-128, by CBC or by GCM with a tag of so many
// bytes.
func sealFor(t *testing.T, passphrase string, plain []byte, tag int) []byte {
	t.Helper()
	key, err := pbkdf2.Key(sha256.New, passphrase, make([]byte, 8), 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	with := tlv(0x30, o(testOID("2.16.840.1.101.3.4.1.2")), tlv(0x04, make([]byte, 16)))
	sealed := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(16 - len(plain)%16)}, 16-len(plain)%16)...)
	if tag == 0 {
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(sealed, sealed)
	} else {
		gcm, err := cipher.NewGCMWithTagSize(block, tag)
		if err != nil {
			t.Fatal(err)
		}
		sealed = gcm.Seal(nil, make([]byte, 12), plain, nil)
		parameters := [][]byte{tlv(0x04, make([]byte, 12)), tlv(0x02, []byte{byte(tag)})}
		if tag == 12 { // the default
			parameters = parameters[:1]
		}
		with = tlv(0x30, o(testOID("2.16.840.1.101.3.4.1.6")), tlv(0x30, parameters...))
	}
	derivation := tlv(0x30, o(testOID("1.2.840.113549.1.5.12")), tlv(0x30, tlv(0x04, make([]byte, 8)), unhex("020101"), tlv(0x30, o(testOID("1.2.840.113549.2.9")))))
	return tlv(0x30, tlv(0x30, o(testOID("1.2.840.113549.1.5.13")), tlv(0x30, derivation, with)), tlv(0x04, sealed))
}

func TestUnseal(t *testing.T) {
	plain := tlv(0x30, unhex("020101"), text("what is inside"))
	for _, tag := range []int{0, 12, 13, 14, 15, 16} {
		sealed := sealFor(t, "secret", plain, tag)
		if have, err := Unseal(sealed, []byte("secret")); err != nil || !bytes.Equal(have, plain) {
			t.Errorf("tag of %d: have %x, %v", tag, have, err)
		}
		sealed[len(sealed)-1] ^= 1
		if _, err := Unseal(sealed, []byte("secret")); tag != 0 && !errors.Is(err, PassphraseWrong) {
			t.Errorf("tag of %d, altered: %v", tag, err)
		}
	}
	for size := range 17 { // each length of the padding
		inside := tlv(0x30, make([]byte, size))
		if have, err := Unseal(sealFor(t, "secret", inside, 0), []byte("secret")); err != nil || !bytes.Equal(have, inside) {
			t.Errorf("%d bytes inside: have %x, %v", len(inside), have, err)
		}
	}
	good := sealFor(t, "secret", plain, 0)
	cipherless := func(content []byte) []byte {
		d := newDER(good)
		list := d.sequence("it")
		algorithm, _ := list.whole(0x30, "it")
		return tlv(0x30, algorithm, tlv(0x04, content))
	}
	tests := []struct {
		name, passphrase string
		sealed           []byte
		code             fault.Code
		says             string
	}{
		{"another passphrase", "Secret", good, PassphraseWrong, "the encrypted data"},
		{"no passphrase", "", good, PassphraseWrong, "the encrypted data"},
		{"no SEQUENCE inside", "secret", sealFor(t, "secret", text("what is inside"), 0), PassphraseWrong, "the encrypted data"},
		{"no SEQUENCE inside, by GCM", "secret", sealFor(t, "secret", text("what is inside"), 16), PassphraseWrong, "the encrypted data"},
		{"nothing inside", "secret", sealFor(t, "secret", nil, 0), PassphraseWrong, "the encrypted data"},
		{"nothing inside, by GCM", "secret", sealFor(t, "secret", nil, 16), PassphraseWrong, "the encrypted data"},
		{"nothing sealed", "secret", cipherless(nil), KeyUnreadable, "0 bytes are no whole blocks of AES-128-CBC"},
		{"no whole blocks", "secret", cipherless(make([]byte, 17)), KeyUnreadable, "17 bytes are no whole blocks of AES-128-CBC"},
		{"no data", "secret", nil, KeyUnreadable, "the encrypted data"},
		{"more behind it", "secret", append(bytes.Clone(good), 5, 0), KeyUnreadable, "goes on where it should end"},
		{"an unknown scheme", "secret", tlv(0x30, tlv(0x30, o(oid123)), tlv(0x04, make([]byte, 16))), KeyUnsupported, "cannot be opened"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Unseal(test.sealed, []byte(test.passphrase))
			if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("have %v, want %s that says %q", err, test.code, test.says)
			}
		})
	}
}
