package pkcs12_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
)

// The fixtures are valid now, for the sake of programs that look at the clock.
var (
	fixture = testpki.Must(testpki.New(time.Now()))
	server  = testpki.Must(fixture.Server("a.example"))
)

// with is a passphrase as Parse asks for it.
func with(text string) pki.Passphrase { return func() ([]byte, error) { return []byte(text), nil } }

// wantFault holds an error against its code and its words.
func wantFault(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || e.Code != code || !strings.Contains(err.Error(), says) || e.Hint == "" {
		t.Fatalf("have %v, want a fault with the code %s, a hint, and %q", err, code, says)
	}
}

// folder has chain.pem and key.pem of a credential, and root.pem.
func folder(t *testing.T, credential *pki.Credential) string {
	t.Helper()
	dir := t.TempDir()
	text := testpki.Must(credential.PEM())
	write(t, dir, "chain.pem", credential.ChainPEM())
	write(t, dir, "key.pem", text[len(credential.ChainPEM()):])
	write(t, dir, "root.pem", fixture.Root.ChainPEM())
	return dir
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a program in a folder and returns what it prints.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// export has openssl write a file of the fixture's chain and key.
func export(t *testing.T, args ...string) []byte {
	t.Helper()
	dir := folder(t, server)
	run(t, dir, peers.OpenSSL(t), append([]string{"pkcs12", "-export", "-in", "chain.pem", "-inkey", "key.pem", "-out", "out.p12"}, args...)...)
	return testpki.Must(os.ReadFile(filepath.Join(dir, "out.p12")))
}

// wantCredential holds what was read against the fixture's chain and key.
func wantCredential(t *testing.T, store *pkcs12.Store, err error, want *pki.Credential) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	have, err := store.Credential()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(have.Chain, want.Chain, (*pki.Certificate).Equal) || !have.Key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(want.Key.Public()) {
		t.Errorf("have %d certificates and a key of type %T, or others", len(have.Chain), have.Key)
	}
}

func TestReadOpenSSL(t *testing.T) {
	tests := []struct {
		name, passphrase string
		args             []string
		integrity        string
	}{
		{"OpenSSL 3's own", "secret", nil, "HMAC-SHA-256 with 2048 rounds"},
		{"OpenSSL 1's own: RC2-40 and 3DES", "secret", []string{"-legacy"}, "HMAC-SHA-1 with 2048 rounds"},
		{"RC2-128", "secret", []string{"-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128"}, "HMAC-SHA-1 with 2048 rounds"},
		{"3DES", "secret", []string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, "HMAC-SHA-1 with 2048 rounds"},
		{"AES-128", "secret", []string{"-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC"}, "HMAC-SHA-256 with 2048 rounds"},
		{"nothing encrypted", "secret", []string{"-certpbe", "NONE", "-keypbe", "NONE"}, "HMAC-SHA-256 with 2048 rounds"},
		{"SHA-224", "secret", []string{"-macalg", "sha224"}, "HMAC-SHA-224 with 2048 rounds"},
		{"SHA-384", "secret", []string{"-macalg", "sha384"}, "HMAC-SHA-384 with 2048 rounds"},
		{"SHA-512", "secret", []string{"-macalg", "sha512", "-maciter", "-iter", "1000"}, "HMAC-SHA-512 with 1000 rounds"},
		{"one round", "secret", []string{"-nomaciter"}, "HMAC-SHA-256 with 1 round"},
		{"no integrity", "secret", []string{"-nomac"}, ""},
		{"RC2 without integrity", "secret", []string{"-legacy", "-nomac"}, ""},
		{"an empty passphrase", "", nil, "HMAC-SHA-256 with 2048 rounds"},
		{"an empty passphrase, 3DES", "", []string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"}, "HMAC-SHA-256 with 2048 rounds"},
		{"an empty passphrase, RC2", "", []string{"-legacy"}, "HMAC-SHA-1 with 2048 rounds"},
		{"Hangul", "비밀번호", nil, "HMAC-SHA-256 with 2048 rounds"},
		{"Hangul, RC2 and 3DES", "비밀번호", []string{"-legacy"}, "HMAC-SHA-1 with 2048 rounds"},
		{"beyond U+FFFF", "🔑 key", nil, "HMAC-SHA-256 with 2048 rounds"},
		{"beyond U+FFFF, 3DES", "🔑 key", []string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"}, "HMAC-SHA-256 with 2048 rounds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := export(t, append(test.args, "-name", "이름", "-passout", "pass:"+test.passphrase)...)
			store, err := pkcs12.Parse(file, with(test.passphrase))
			wantCredential(t, store, err, server)
			if store.Integrity != test.integrity || store.Verified != (test.integrity != "") {
				t.Errorf("have %q, %v; want %q", store.Integrity, store.Verified, test.integrity)
			}
			if store.Unprotected != (test.passphrase == "") {
				t.Errorf("unprotected: %v", store.Unprotected)
			}
			if unasked, err := pkcs12.Parse(file, nil); store.Unprotected {
				wantCredential(t, unasked, err, server)
			} else if err != nil || unasked.Verified {
				t.Errorf("without a passphrase: %v", err)
			}
			leaf, key := store.Entries[0], store.Entries[len(store.Entries)-1]
			if leaf.Name != "이름" || key.Name != leaf.Name || len(leaf.LocalKeyID) != 20 || !bytes.Equal(leaf.LocalKeyID, key.LocalKeyID) || leaf.Trusted {
				t.Errorf("have the names %q and %q, the identifiers %x and %x", leaf.Name, key.Name, leaf.LocalKeyID, key.LocalKeyID)
			}
			_, err = pkcs12.Parse(file, with("another"))
			if test.name != "nothing encrypted" || err == nil {
				wantFault(t, err, pki.PassphraseWrong, "does not open")
			}
		})
	}
}

