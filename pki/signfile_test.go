package pki_test

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// fileKey is a key with its public half in files that OpenSSL reads.
type fileKey struct {
	crypto.Signer
	public          *pki.PublicKey
	private, pubKey string
	folder          string
}

func newFileKey(t *testing.T, kind pki.KeyKind) fileKey {
	t.Helper()
	key := testpki.Must(pki.GenerateKey(kind))
	block := testpki.Must(pki.MarshalPublicKey(key.Public()))
	folder := t.TempDir()
	k := fileKey{key, testpki.Must(pki.ParsePublicKey(block.Bytes)), filepath.Join(folder, "key.pem"), filepath.Join(folder, "public.pem"), folder}
	k.write(t, "key.pem", pem.EncodeToMemory(testpki.Must(pki.MarshalKey(key, pki.PKCS8))))
	k.write(t, "public.pem", pem.EncodeToMemory(block))
	return k
}

func (k fileKey) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(k.folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSignFileAndOpenSSL: each checks what the other signs.
func TestSignFileAndOpenSSL(t *testing.T) {
	peers.OpenSSL(t)
	digests := map[pki.KeyKind]string{pki.P224: "-sha256", pki.P256: "-sha256", pki.P384: "-sha384", pki.P521: "-sha512", pki.RSA(2048): "-sha256"}
	message := []byte("a release\n")
	for kind, digest := range digests {
		t.Run(string(kind), func(t *testing.T) {
			key := newFileKey(t, kind)
			signature := key.write(t, "signature", testpki.Must(pki.SignFile(key, bytes.NewReader(message))))
			if out := openssl(t, message, "dgst", digest, "-verify", key.pubKey, "-signature", signature); !strings.Contains(string(out), "Verified OK") {
				t.Errorf("openssl says %s", out)
			}
			openssl(t, nil, "pkeyutl", "-verify", "-rawin", "-digest", digest[1:], "-pubin", "-inkey", key.pubKey, "-sigfile", signature, "-in", key.write(t, "message", message))
			ways := [][]string{{"-sha256"}, {"-sha384"}, {"-sha512"}}
			if strings.HasPrefix(string(kind), "RSA") {
				for _, salt := range []string{"-1", "-2", "0", "20"} {
					ways = append(ways, []string{"-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:" + salt})
				}
			}
			for _, way := range ways {
				theirs := openssl(t, message, append([]string{"dgst", "-sign", key.private}, way...)...)
				if err := pki.VerifyFile(key.public, bytes.NewReader(message), theirs); err != nil {
					t.Errorf("%v: %v", way, err)
				}
			}
			for _, way := range []string{"-sha1", "-sha224", "-sha3-256"} {
				theirs := openssl(t, message, "dgst", "-sign", key.private, way)
				wantFault(t, pki.VerifyFile(key.public, bytes.NewReader(message), theirs), pki.SignatureWrong, "was not made by this key over this file")
			}
		})
	}
	t.Run("Ed25519", func(t *testing.T) {
		key := newFileKey(t, pki.Ed25519)
		file := key.write(t, "message", message)
		signature := key.write(t, "signature", testpki.Must(pki.SignFile(key, bytes.NewReader(message))))
		openssl(t, nil, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.pubKey, "-sigfile", signature, "-in", file)
		theirs := openssl(t, nil, "pkeyutl", "-sign", "-rawin", "-inkey", key.private, "-in", file)
		if err := pki.VerifyFile(key.public, bytes.NewReader(message), theirs); err != nil {
			t.Error(err)
		}
	})
}

func TestVerifyFileRefuses(t *testing.T) {
	message := []byte("a release\n")
	for _, kind := range []pki.KeyKind{pki.P256, pki.Ed25519, pki.RSA(2048)} {
		t.Run(string(kind), func(t *testing.T) {
			key, other := newFileKey(t, kind), newFileKey(t, kind)
			good := testpki.Must(pki.SignFile(key, iotest.OneByteReader(bytes.NewReader(message))))
			if err := pki.VerifyFile(key.public, iotest.HalfReader(bytes.NewReader(message)), good); err != nil {
				t.Fatal(err)
			}
			altered := bytes.Clone(good)
			altered[len(altered)-1] ^= 1
			for name, err := range map[string]error{
				"another file":      pki.VerifyFile(key.public, strings.NewReader("a release"), good),
				"no file":           pki.VerifyFile(key.public, strings.NewReader(""), good),
				"another key":       pki.VerifyFile(other.public, bytes.NewReader(message), good),
				"altered signature": pki.VerifyFile(key.public, bytes.NewReader(message), altered),
				"longer signature":  pki.VerifyFile(key.public, bytes.NewReader(message), append(bytes.Clone(good), 0)),
				"no signature":      pki.VerifyFile(key.public, bytes.NewReader(message), nil),
			} {
				t.Run(name, func(t *testing.T) { wantFault(t, err, pki.SignatureWrong, "was not made by this key over this file") })
			}
			broken := errors.New("the disk is gone")
			if _, err := pki.SignFile(key, iotest.ErrReader(broken)); !errors.Is(err, broken) {
				t.Errorf("signing: have %v", err)
			}
			if err := pki.VerifyFile(key.public, iotest.ErrReader(broken), good); !errors.Is(err, broken) {
				t.Errorf("checking: have %v", err)
			}
			_, err := pki.SignFile(unable{key.Signer}, bytes.NewReader(message))
			wantFault(t, err, pki.SigningFailed, "the token was removed")
		})
	}
	small := sharedRSA(1024)
	_, err := pki.SignFile(small, bytes.NewReader(message))
	wantFault(t, err, pki.KeyWeak, "an RSA key of 1024 bits")
	weak := testpki.Must(pki.ParsePublicKey(testpki.Must(pki.MarshalPublicKey(small.Public())).Bytes))
	wantFault(t, pki.VerifyFile(weak, bytes.NewReader(message), nil), pki.KeyWeak, "an RSA key of 1024 bits")
	exchange := testpki.Must(pki.ParsePublicKey(sequence(sequence(objectID("1.3.101.110")), bitString(make([]byte, 32)))))
	wantFault(t, pki.VerifyFile(exchange, bytes.NewReader(message), nil), pki.KeyUnsupported, "it is for key exchange")
}

// zeros is a file of so many bytes that does not exist.
func zeros(size int64) io.Reader { return io.LimitReader(zero{}, size) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestLargeFiles: Ed25519 has a bound, the others keep nothing of the file.
func TestLargeFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	edwards := newFileKey(t, pki.Ed25519)
	signature := testpki.Must(pki.SignFile(edwards, zeros(pki.MaxEd25519File)))
	if err := pki.VerifyFile(edwards.public, zeros(pki.MaxEd25519File), signature); err != nil {
		t.Error(err)
	}
	_, err := pki.SignFile(edwards, zeros(pki.MaxEd25519File+1))
	wantFault(t, err, pki.InputTooLarge, "a file of more than 67108864 bytes")
	wantFault(t, pki.VerifyFile(edwards.public, zeros(pki.MaxEd25519File+1), signature), pki.InputTooLarge, "a file of more than 67108864 bytes")

	ecdsa := newFileKey(t, pki.P256)
	var result testing.BenchmarkResult
	var failed error
	result = testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if signature, failed = pki.SignFile(ecdsa, zeros(pki.MaxEd25519File)); failed == nil {
				failed = pki.VerifyFile(ecdsa.public, zeros(pki.MaxEd25519File), signature)
			}
		}
	})
	if failed != nil {
		t.Error(failed)
	}
	if have := result.AllocedBytesPerOp(); have > 1<<20 {
		t.Errorf("%d bytes are allocated for a file of 64 MiB", have)
	}
}
