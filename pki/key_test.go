package pki_test

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// secret answers with a passphrase; nobody asked counts as a mistake elsewhere.
func secret(text string) pki.Passphrase {
	return func() ([]byte, error) { return []byte(text), nil }
}

// unasked fails the test if a passphrase is asked for.
func unasked(t *testing.T) pki.Passphrase {
	return func() ([]byte, error) {
		t.Error("a passphrase is asked for, and none is needed")
		return nil, errors.New("none")
	}
}

func sameKey(a, b crypto.PrivateKey) bool {
	return a.(interface{ Equal(crypto.PrivateKey) bool }).Equal(b)
}

// openssl runs the program on input and returns what it writes.
func openssl(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	command := exec.Command(peers.OpenSSL(t), args...)
	command.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

var everyKind = []pki.KeyKind{pki.P224, pki.P256, pki.P384, pki.P521, pki.Ed25519, pki.RSA(2048), pki.RSA(3072)}

// TestKeysFromOpenSSL reads what OpenSSL writes: each kind in each form.
func TestKeysFromOpenSSL(t *testing.T) {
	peers.OpenSSL(t)
	type form struct {
		name, container, encryption string
		args                        []string
	}
	pass := []string{"-passout", "pass:correct horse"}
	everywhere := []form{
		{"PKCS#8", "PKCS#8", "", []string{"pkcs8", "-topk8", "-nocrypt"}},
		{"PKCS#8 in DER", "PKCS#8", "", []string{"pkcs8", "-topk8", "-nocrypt", "-outform", "DER"}},
		{"as OpenSSL encrypts", "PKCS#8", "PBES2: AES-256-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-256", append([]string{"pkcs8", "-topk8"}, pass...)},
		{"encrypted in DER", "PKCS#8", "PBES2: AES-128-CBC, PBKDF2 with 3000 rounds of HMAC-SHA-512", append([]string{"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-iter", "3000", "-outform", "DER"}, pass...)},
		{"HMAC-SHA-1", "PKCS#8", "PBES2: AES-192-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-1", append([]string{"pkcs8", "-topk8", "-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA1"}, pass...)},
		{"HMAC-SHA-224", "PKCS#8", "PBES2: AES-256-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-224", append([]string{"pkcs8", "-topk8", "-v2prf", "hmacWithSHA224"}, pass...)},
		{"HMAC-SHA-384", "PKCS#8", "PBES2: AES-256-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-384", append([]string{"pkcs8", "-topk8", "-v2prf", "hmacWithSHA384"}, pass...)},
		{"HMAC-SHA-512/256", "PKCS#8", "PBES2: AES-256-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-512/256", append([]string{"pkcs8", "-topk8", "-v2prf", "hmacWithSHA512-256"}, pass...)},
		{"scrypt", "PKCS#8", "PBES2: AES-256-CBC, scrypt with N = 16384, r = 8, p = 1", append([]string{"pkcs8", "-topk8", "-scrypt"}, pass...)},
		{"3DES under PBES2", "PKCS#8", "PBES2: 3DES-CBC, PBKDF2 with 2048 rounds of HMAC-SHA-256", append([]string{"pkcs8", "-topk8", "-v2", "des3"}, pass...)},
		{"3DES of PKCS#12", "PKCS#8", "PKCS#12: SHA-1 and 3DES-CBC, 2048 rounds", append([]string{"pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"}, pass...)},
		{"3DES of PKCS#12 with two keys", "PKCS#8", "PKCS#12: SHA-1 and 3DES-CBC with two keys, 2048 rounds", append([]string{"pkcs8", "-topk8", "-v1", "PBE-SHA1-2DES"}, pass...)},
		{"DES of PBES1", "PKCS#8", "PBES1: SHA-1 and DES-CBC, 2048 rounds", append([]string{"pkcs8", "-topk8", "-v1", "PBE-SHA1-DES", "-provider", "legacy", "-provider", "default"}, pass...)},
		{"DES of PBES1 with MD5", "PKCS#8", "PBES1: MD5 and DES-CBC, 2048 rounds", append([]string{"pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default"}, pass...)},
	}
	traditional := func(container, program string) []form {
		forms := []form{{"traditional", container, "", []string{program, "-traditional"}}, {"traditional in DER", container, "", []string{program, "-traditional", "-outform", "DER"}}}
		if program == "ec" {
			forms[0].args, forms[1].args = []string{"ec"}, []string{"ec", "-outform", "DER"}
		}
		for _, cipher := range []struct{ flag, name string }{{"-aes128", "AES-128-CBC"}, {"-aes192", "AES-192-CBC"}, {"-aes256", "AES-256-CBC"}, {"-des3", "3DES-CBC"}} {
			args := append(append([]string{}, forms[0].args...), cipher.flag)
			forms = append(forms, form{"traditional with " + cipher.name, container, "PEM's own way: " + cipher.name + ", 1 round of MD5", append(args, pass...)})
		}
		args := append(append([]string{}, forms[0].args...), "-des", "-provider", "legacy", "-provider", "default")
		return append(forms, form{"traditional with DES", container, "PEM's own way: DES-CBC, 1 round of MD5", append(args, pass...)})
	}
	var recorded recordedKeys
	for _, kind := range everyKind {
		key := testpki.Must(pki.GenerateKey(kind))
		if kind == pki.P256 {
			key = recordedScalar()
		}
		source := pem.EncodeToMemory(testpki.Must(pki.MarshalKey(key, pki.PKCS8)))
		forms := everywhere
		switch {
		case strings.HasPrefix(string(kind), "RSA"):
			forms = append(forms[:len(forms):len(forms)], traditional("PKCS#1", "rsa")...)
		case strings.HasPrefix(string(kind), "P-"):
			forms = append(forms[:len(forms):len(forms)], traditional("SEC 1", "ec")...)
		}
		for _, form := range forms {
			t.Run(string(kind)+", "+form.name, func(t *testing.T) {
				data := openssl(t, source, form.args...)
				ask := unasked(t)
				if form.encryption != "" {
					ask = secret("correct horse")
					wantLocked(t, data, form.encryption)
					_, err := pki.ParsePrivateKey(data, secret("battery staple"))
					wantFault(t, err, pki.PassphraseWrong, "does not open")
				}
				read, err := pki.ParsePrivateKey(data, ask)
				if err != nil {
					t.Fatal(err)
				}
				if read.Container != form.container || read.Encryption != form.encryption {
					t.Errorf("have %q, %q, want %q, %q", read.Container, read.Encryption, form.container, form.encryption)
				}
				if got := testpki.Must(read.Signer()); !sameKey(got, key) {
					t.Errorf("have another key of type %T", got)
				}
				if *record && kind == pki.P256 {
					recorded = append(recorded, recordedKey{form.name, read.Container, read.Encryption, data})
				}
			})
		}
	}
	if *record {
		recorded.write(t)
	}
}

// wantLocked reads an encrypted key without its passphrase.
func wantLocked(t *testing.T, data []byte, encryption string) {
	t.Helper()
	read, err := pki.ParsePrivateKey(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !read.Locked() || read.Public() != nil || read.Encryption != encryption {
		t.Errorf("without a passphrase: locked %v, %v, %q, want %q", read.Locked(), read.Public(), read.Encryption, encryption)
	}
	_, err = read.Signer()
	wantFault(t, err, pki.KeyEncrypted, "the private key is encrypted")
}

// TestKeysForOpenSSL has OpenSSL read what is written here, and say it back.
func TestKeysForOpenSSL(t *testing.T) {
	peers.OpenSSL(t)
	for _, kind := range everyKind {
		key := testpki.Must(pki.GenerateKey(kind))
		forms := map[string]*pem.Block{"PKCS#8": testpki.Must(pki.MarshalKey(key, pki.PKCS8))}
		if kind == pki.P256 { // TestKeysAndPython has the others; 600,000 rounds take their time
			forms["encrypted"] = testpki.Must(pki.EncryptKey(key, []byte("pässword")))
		}
		switch {
		case strings.HasPrefix(string(kind), "RSA"):
			forms["PKCS#1"] = testpki.Must(pki.MarshalKey(key, pki.PKCS1))
		case strings.HasPrefix(string(kind), "P-"):
			forms["SEC 1"] = testpki.Must(pki.MarshalKey(key, pki.SEC1))
		}
		for name, block := range forms {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				for encoding, data := range map[string][]byte{"PEM": pem.EncodeToMemory(block), "DER": block.Bytes} {
					back := openssl(t, data, "pkey", "-inform", encoding, "-passin", "pass:pässword")
					read := testpki.Must(pki.ParsePrivateKey(back, unasked(t)))
					if !sameKey(testpki.Must(read.Signer()), key) {
						t.Errorf("OpenSSL reads another key from %s", encoding)
					}
				}
			})
		}
	}
}