// TestRC2AndEmoji: the module cannot express the passphrase.
func TestRC2AndEmoji(t *testing.T) {
	_, err := pkcs12.Parse(export(t, "-legacy", "-passout", "pass:🔑"), with("🔑"))
	wantFault(t, err, pkcs12.Unsupported, "RC2, and cannot be opened with a passphrase")
}

func TestWithoutPassphrase(t *testing.T) {
	open := testpki.Must(pkcs12.Parse(export(t, "-certpbe", "NONE", "-passout", "pass:secret"), nil))
	if key := open.Entries[2].Key; open.Verified || open.Integrity == "" || !key.Locked() || !strings.Contains(key.Encryption, "AES-256-CBC") {
		t.Errorf("have %+v", open)
	}
	if certs, err := open.Certificates(); err != nil || len(certs) != 2 {
		t.Errorf("have %d certificates, %v", len(certs), err)
	}
	_, err := open.Credential()
	wantFault(t, err, pki.KeyEncrypted, "encrypted")

	store := testpki.Must(pkcs12.Parse(export(t, "-passout", "pass:secret"), nil))
	if len(store.Entries) != 2 {
		t.Fatalf("have %d entries", len(store.Entries))
	}
	wantFault(t, store.Entries[0].Refused, pki.KeyEncrypted, "a part of the PKCS#12 file is encrypted")
	_, err = store.Certificates()
	wantFault(t, err, pki.NoCertificate, "no certificate in the PKCS#12 file that could be read")
	asked := errors.New("nobody answers")
	_, err = pkcs12.Parse(export(t, "-passout", "pass:secret"), func() ([]byte, error) { return nil, asked })
	if !errors.Is(err, asked) {
		t.Errorf("have %v, want the error of who was asked", err)
	}
}

