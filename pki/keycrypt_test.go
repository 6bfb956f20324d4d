package pki_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

var (
	aes128    = func() []byte { return sequence(objectID("2.16.840.1.101.3.4.1.2"), octets(make([]byte, 16))) }
	tripleDES = func() []byte { return sequence(objectID("1.2.840.113549.3.7"), octets(make([]byte, 8))) }
)

func pbkdf2(salt int, rounds int64, more ...[]byte) []byte {
	parts := append([][]byte{octets(make([]byte, salt)), number(rounds)}, more...)
	return sequence(objectID("1.2.840.113549.1.5.12"), sequence(parts...))
}

func scrypt(n, r, p int64, more ...[]byte) []byte {
	parts := append([][]byte{octets(make([]byte, 8)), number(n), number(r), number(p)}, more...)
	return sequence(objectID("1.3.6.1.4.1.11591.4.11"), sequence(parts...))
}

func pbes2(kdf, cipher []byte) []byte {
	return sequence(objectID("1.2.840.113549.1.5.13"), sequence(kdf, cipher))
}

func pbes1(scheme string, salt int, rounds int64) []byte {
	return sequence(objectID(scheme), sequence(octets(make([]byte, salt)), number(rounds)))
}

func gcm(nonce int, tag ...[]byte) []byte {
	return sequence(objectID("2.16.840.1.101.3.4.1.46"), sequence(append([][]byte{octets(make([]byte, nonce))}, tag...)...))
}