func TestMarshalKeyRefused(t *testing.T) {
	edwards := testpki.Must(pki.GenerateKey(pki.Ed25519))
	ecdsa := testpki.Must(pki.NewKey())
	rsa := sharedRSA(2048)
	tests := []struct {
		name string
		key  crypto.Signer
		form pki.KeyForm
		code fault.Code
		says string
	}{
		{"Ed25519 in PKCS#1", edwards, pki.PKCS1, pki.KeyUnsupported, "PKCS#1 is for RSA"},
		{"Ed25519 in SEC 1", edwards, pki.SEC1, pki.KeyUnsupported, "SEC 1 for ECDSA"},
		{"ECDSA in PKCS#1", ecdsa, pki.PKCS1, pki.KeyUnsupported, "PKCS#1 is for RSA"},
		{"RSA in SEC 1", rsa, pki.SEC1, pki.KeyUnsupported, "SEC 1 for ECDSA"},
		{"no such form", rsa, pki.KeyForm(9), pki.KeyUnsupported, "the form is not one"},
		{"in a store", unable{ecdsa}, pki.PKCS8, pki.KeyUnreadable, "does not leave its store"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.MarshalKey(test.key, test.form)
			wantFault(t, err, test.code, test.says)
		})
	}
	_, err := pki.EncryptKey(unable{ecdsa}, []byte("secret"))
	wantFault(t, err, pki.KeyUnreadable, "does not leave its store")
	_, err = pki.EncryptKey(ecdsa, nil)
	wantFault(t, err, pki.PassphraseWrong, "the passphrase is empty")
}

