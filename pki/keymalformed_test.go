package pki_test

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/pki"
)

// TestMalformedKeys runs the readers of keys over the malformed files of the
// conformance data: an error has its code and next step, and nothing panics.
func TestMalformedKeys(t *testing.T) {
	folder := cmp.Or(os.Getenv("SIGNET_CONFORMANCE"), filepath.Join("..", "..", "shared", "conformance"))
	file, err := os.Open(filepath.Join(folder, "badinputs.tar.gz"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("the conformance data is missing: %v; next: set SIGNET_CONFORMANCE to its folder", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	archive, looked, read := tar.NewReader(unzipped), 0, 0
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(header.Name, "/")
		switch kind {
		case "asn1", "cert", "crl", "csr", "key", "pem", "ocsp", "pkcs7", "pkcs12":
		default:
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		if readsKeys(t, header.Name, data) {
			read++
		}
	}
	t.Logf("%d of %d files are keys that can be described", read, looked)
	if looked < 1000 || read == 0 {
		t.Errorf("%d files were looked at, and %d were keys", looked, read)
	}
}

// readsKeys reports whether data is a private or public key; whatever cannot be
// used of it has a fault.
func readsKeys(t *testing.T, name string, data []byte) bool {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}()
	private, errPrivate := pki.ParsePrivateKey(data, nil)
	if errPrivate != nil {
		wantAnyFault(t, errPrivate)
	} else if _, err := private.Signer(); err != nil {
		wantAnyFault(t, err)
	}
	public, errPublic := pki.ParsePublicKey(data)
	if errPublic != nil {
		wantAnyFault(t, errPublic)
	} else {
		public.Problems()
		if _, err := public.Key(); err != nil {
			wantAnyFault(t, err)
		}
	}
	return errPrivate == nil || errPublic == nil
}