// TestEncryptionBounds has, for each bound, the last that is tried (then the
// passphrase is wrong) and the first that is not.
func TestEncryptionBounds(t *testing.T) {
	slow := map[string]bool{"the most rounds": true, "scrypt, nearly all memory": true, "scrypt, most work": true, "PKCS#12, the most rounds": true}
	const desPKCS12 = "1.2.840.113549.1.12.1.3"
	tests := []struct {
		name      string
		algorithm []byte
		sealed    int
		code      fault.Code
		says      string
	}{
		{"one round", pbes2(pbkdf2(8, 1), aes128()), 16, pki.PassphraseWrong, ""},
		{"no rounds", pbes2(pbkdf2(8, 0), aes128()), 16, pki.KeyUnreadable, "no rounds at all at byte"},
		{"rounds below none", pbes2(pbkdf2(8, -1), aes128()), 16, pki.KeyUnreadable, "a number out of bounds in number of rounds"},
		{"the most rounds", pbes2(pbkdf2(8, 5_000_000), aes128()), 16, pki.PassphraseWrong, ""},
		{"a round too many", pbes2(pbkdf2(8, 5_000_001), aes128()), 16, pki.KeyCostly, "5000001 rounds of PBKDF2; 5000000 are the most"},
		{"rounds beyond 31 bits", pbes2(pbkdf2(8, 1<<31), aes128()), 16, pki.KeyUnreadable, "a number out of bounds in number of rounds"},
		{"the longest salt", pbes2(pbkdf2(1024, 1), aes128()), 16, pki.PassphraseWrong, ""},
		{"a longer salt", pbes2(pbkdf2(1025, 1), aes128()), 16, pki.KeyUnreadable, "a salt of 1025 bytes, where 1024 are the most"},
		{"no salt", pbes2(pbkdf2(0, 1), aes128()), 16, pki.PassphraseWrong, ""},
		{"the right length", pbes2(pbkdf2(8, 1, number(16)), aes128()), 16, pki.PassphraseWrong, ""},
		{"another length", pbes2(pbkdf2(8, 1, number(17)), aes128()), 16, pki.KeyUnreadable, "another length of the key than the 16 bytes"},
		{"an unknown function", pbes2(pbkdf2(8, 1, sequence(objectID("1.2.840.113549.2.6"))), aes128()), 16, pki.KeyUnsupported, "PBKDF2 with the function 1.2.840.113549.2.6"},
		{"more behind PBKDF2", pbes2(pbkdf2(8, 1, sequence(objectID("1.2.840.113549.2.9")), number(1)), aes128()), 16, pki.KeyUnreadable, "goes on where it should end"},

		{"scrypt, the least", pbes2(scrypt(2, 1, 1), aes128()), 16, pki.PassphraseWrong, ""},
		{"scrypt, N of 1", pbes2(scrypt(1, 1, 1), aes128()), 16, pki.KeyUnreadable, "no valid costs of scrypt"},
		{"scrypt, N no power of 2", pbes2(scrypt(6, 1, 1), aes128()), 16, pki.KeyUnreadable, "no valid costs of scrypt"},
		{"scrypt, r of 0", pbes2(scrypt(2, 0, 1), aes128()), 16, pki.KeyUnreadable, "no valid costs of scrypt"},
		{"scrypt, p of 0", pbes2(scrypt(2, 1, 0), aes128()), 16, pki.KeyUnreadable, "no valid costs of scrypt"},
		{"scrypt, nearly all memory", pbes2(scrypt(1<<15, 15, 1), aes128()), 16, pki.PassphraseWrong, ""},
		{"scrypt, too much memory", pbes2(scrypt(1<<15, 16, 1), aes128()), 16, pki.KeyCostly, "N = 32768, r = 16, p = 1, which need more memory than is given, in bytes; 67108864 are the most"},
		{"scrypt, memory by p", pbes2(scrypt(2, 1, 1<<19), aes128()), 16, pki.KeyCostly, "more memory"},
		{"scrypt, most work", pbes2(scrypt(1<<9, 8, 1<<9), aes128()), 16, pki.PassphraseWrong, ""},
		{"scrypt, too much work", pbes2(scrypt(1<<9, 8, 1<<9+1), aes128()), 16, pki.KeyCostly, "whose product is the work; 2097152 are the most"},
		{"scrypt, all factors at their most", pbes2(scrypt(1<<30, 1<<31-1, 1<<31-1), aes128()), 16, pki.KeyCostly, "more memory"},
		{"scrypt, another length", pbes2(scrypt(2, 1, 1, number(32)), aes128()), 16, pki.KeyUnreadable, "another length"},

		{"GCM", pbes2(pbkdf2(8, 1), gcm(12, number(16))), 17, pki.PassphraseWrong, ""},
		{"GCM, the usual tag", pbes2(pbkdf2(8, 1), gcm(12)), 17, pki.PassphraseWrong, ""},
		{"GCM, a tag of 11", pbes2(pbkdf2(8, 1), gcm(12, number(11))), 17, pki.KeyUnreadable, "a nonce of 12 bytes and a tag of 11"},
		{"GCM, a tag of 17", pbes2(pbkdf2(8, 1), gcm(12, number(17))), 17, pki.KeyUnreadable, "a nonce of 12 bytes and a tag of 17"},
		{"GCM, a nonce of 13", pbes2(pbkdf2(8, 1), gcm(13)), 17, pki.KeyUnreadable, "a nonce of 13 bytes"},
		{"GCM, shorter than its tag", pbes2(pbkdf2(8, 1), gcm(12)), 11, pki.PassphraseWrong, ""},

		{"no whole block", pbes2(pbkdf2(8, 1), aes128()), 17, pki.KeyUnreadable, "17 bytes are no whole blocks of AES-128-CBC"},
		{"nothing", pbes2(pbkdf2(8, 1), aes128()), 0, pki.KeyUnreadable, "0 bytes are no whole blocks"},
		{"a vector of 15", pbes2(pbkdf2(8, 1), sequence(objectID("2.16.840.1.101.3.4.1.2"), octets(make([]byte, 15)))), 16, pki.KeyUnreadable, "an initialisation vector of 15 bytes, not 16"},
		{"3DES", pbes2(pbkdf2(8, 1), tripleDES()), 8, pki.PassphraseWrong, ""},
		{"3DES, no whole block", pbes2(pbkdf2(8, 1), tripleDES()), 12, pki.KeyUnreadable, "12 bytes are no whole blocks of 3DES-CBC"},
		{"RC2 under PBES2", pbes2(pbkdf2(8, 1), sequence(objectID("1.2.840.113549.3.2"))), 8, pki.KeyUnsupported, "PBES2: RC2-CBC, cannot be opened: it is broken"},
		{"an unknown cipher", pbes2(pbkdf2(8, 1), sequence(objectID("1.2.3"))), 8, pki.KeyUnsupported, "the cipher 1.2.3, cannot be opened: it is not known"},
		{"an unknown derivation", pbes2(sequence(objectID("1.2.3")), aes128()), 16, pki.KeyUnsupported, "the key derivation 1.2.3, cannot be opened"},
		{"PBES2 without parameters", sequence(objectID("1.2.840.113549.1.5.13")), 16, pki.KeyUnreadable, "no valid parameters of PBES2"},

		{"PKCS#12", pbes1(desPKCS12, 8, 1), 8, pki.PassphraseWrong, ""},
		{"PKCS#12 without salt", pbes1(desPKCS12, 0, 1), 8, pki.PassphraseWrong, ""},
		{"PKCS#12, no rounds", pbes1(desPKCS12, 8, 0), 8, pki.KeyUnreadable, "no rounds at all"},
		{"PKCS#12, the most rounds", pbes1(desPKCS12, 8, 1_000_000), 8, pki.PassphraseWrong, ""},
		{"PKCS#12, a round too many", pbes1(desPKCS12, 8, 1_000_001), 8, pki.KeyCostly, "1000001 rounds; 1000000 are the most"},
		{"RC4 of PKCS#12", pbes1("1.2.840.113549.1.12.1.1", 8, 1), 8, pki.KeyUnsupported, "PKCS#12: SHA-1 and RC4 of 128 bits, cannot be opened: it is broken"},
		{"RC2 of PKCS#12", pbes1("1.2.840.113549.1.12.1.6", 8, 1), 8, pki.KeyUnsupported, "RC2-CBC of 40 bits"},
		{"RC2 of PBES1", pbes1("1.2.840.113549.1.5.11", 8, 1), 8, pki.KeyUnsupported, "PBES1: SHA-1 and RC2-CBC"},
		{"MD2 of PBES1", pbes1("1.2.840.113549.1.5.1", 8, 1), 8, pki.KeyUnsupported, "PBES1: MD2 and DES-CBC"},
		{"an unknown scheme", pbes1("1.2.3", 8, 1), 8, pki.KeyUnsupported, "the encryption 1.2.3, cannot be opened"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if testing.Short() && slow[test.name] {
				t.Skip("takes seconds; run without -short")
			}
			data := sequence(test.algorithm, octets(bytes.Repeat([]byte{7}, test.sealed)))
			ask := unasked(t)
			if test.code == pki.PassphraseWrong {
				ask = secret("wrong")
			}
			key, err := pki.ParsePrivateKey(data, ask)
			if err == nil {
				_, err = key.Signer()
			}
			wantFault(t, err, test.code, test.says)
		})
	}
}

