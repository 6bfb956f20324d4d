package pki_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// zlintMinds are the findings of zlint on what Signet issues, each with the
// reason why it stays. A row that nothing needs any more fails too.
var zlintMinds = map[string]string{
	"e_ca_country_name_missing":                               "a private authority need not be a company; the subject is the caller's (BR 7.1.2.10.2 is for public ones)",
	"e_ca_organization_name_missing":                          "as the country",
	"e_dnsname_not_valid_tld":                                 "RFC 6761's example is no public domain, and private names need not be",
	"e_ext_san_contains_reserved_ip":                          "private networks are what a private authority is for",
	"e_ext_san_uniform_resource_identifier_present":           "a workload is a TLS server whose name is a SPIFFE ID (X.509-SVID, section 2)",
	"e_algorithm_identifier_improper_encoding":                "BR 7.1.3.1 does not have Ed25519; RFC 8410 does",
	"e_signature_algorithm_not_supported":                     "BR 7.1.3.2 does not have Ed25519; RFC 8410 does",
	"e_mp_ecdsa_pub_key_encoding_correct":                     "Mozilla's policy 5.1 does not have P-521; RFC 5480 does",
	"e_mp_ecdsa_signature_encoding_correct":                   "as the key",
	"e_sub_ca_certificate_policies_missing":                   "policies are an agreement with a public programme; a private authority has none (Spec.Extra takes them)",
	"e_sub_cert_certificate_policies_missing":                 "as the authority's",
	"e_sub_cert_cert_policy_empty":                            "as the authority's",
	"e_sub_ca_crl_distribution_points_missing":                "the URLs are the caller's; without a server for lists there is none to name",
	"e_sub_cert_aia_missing":                                  "as the revocation list's",
	"e_subject_common_name_not_exactly_from_san":              "a common name is for people here, and nobody looks at it",
	"w_ext_subject_key_identifier_not_recommended_subscriber": "RFC 5280, section 4.2.1.2, says that leaves should have it",
	"w_sub_ca_aia_does_not_contain_issuing_ca_url":            "as the revocation list's",
	"w_sub_ca_aia_missing":                                    "as the revocation list's",
	"w_sub_cert_aia_does_not_contain_issuing_ca_url":          "as the revocation list's",
	"w_subject_common_name_included":                          "the caller asks for it; deprecated, but harmless beside the same DNS name",
	"w_tls_server_cert_valid_time_longer_than_397_days":       "397 days and the backdating of a day are the 398 that are enforced",
}

// pkilintMinds are pkilint's.
var pkilintMinds = map[string]string{
	"pkix.invalid_domain_name_syntax": "it reads RFC 5280 alone, which leaves wildcards to others; RFC 9525, section 6.3, has them",
	"pkix.invalid_uri_syntax":         "it knows some schemes of URIs only, and spiffe is not among them",
}

// everyCertificate writes all certificates of everyIssued into a folder, and
// returns the path of each, with the kind that it is of.
func everyCertificate(t *testing.T) (paths []string, kinds map[string]string) {
	t.Helper()
	folder, kinds := t.TempDir(), map[string]string{}
	for _, made := range everyIssued() {
		for _, cert := range slices.Concat(made.credential.Chain, made.roots) {
			if path := file(t, folder, cert.Serial()+".pem", cert.PEM()); kinds[path] == "" {
				paths, kinds[path] = append(paths, path), made.name
			}
		}
	}
	return paths, kinds
}

// minds holds what a judge found against what is known of it.
type minds struct {
	known map[string]string
	met   map[string]bool
}

func (m minds) found(t *testing.T, code, kind string) {
	t.Helper()
	if m.known[code] == "" {
		t.Errorf("%s: %s", kind, code)
	}
	m.met[code] = true
}

func (m minds) end(t *testing.T) {
	t.Helper()
	for code := range m.known {
		if !m.met[code] {
			t.Errorf("%s is met no more: remove its row", code)
		}
	}
}

// TestZlint: of RFCs and Apple it finds no error at all; of the rules for public
// authorities, none on a chain that was given what they want.
func TestZlint(t *testing.T) {
	zlint := peers.Zlint(t)
	known := minds{zlintMinds, map[string]bool{}}
	paths, kinds := everyCertificate(t)
	judge := func(path string, flags ...string) map[string]struct{ Result string } {
		out, _ := exec.Command(zlint, append(flags, path)...).Output() // it fails where it finds an error
		var results map[string]struct{ Result string }
		if err := json.Unmarshal(out, &results); err != nil || len(results) == 0 {
			t.Fatalf("%v: no results in %q", err, out)
		}
		return results
	}
	for _, path := range paths {
		for code, verdict := range judge(path) {
			switch verdict.Result {
			case "error", "fatal":
				known.found(t, code, kinds[path])
				if kinds[path] == "server below constraints" {
					t.Errorf("%s: %s", kinds[path], code)
				}
			case "warn":
				known.found(t, code, kinds[path])
			}
		}
		for code, verdict := range judge(path, "-excludeSources", "CABF_BR,CABF_EV,CABF_SMIME_BR,ETSI_ESI,Mozilla") {
			if verdict.Result == "error" || verdict.Result == "fatal" {
				t.Errorf("%s: %s", kinds[path], code)
			}
		}
	}
	known.end(t)
}

func TestPkilint(t *testing.T) {
	python := peers.Pkilint(t)
	known := minds{pkilintMinds, map[string]bool{}}
	paths, kinds := everyCertificate(t)
	out, err := exec.Command(python, append([]string{"testdata/ask_pkilint.py"}, paths...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	judged := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("have the line %q", line)
		}
		judged[fields[0]] = true // it always says how the key identifier was made
		if fields[1] != "INFO" && fields[1] != "NOTICE" {
			known.found(t, fields[2], kinds[fields[0]])
		}
	}
	if len(judged) != len(paths) {
		t.Errorf("it says something of %d certificates, want %d", len(judged), len(paths))
	}
	known.end(t)
}

// TestJudgesSeeFlaws shows the judges a flaw, so that their silence counts.
func TestJudgesSeeFlaws(t *testing.T) {
	m := newMill(now)
	p := take(m.leaf.Leaf())
	p.set(pki.OIDAuthorityKeyID, true, []byte("\x30\x03\x80\x01\x07")...)
	path := file(t, t.TempDir(), "flawed.pem", p.sign(m.intermediate.Key).PEM())
	out, _ := exec.Command(peers.Zlint(t), path).Output()
	if want := `"e_ext_authority_key_identifier_critical":{"result":"error"`; !strings.Contains(string(out), want) {
		t.Errorf("zlint does not say %s:\n%s", want, out)
	}
	out, _ = exec.Command(peers.Pkilint(t), "testdata/ask_pkilint.py", path).Output()
	if want := "ERROR pkix.authority_key_identifier_critical"; !strings.Contains(string(out), want) {
		t.Errorf("pkilint does not say %s:\n%s", want, out)
	}
}
