package verify_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"testing"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// pkitsTest is a test of NIST's suite for path validation, with its inputs and
// the verdict that its document wants.
type pkitsTest struct {
	ID             string
	Title          string
	Anchor         string `json:"trust_anchor"`
	Intermediates  []string
	Leaf           string
	CRLs           []string
	Policies       []string `json:"initial_policy_set"`
	Explicit       bool     `json:"initial_explicit_policy"`
	InhibitMapping bool     `json:"initial_policy_mapping_inhibit"`
	InhibitAny     bool     `json:"initial_inhibit_any_policy"`
	Time           string   `json:"validation_time"`
	Valid          bool     `json:"should_validate"`
}

func unzip(t *testing.T, name string) []byte {
	t.Helper()
	packed := testpki.Must(os.ReadFile(name))
	return testpki.Must(io.ReadAll(testpki.Must(gzip.NewReader(bytes.NewReader(packed)))))
}

// loadPKITS returns NIST's Public Key Interoperability Test Suite, version 1.0.1,
// and its files by name.
func loadPKITS(t *testing.T) ([]pkitsTest, map[string][]byte) {
	t.Helper()
	files := map[string][]byte{}
	for archive := tar.NewReader(bytes.NewReader(unzip(t, "../pki/testdata/pkits.tar.gz"))); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files[path.Base(header.Name)] = testpki.Must(io.ReadAll(archive))
	}
	var suite struct{ Tests []pkitsTest }
	if err := json.Unmarshal(unzip(t, "testdata/pkits/tests.json.gz"), &suite); err != nil {
		t.Fatal(err)
	}
	if len(suite.Tests) != 249 {
		t.Fatalf("%d tests, want 249", len(suite.Tests))
	}
	return suite.Tests, files
}

// question is the test's chain, and what it asks.
func (test pkitsTest) question(files map[string][]byte) ([]*pki.Certificate, []*pki.RevocationList, verify.Options) {
	chain := []*pki.Certificate{testpki.Must(pki.ParseCertificate(files[test.Leaf]))}
	for _, name := range test.Intermediates {
		chain = append(chain, testpki.Must(pki.ParseCertificate(files[name])))
	}
	var lists []*pki.RevocationList
	for _, name := range test.CRLs {
		lists = append(lists, testpki.Must(pki.ParseRevocationLists(files[name]))...)
	}
	opts := verify.Options{
		Roots: testpki.Must(verify.NewRoots("PKITS", testpki.Must(pki.ParseCertificate(files[test.Anchor])))),
		Name:  verify.Any("PKITS asks for no name"), Purpose: verify.AnyPurpose, Profile: verify.Path,
		Now: testpki.Must(time.Parse(time.RFC3339, test.Time)), Legacy: []dangerous.Legacy{dangerous.DSA(), dangerous.SHA1()},
		Revocation:    &verify.Revocation{Evidence: testpki.Must(revocation.New(lists, nil))},
		RequirePolicy: test.Explicit, InhibitMapping: test.InhibitMapping, InhibitAnyPolicy: test.InhibitAny,
	}
	for _, text := range test.Policies {
		opts.Policies = append(opts.Policies, testpki.Must(pki.ParseOID(text)))
	}
	return chain, lists, opts
}

// TestPKITS holds our verdicts against those of the suite, and our headlines
// against testdata/pkits/codes.json, which was set from the tests' titles.
func TestPKITS(t *testing.T) {
	tests, files := loadPKITS(t)
	codes := wantedCodes(t, "testdata/pkits/codes.json")
	for _, test := range tests {
		t.Run(test.ID+" "+test.Title, func(t *testing.T) {
			chain, _, opts := test.question(files)
			_, err := verify.Verify(chain, opts)
			if (err == nil) != test.Valid {
				t.Fatalf("valid: %t, have %v", test.Valid, err)
			}
			if !test.Valid && !errors.Is(err, codes[test.ID]) {
				t.Errorf("want %s, have %v", codes[test.ID], err)
			}
		})
	}
}