// TestDamagedInside alters each byte of a sealed key: what comes out is no key,
// or it is seen in the key that it is damaged.
func TestDamagedInside(t *testing.T) {
	plain := pem.EncodeToMemory(testpki.Must(pki.MarshalKey(testpki.Must(pki.NewKey()), pki.PKCS8)))
	sealed := openssl(t, plain, "pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:secret")
	codes := map[fault.Code]int{}
	for at := 1; at <= 128; at++ {
		damaged := bytes.Clone(sealed)
		damaged[len(damaged)-at] ^= 0x40
		_, err := pki.ParsePrivateKey(damaged, secret("secret"))
		e, ok := fault.Of(err)
		if !ok || e.Code != pki.PassphraseWrong && e.Code != pki.KeyUnreadable {
			t.Fatalf("byte %d from the end is altered: %v", at, err)
		}
		codes[e.Code]++
	}
	if len(codes) != 2 {
		t.Errorf("all are told the same: %v", codes)
	}
}

// TestPEMEncryption: headers that are damaged, or of unknown kinds.
func TestPEMEncryption(t *testing.T) {
	const good = "AES-128-CBC,00112233445566778899AABBCCDDEEFF"
	tests := []struct {
		name, info string
		size       int
		code       fault.Code
		says       string
	}{
		{"good", good, 16, pki.PassphraseWrong, "does not open block 1 (RSA PRIVATE KEY)"},
		{"small letters", strings.ToLower(good), 16, pki.PassphraseWrong, ""},
		{"none", "", 16, pki.KeyUnreadable, "no valid DEK-Info header"},
		{"no vector", "AES-128-CBC", 16, pki.KeyUnreadable, "an initialisation vector of 0 bytes"},
		{"short vector", "AES-128-CBC,0011", 16, pki.KeyUnreadable, "an initialisation vector of 2 bytes in its DEK-Info header, not 16"},
		{"long vector", "DES-CBC,00112233445566778899", 16, pki.KeyUnreadable, "an initialisation vector of 10 bytes in its DEK-Info header, not 8"},
		{"no hexadecimal", "AES-128-CBC,xx", 16, pki.KeyUnreadable, "no valid DEK-Info header"},
		{"unknown cipher", "secret-CBC,0011223344556677", 16, pki.KeyUnsupported, "a cipher of its DEK-Info header, cannot be opened"},
		{"no whole block", good, 17, pki.KeyUnreadable, "17 bytes are no whole blocks of AES-128-CBC"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: bytes.Repeat([]byte{7}, test.size),
				Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": test.info}})
			key, err := pki.ParsePrivateKey(data, secret("wrong"))
			if err == nil {
				_, err = key.Signer()
			}
			wantFault(t, err, test.code, test.says)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v repeats what the file says", err)
			}
		})
	}
}