// TestEncryptKey looks at what is written, and that no two are alike.
func TestEncryptKey(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	one := testpki.Must(pki.EncryptKey(key, []byte("secret")))
	wantLocked(t, one.Bytes, "PBES2: AES-256-CBC, PBKDF2 with 600000 rounds of HMAC-SHA-256")
	if two := testpki.Must(pki.EncryptKey(key, []byte("secret"))); bytes.Equal(one.Bytes[40:80], two.Bytes[40:80]) {
		t.Error("two files have the same salt")
	}
}

// TestPassphraseFails: the error of whoever is asked is handed on.
func TestPassphraseFails(t *testing.T) {
	sealed := testpki.Must(pki.EncryptKey(testpki.Must(pki.NewKey()), []byte("secret")))
	gone := errors.New("the terminal is gone")
	if _, err := pki.ParsePrivateKey(sealed.Bytes, func() ([]byte, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("have %v, want that the terminal is gone", err)
	}
}

// python runs a program of the pinned environment in a new folder, and returns
// the folder.
func python(t *testing.T, program string, files map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(peers.Python(t), "-c", program)
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return folder
}

// TestKeysAndPython exchanges keys with cryptography, both ways, with a
// passphrase that is not ASCII.
func TestKeysAndPython(t *testing.T) {
	peers.Python(t)
	keys := map[string]crypto.Signer{}
	files := map[string][]byte{}
	for _, kind := range everyKind {
		keys[string(kind)] = testpki.Must(pki.GenerateKey(kind))
		files[string(kind)+".in"] = pem.EncodeToMemory(testpki.Must(pki.EncryptKey(keys[string(kind)], []byte("열쇠"))))
	}
	folder := python(t, `
import glob
from cryptography.hazmat.primitives.serialization import *
for name in glob.glob("*.in"):
    key = load_pem_private_key(open(name, "rb").read(), "열쇠".encode())
    ways = {"best": BestAvailableEncryption("열쇠".encode()), "none": NoEncryption()}
    for way, encryption in ways.items():
        for label, encoding in ("PEM", Encoding.PEM), ("DER", Encoding.DER):
            with open(name + "." + way + "." + label, "wb") as out:
                out.write(key.private_bytes(encoding, PrivateFormat.PKCS8, encryption))
    with open(name + ".public", "wb") as out:
        out.write(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
`, files)
	for kind, key := range keys {
		for _, way := range []string{"best.PEM", "best.DER", "none.PEM", "none.DER"} {
			t.Run(kind+", "+way, func(t *testing.T) {
				data := testpki.Must(os.ReadFile(filepath.Join(folder, kind+".in."+way)))
				read := testpki.Must(pki.ParsePrivateKey(data, secret("열쇠")))
				if !sameKey(testpki.Must(read.Signer()), key) {
					t.Error("have another key")
				}
				public := testpki.Must(os.ReadFile(filepath.Join(folder, kind+".in.public")))
				if !bytes.Equal(read.Public().Raw(), public) {
					t.Error("cryptography has another public key")
				}
			})
		}
	}
}
