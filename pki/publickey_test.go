package pki_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestPublicKeysBothWays reads what OpenSSL writes and has it read what is
// written here.
func TestPublicKeysBothWays(t *testing.T) {
	peers.OpenSSL(t)
	for _, kind := range everyKind {
		t.Run(string(kind), func(t *testing.T) {
			key := testpki.Must(pki.GenerateKey(kind))
			private := pem.EncodeToMemory(testpki.Must(pki.MarshalKey(key, pki.PKCS8)))
			ours := testpki.Must(pki.MarshalPublicKey(key.Public()))
			ways := [][]byte{
				openssl(t, private, "pkey", "-pubout"),
				openssl(t, private, "pkey", "-pubout", "-outform", "DER"),
				openssl(t, pem.EncodeToMemory(ours), "pkey", "-pubin", "-pubout"),
			}
			if public, ok := key.Public().(*rsa.PublicKey); ok {
				ways = append(ways, openssl(t, private, "rsa", "-RSAPublicKey_out"), openssl(t, private, "rsa", "-RSAPublicKey_out", "-outform", "DER"),
					openssl(t, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)}), "rsa", "-RSAPublicKey_in", "-pubout"))
			}
			for i, data := range ways {
				read := testpki.Must(pki.ParsePublicKey(data))
				if !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(testpki.Must(read.Key())) || !bytes.Equal(read.Raw(), ours.Bytes) {
					t.Errorf("way %d gives another key", i)
				}
				if read.Pin() != sha256.Sum256(ours.Bytes) {
					t.Errorf("way %d has another pin", i)
				}
			}
		})
	}
}