// TestGCMFromPython opens keys that were sealed by AES-GCM with cryptography:
// OpenSSL does not write them, Java does, the tag behind the key.
func TestGCMFromPython(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	plain := testpki.Must(pki.MarshalKey(key, pki.PKCS8))
	folder := python(t, `
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives import hashes
plain = open("plain", "rb").read()
for size in 16, 24, 32:
    k = PBKDF2HMAC(hashes.SHA256(), size, b"saltsalt", 2048).derive(b"secret")
    open("gcm%d" % size, "wb").write(AESGCM(k).encrypt(b"n" * 12, plain, None))
k = Scrypt(b"saltsalt", 32, 1024, 4, 3).derive(b"secret")
open("scrypt", "wb").write(AESGCM(k).encrypt(b"n" * 12, plain, None))
`, map[string][]byte{"plain": plain.Bytes})
	nonce := sequence(octets(bytes.Repeat([]byte("n"), 12)), number(16))
	salt := octets([]byte("saltsalt"))
	derivation := sequence(objectID("1.2.840.113549.1.5.12"), sequence(salt, number(2048), sequence(objectID("1.2.840.113549.2.9"))))
	memory := sequence(objectID("1.3.6.1.4.1.11591.4.11"), sequence(salt, number(1024), number(4), number(3), number(32)))
	tests := []struct {
		name, says, cipher string
		kdf                []byte
	}{
		{"gcm16", "PBES2: AES-128-GCM, PBKDF2 with 2048 rounds of HMAC-SHA-256", "2.16.840.1.101.3.4.1.6", derivation},
		{"gcm24", "PBES2: AES-192-GCM, PBKDF2 with 2048 rounds of HMAC-SHA-256", "2.16.840.1.101.3.4.1.26", derivation},
		{"gcm32", "PBES2: AES-256-GCM, PBKDF2 with 2048 rounds of HMAC-SHA-256", "2.16.840.1.101.3.4.1.46", derivation},
		{"scrypt", "PBES2: AES-256-GCM, scrypt with N = 1024, r = 4, p = 3", "2.16.840.1.101.3.4.1.46", memory},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sealed := testpki.Must(os.ReadFile(filepath.Join(folder, test.name)))
			data := sequence(pbes2(test.kdf, sequence(objectID(test.cipher), nonce)), octets(sealed))
			read := testpki.Must(pki.ParsePrivateKey(data, secret("secret")))
			if read.Encryption != test.says || !sameKey(testpki.Must(read.Signer()), key) {
				t.Errorf("have %q, or another key", read.Encryption)
			}
			data[len(data)-1] ^= 1
			_, err := pki.ParsePrivateKey(data, secret("secret"))
			wantFault(t, err, pki.PassphraseWrong, "or that is damaged")
		})
	}
}

// TestUnicodePassphrase: PKCS#12's derivation takes UTF-16, and OpenSSL decides
// how.
func TestUnicodePassphrase(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	plain := pem.EncodeToMemory(testpki.Must(pki.MarshalKey(key, pki.PKCS8)))
	for _, passphrase := range []string{"", "a", "한글 열쇠", "clé", "🔑", "\xff\xfe", strings.Repeat("long ", 40)} {
		t.Run(passphrase, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "passphrase")
			if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			sealed := openssl(t, plain, "pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "file:"+file)
			read := testpki.Must(pki.ParsePrivateKey(sealed, secret(passphrase)))
			if !sameKey(testpki.Must(read.Signer()), key) {
				t.Error("have another key")
			}
		})
	}
}
