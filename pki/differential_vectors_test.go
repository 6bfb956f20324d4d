package pki_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// vectors yields the files of cryptography-vectors, with what to read each as.
func vectors(t *testing.T) (files []input) {
	t.Helper()
	out, err := exec.Command(peers.Python(t), "../tools/facts.py", "vectors").Output()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("cryptography-vectors are missing, and CI may not skip them: %v; next: make peers", err)
	default:
		t.Skipf("cryptography-vectors are missing: %v; next: make peers", err)
	}
	root := strings.TrimSpace(string(out))
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		for _, kind := range kindsOf(name, data) {
			files = append(files, input{name, kind, payload(t, name, data)})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// input is one file, to be read as one kind of thing.
type input struct {
	name, kind string
	data       []byte
}

// labels are the PEM labels that say what a file holds.
var labels = map[string]string{"CERTIFICATE-----": "cert", "CERTIFICATE REQUEST-----": "csr", "X509 CRL-----": "crl",
	"PRIVATE KEY-----": "key", "PUBLIC KEY-----": "public"}

// kindsOf says what a file of cryptography-vectors is read as: PEM by its labels,
// DER by its folder, and as a key of either kind.
func kindsOf(name string, data []byte) (kinds []string) {
	top, _, _ := strings.Cut(name, "/")
	ext, folder := filepath.Ext(name), filepath.Base(filepath.Dir(name))
	switch {
	case top == "pkcs12" && ext == ".p12", strings.Contains(name, "PKITS_data/pkcs12/"):
		return []string{"pkcs12"}
	case top == "pkcs7", ext == ".eml":
		return []string{"pkcs7"}
	case top != "x509" && top != "asymmetric", folder == "ocsp":
		return nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		for label, kind := range labels {
			if bytes.Contains(data, []byte(label)) && !bytes.Contains(data, []byte("BEGIN OPENSSH")) {
				kinds = append(kinds, kind)
			}
		}
		slices.Sort(kinds)
	case ext == ".der" && top == "asymmetric":
		return []string{"key", "public"}
	case ext == ".crl", ext == ".der" && strings.HasPrefix(filepath.Base(name), "crl_"):
		return []string{"crl"}
	case ext == ".der" && folder == "requests":
		return []string{"csr"}
	case ext == ".der", ext == ".crt":
		return []string{"cert"}
	}
	return kinds
}

// smime is the signature of a message in S/MIME, in PKCS#7.
var smime = regexp.MustCompile(`(?s)filename="?smime\.p7[sm]"?\r?\n\r?\n([A-Za-z0-9+/=\r\n]+)`)

// payload returns the message in PKCS#7 that a mail carries, or data itself.
func payload(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	if filepath.Ext(name) != ".eml" {
		return data
	}
	part := smime.FindSubmatch(data)
	if part == nil {
		t.Fatalf("no PKCS#7 in %s", name)
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(part[1])), ""))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return der
}