func TestParsePublicKey(t *testing.T) {
	ec := sequence(objectID(ecKey), objectID(p256))
	base := basePoint(elliptic.P256())
	off := append(bytes.Clone(base[:64]), base[64]^1)
	f4 := big.NewInt(65537)
	label := func(label string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}) }
	good := sequence(ec, bitString(base))
	tests := []struct {
		name  string
		data  []byte
		title string // "" if it is refused
		code  fault.Code
		says  string
	}{
		{"EC", good, "an ECDSA key of 256 bits", "", ""},
		{"EC, compressed", sequence(ec, bitString(compressed(elliptic.P256()))), "an ECDSA key of 256 bits", "", ""},
		{"another's label", label("RSA PUBLIC KEY", good), "an ECDSA key of 256 bits", "", ""},
		{"behind another block", append(label("CERTIFICATE", nil), label("PUBLIC KEY", good)...), "an ECDSA key of 256 bits", "", ""},
		{"RSA", rsaPublic(odd(2048), f4), "an RSA key of 2048 bits", "", ""},
		{"PKCS#1", sequence(big1(odd(2048)), big1(f4)), "an RSA key of 2048 bits", "", ""},
		{"X25519", sequence(sequence(objectID("1.3.101.110")), bitString(make([]byte, 32))), "an X25519 key of 256 bits", pki.KeyUnsupported, "an X25519 key of 256 bits cannot be used"},
		{"brainpool", sequence(sequence(objectID(ecKey), objectID("1.3.36.3.3.2.8.1.1.7")), bitString(base)), "a brainpoolP256r1 key of 256 bits", pki.KeyUnsupported, "does not have its curve"},
		{"exponent of 32 bits", rsaPublic(odd(2048), odd(32)), "an RSA key of 2048 bits", pki.KeyUnsupported, "its exponent has 32 bits, and crypto/rsa takes 31"},
		{"DSA that inherits", sequence(sequence(objectID("1.2.840.10040.4.1")), bitString(number(5))), "a DSA key", pki.KeyUnsupported, "a DSA key cannot be used"},
		{"ML-KEM", sequence(sequence(objectID("2.16.840.1.101.3.4.4.2")), bitString(nil)), "an ML-KEM-768 key", pki.KeyUnsupported, "an ML-KEM-768 key cannot be used: it is for key exchange"},

		{"EC, not on its curve", sequence(ec, bitString(off)), "", pki.KeyUnreadable, "no point of P-256"},
		{"EC, infinity", sequence(ec, bitString([]byte{0})), "", pki.KeyUnreadable, "no point of P-256"},
		{"EC, nothing", sequence(ec, bitString(nil)), "", pki.KeyUnreadable, "no point of P-256"},
		{"EC, compressed not on its curve", sequence(ec, bitString(append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...))), "", pki.KeyUnreadable, "no point of P-256"},
		{"EC, hybrid", sequence(ec, bitString(append([]byte{6}, base[1:]...))), "", pki.KeyUnreadable, "no point of P-256"},
		{"EC without a curve", sequence(sequence(objectID(ecKey)), bitString(base)), "", pki.KeyUnreadable, "no valid curve of the key"},
		{"Ed25519, short", sequence(sequence(objectID(edKey)), bitString(make([]byte, 31))), "", pki.KeyUnreadable, "an Ed25519 key of 31 bytes"},
		{"odd bits", sequence(ec, []byte{3, 2, 1, 0}), "", pki.KeyUnreadable, "no whole bytes"},
		{"RSA, modulus 0", rsaPublic(new(big.Int), f4), "", pki.KeyUnreadable, "a number that is not above 0, the RSA modulus"},
		{"RSA, negative exponent", rsaPublic(odd(2048), big.NewInt(-3)), "", pki.KeyUnreadable, "a number that is not above 0, the RSA exponent"},
		{"parameters of DH", sequence(big1(odd(2048)), number(2)), "", pki.KeyUnreadable, "the parameters of a DH key, not a key"},
		{"something behind", append(bytes.Clone(good), 0), "", pki.KeyUnreadable, "goes on where it should end"},
		{"a private key", pkcs8(0, ec, one()), "", pki.KeyUnreadable, "cannot be read"},
		{"not base64", []byte("-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----\n"), "", pki.KeyUnreadable, "block 1 is a public key, but not valid PEM"},
		{"none", label("CERTIFICATE", good), "", pki.KeyMissing, "there is no public key"},
		{"empty", nil, "", pki.KeyMissing, "there is no public key"},
		{"text", []byte("hello"), "", pki.KeyMissing, "there is no public key"},
		{"too long", sequence(ec, bitString(make([]byte, 64<<10))), "", pki.InputTooLarge, "a key of 655"},
		{"too large", make([]byte, pki.MaxInput+1), "", pki.InputTooLarge, "16777217 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := pki.ParsePublicKey(test.data)
			if test.title == "" {
				wantFault(t, err, test.code, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if key.Title() != test.title {
				t.Errorf("it is %s, want %s", key.Title(), test.title)
			}
			if _, err := key.Key(); test.code != "" {
				wantFault(t, err, test.code, test.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := pki.MarshalPublicKey("no key")
	wantFault(t, err, pki.KeyUnsupported, "a public key of type string cannot be written")
}

// TestDamagedKeyOfACertificate: a certificate is read although its key cannot be,
// and the key says what it should have been.
func TestDamagedKeyOfACertificate(t *testing.T) {
	cert := testpki.Must(testpki.New(now)).Root.Leaf()
	raw := bytes.Replace(cert.Raw(), objectID(p256), objectID("1.2.840.10045.3.1.127"), 1) // a curve that does not exist
	unknown := testpki.Must(pki.ParseCertificate(raw)).PublicKey()
	if unknown.Title() != "a key on the curve 1.2.840.10045.3.1.127" {
		t.Errorf("it is %s", unknown.Title())
	}
	raw = bytes.Replace(cert.Raw(), objectID(p256), append([]byte{4, 8}, make([]byte, 8)...), 1) // no curve at all
	damaged := testpki.Must(pki.ParseCertificate(raw)).PublicKey()
	_, err := damaged.Key()
	wantFault(t, err, pki.KeyMalformed, "an EC key cannot be used: it is damaged: no valid curve of the key")
	if damaged.Kind() != "EC" || damaged.Size() != 0 || damaged.Problems() != nil {
		t.Errorf("it is %s", damaged.Title())
	}
}

// TestDSAIsOnlyChecked: a signature of OpenSSL's by DSA is told from a forged one,
// and the key is good for nothing else.
func TestDSAIsOnlyChecked(t *testing.T) {
	parameters := openssl(t, nil, "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024")
	private := openssl(t, parameters, "genpkey", "-paramfile", "/dev/stdin")
	key := testpki.Must(pki.ParsePublicKey(openssl(t, private, "pkey", "-pubout")))
	folder := t.TempDir()
	path := filepath.Join(folder, "key.pem")
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	signature := openssl(t, []byte("a message"), "dgst", "-sha256", "-sign", path)
	algorithm := pki.Algorithm{ID: testpki.Must(pki.ParseOID("2.16.840.1.101.3.4.3.2"))}
	wantFault(t, key.Verify(algorithm, []byte("a message"), signature), pki.SignatureWeak, "DSA is no longer safe")
	wantFault(t, key.Verify(algorithm, []byte("another"), signature), pki.SignatureWrong, "was not made by this key")
	_, err := key.Key()
	wantFault(t, err, pki.KeyUnsupported, "a DSA key of 1024 bits cannot be used")
	wantFault(t, pki.VerifyFile(key, strings.NewReader("a message"), signature), pki.KeyUnsupported, "a DSA key of 1024 bits cannot be used")
}

// TestHugeKeysCheckNothing: a hostile key may not keep its verifier busy.
func TestHugeKeysCheckNothing(t *testing.T) {
	algorithm := pki.Algorithm{ID: testpki.Must(pki.ParseOID("1.2.840.113549.1.1.11"))}
	most := testpki.Must(pki.ParsePublicKey(rsaPublic(odd(16384), big.NewInt(3))))
	wantFault(t, most.Verify(algorithm, nil, make([]byte, 2048)), pki.SignatureWrong, "was not made by this key")
	more := testpki.Must(pki.ParsePublicKey(rsaPublic(odd(16385), big.NewInt(3))))
	wantFault(t, more.Verify(algorithm, nil, make([]byte, 2049)), pki.KeyUnsupported, "an RSA key of 16385 bits is too large to check a signature with")
}
