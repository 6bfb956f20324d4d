package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// trial is a flawed certificate as a client meets it.
type trial struct {
	flawed
	Host  string `json:"host"`
	Root  string `json:"root"`
	Chain string `json:"chain"`
	certs []*pki.Certificate
	refusals
}

// refusals are what each client says, "" for yes.
type refusals map[string]string

// hosts are the names that clients ask for where a.example does not show the
// flaw: that of the flawed name.
var hosts = map[string]string{"names_missing": "leaf", "dns_is_address": "10.0.0.1",
	"dns_wildcard in the middle": "b.c.example", "dns_wildcard part of a label": "bc.a.example"}

func trials(m mill) []trial {
	var all []trial
	for _, f := range flaws(m) {
		if len(strings.Fields(f.code)) != 1 || f.code == "validity_beyond_public_bound" { // it is of other times, too
			continue
		}
		_, chain, root := m.make(f)
		host := "a.example"
		for _, key := range []string{f.code, f.code + " " + f.name} {
			if special, ok := hosts[key]; ok {
				host = special
			}
		}
		all = append(all, trial{f, host, string(root.PEM()), string((&pki.Credential{Chain: chain}).ChainPEM()), append(chain, root), refusals{}})
	}
	return all
}

// askGo is what any Go client does.
func askGo(t *trial, at time.Time) string {
	var parsed []*x509.Certificate
	for _, cert := range t.certs {
		x, err := x509.ParseCertificate(cert.Raw())
		if err != nil {
			return err.Error()
		}
		parsed = append(parsed, x)
	}
	options := x509.VerifyOptions{DNSName: t.Host, CurrentTime: at, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AddCert(parsed[len(parsed)-1])
	for _, x := range parsed[1 : len(parsed)-1] {
		options.Intermediates.AddCert(x)
	}
	if _, err := parsed[0].Verify(options); err != nil {
		return err.Error()
	}
	return ""
}

// askOpenSSL is what OpenSSL's clients do, in strict mode those of Python 3.13.
func askOpenSSL(t *testing.T, openssl string, trial *trial, strict ...string) string {
	folder := t.TempDir()
	args := append([]string{"verify", "-CAfile", file(t, folder, "root.pem", []byte(trial.Root)), "-purpose", "sslserver"}, strict...)
	if above := trial.certs[1 : len(trial.certs)-1]; len(above) > 0 {
		args = append(args, "-untrusted", file(t, folder, "above.pem", (&pki.Credential{Chain: above}).ChainPEM()))
	}
	name := "-verify_hostname"
	if trial.Host == "10.0.0.1" {
		name = "-verify_ip"
	}
	args = append(args, name, trial.Host, file(t, folder, "leaf.pem", trial.certs[0].PEM()))
	out, err := exec.Command(openssl, args...).CombinedOutput()
	if err == nil {
		return ""
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

func askCryptography(t *testing.T, trials []trial) []string {
	var input bytes.Buffer
	for _, trial := range trials {
		if err := json.NewEncoder(&input).Encode(trial); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(peers.Python(t), "testdata/ask_cryptography.py")
	command.Stdin = &input
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// asked are the clients that are on this machine.
var asked = []string{"Go", "OpenSSL", "Python 3.13", "cryptography"}

// TestLintAgainstClients asks four clients about every flaw: those that a finding
// says refuse it, or some of its kinds, do; and the others of the four do not.
func TestLintAgainstClients(t *testing.T) {
	openssl := peers.OpenSSL(t)
	m := newMill(time.Now())
	all := trials(m)
	verdicts := askCryptography(t, all)
	if len(verdicts) != len(all) {
		t.Fatalf("%d verdicts about %d certificates", len(verdicts), len(all))
	}
	refusedBy, findings := map[string]refusals{}, map[string]pki.Finding{}
	for i := range all {
		trial := &all[i]
		cert, _, _ := m.make(trial.flawed)
		findings[trial.code] = pki.Lint(cert, trial.options)[0]
		said := refusals{"Go": askGo(trial, m.at), "cryptography": verdicts[i],
			"OpenSSL": askOpenSSL(t, openssl, trial), "Python 3.13": askOpenSSL(t, openssl, trial, "-x509_strict")}
		if refusedBy[trial.code] == nil {
			refusedBy[trial.code] = refusals{}
		}
		for client, text := range said {
			if text != "" {
				refusedBy[trial.code][client] += trial.name + ": " + text + "\n"
			}
		}
	}
	for code, finding := range findings {
		var have, want []string
		for _, client := range asked {
			if refusedBy[code][client] != "" {
				have = append(have, client)
			}
			if slices.Contains(finding.RefusedBy, client) {
				want = append(want, client)
			}
		}
		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s is refused by %q (-said +done)\n%s%v", code, have, diff, refusedBy[code])
		}
	}
}