func TestReadKeytool(t *testing.T) {
	keytool := peers.Keytool(t)
	dir := folder(t, server)
	base := []string{"-storetype", "PKCS12", "-storepass", "changeit"}
	pair := func(store, alias string) {
		run(t, dir, keytool, append(base, "-genkeypair", "-keystore", store, "-alias", alias, "-keyalg", "EC", "-dname", "CN="+alias)...)
	}
	read := func(name string) *pkcs12.Store {
		return testpki.Must(pkcs12.Parse(testpki.Must(os.ReadFile(filepath.Join(dir, name))), with("changeit")))
	}
	t.Run("two keys", func(t *testing.T) {
		pair("two.p12", "first")
		pair("two.p12", "두번째")
		store := read("two.p12")
		var keys []string
		for _, e := range store.Entries {
			if e.Key != nil {
				keys = append(keys, e.Name)
			}
		}
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"first", "두번째"}) || len(store.Entries) != 4 {
			t.Errorf("have the keys %q among %d entries", keys, len(store.Entries))
		}
		_, err := store.Credential()
		wantFault(t, err, pkcs12.Ambiguous, "there are 2 private keys in the PKCS#12 file: ")
	})
	t.Run("a secret key", func(t *testing.T) {
		pair("secret.p12", "mine")
		run(t, dir, keytool, append(base, "-genseckey", "-keystore", "secret.p12", "-alias", "hidden", "-keyalg", "AES", "-keysize", "128")...)
		store := read("secret.p12")
		i := slices.IndexFunc(store.Entries, func(e pkcs12.Entry) bool { return e.Refused != nil })
		if i < 0 {
			t.Fatal("the secret key is not named")
		}
		wantFault(t, store.Entries[i].Refused, pkcs12.Unsupported, `a secret key "hidden"`)
		if _, err := store.Credential(); err != nil {
			t.Errorf("the other key cannot be used: %v", err)
		}
	})
	for name, legacy := range map[string][]string{"a trust store": nil, "a trust store of Java 8": {"-J-Dkeystore.pkcs12.legacy"}} {
		t.Run(name, func(t *testing.T) {
			store := strings.ReplaceAll(name, " ", "-") + ".p12"
			run(t, dir, keytool, slices.Concat(base, legacy, []string{"-importcert", "-noprompt", "-keystore", store, "-alias", "demo root", "-file", "root.pem"})...)
			e := read(store).Entries
			if len(e) != 1 || !e[0].Trusted || !e[0].Certificate.Equal(fixture.Root.Leaf()) {
				t.Fatalf("have %+v", e)
			}
			if want := map[bool]string{true: "demo root", false: ""}[legacy == nil]; e[0].Name != want {
				t.Errorf("the name is %q, want %q", e[0].Name, want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	file := testpki.Must(pkcs12.Encode(server, []byte("비밀번호")))
	store, err := pkcs12.Parse(file, with("비밀번호"))
	wantCredential(t, store, err, server)
	if store.Integrity != "HMAC-SHA-256 with 300000 rounds" {
		t.Errorf("have %q", store.Integrity)
	}
	file = testpki.Must(pkcs12.Encode(server, []byte("secret")))
	dir := t.TempDir()
	write(t, dir, "out.p12", file)
	t.Run("openssl", func(t *testing.T) {
		out := run(t, dir, peers.OpenSSL(t), "pkcs12", "-in", "out.p12", "-passin", "pass:secret", "-nodes", "-info")
		for _, want := range []string{string(server.Chain[0].PEM()), string(server.Chain[1].PEM()), "BEGIN PRIVATE KEY", "AES-256-CBC", "Iteration 300000", "hmacWithSHA256"} {
			if !strings.Contains(out, want) {
				t.Errorf("openssl does not print %q:\n%s", want, out)
			}
		}
	})
	t.Run("keytool", func(t *testing.T) {
		out := run(t, dir, peers.Keytool(t), "-list", "-keystore", "out.p12", "-storepass", "secret")
		if !strings.Contains(out, "PrivateKeyEntry") || !strings.Contains(out, colons(server.Leaf())) {
			t.Errorf("keytool lists\n%s", out)
		}
	})
	t.Run("cryptography", func(t *testing.T) {
		const program = `import sys
from cryptography.hazmat.primitives.serialization import pkcs12, Encoding
key, cert, more = pkcs12.load_key_and_certificates(open(sys.argv[1], "rb").read(), b"secret")
assert key.public_key() == cert.public_key()
print("".join(c.public_bytes(Encoding.PEM).decode() for c in [cert] + more), end="")`
		if out := run(t, dir, peers.Python(t), "-c", program, "out.p12"); out != string(server.ChainPEM()) {
			t.Errorf("have %s", out)
		}
	})
}

// colons is a fingerprint as keytool prints it.
func colons(cert *pki.Certificate) string {
	var pairs []string
	for _, octet := range cert.Fingerprint() {
		pairs = append(pairs, fmt.Sprintf("%02X", octet))
	}
	return strings.Join(pairs, ":")
}

func TestWriteTrust(t *testing.T) {
	anchors := []pkcs12.Anchor{{"demo root", fixture.Root.Leaf()}, {"중간", fixture.Intermediate.Leaf()}}
	for name, passphrase := range map[string]string{"with a passphrase": "changeit", "without": ""} {
		t.Run(name, func(t *testing.T) {
			file := testpki.Must(pkcs12.EncodeTrust(anchors, []byte(passphrase)))
			store := testpki.Must(pkcs12.Parse(file, with(passphrase)))
			for i, e := range store.Entries {
				if !e.Trusted || e.Name != anchors[i].Name || !e.Certificate.Equal(anchors[i].Certificate) {
					t.Errorf("have %+v", e)
				}
			}
			if len(store.Entries) != 2 || store.Verified != (passphrase != "") {
				t.Errorf("have %d entries, verified: %v", len(store.Entries), store.Verified)
			}
			dir := t.TempDir()
			write(t, dir, "trust.p12", file)
			args := []string{"-list", "-keystore", "trust.p12", "-storetype", "PKCS12", "-J-Dfile.encoding=UTF-8"}
			if passphrase != "" {
				args = append(args, "-storepass", passphrase)
			} else {
				args = append(args, "-storepass", "changeit")
			}
			out := run(t, dir, peers.Keytool(t), args...)
			if strings.Count(out, "trustedCertEntry") != 2 || !strings.Contains(out, "demo root") || !strings.Contains(out, colons(fixture.Root.Leaf())) {
				t.Errorf("keytool lists\n%s", out)
			}
		})
	}
}

func TestNotWritten(t *testing.T) {
	root := []pkcs12.Anchor{{"root", fixture.Root.Leaf()}}
	tests := []struct {
		name string
		err  error
		code fault.Code
		says string
	}{
		{"a key without a passphrase", second(pkcs12.Encode(server, nil)), pkcs12.NotWritable, "needs a passphrase"},
		{"emoji", second(pkcs12.Encode(server, []byte("🔑"))), pkcs12.NotWritable, "beyond U+FFFF"},
		{"not UTF-8", second(pkcs12.Encode(server, []byte("\xff"))), pkcs12.NotWritable, "not UTF-8"},
		{"no certificate", second(pkcs12.Encode(&pki.Credential{Key: server.Key}, []byte("secret"))), pki.NoCertificate, "no certificate for the key"},
		{"a key in a store", second(pkcs12.Encode(&pki.Credential{Chain: server.Chain, Key: struct{ crypto.Signer }{server.Key}}, []byte("secret"))), pkcs12.NotWritable, "does not leave its store"},
		{"an empty trust store", second(pkcs12.EncodeTrust(nil, nil)), pki.NoCertificate, "no certificate to put into"},
		{"emoji for a trust store", second(pkcs12.EncodeTrust(root, []byte("🔑"))), pkcs12.NotWritable, "beyond U+FFFF"},
		{"a name of emoji", second(pkcs12.EncodeTrust([]pkcs12.Anchor{{"🔑", fixture.Root.Leaf()}}, nil)), pkcs12.NotWritable, "a name has characters"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantFault(t, test.err, test.code, test.says) })
	}
	if _, err := pkcs12.EncodeTrust(root, []byte("\uffff")); err != nil {
		t.Errorf("the last character that can be written: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
