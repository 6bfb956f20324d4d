package fetch_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/big"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

func save(t testing.TB, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	testpki.Must(0, os.WriteFile(path, data, 0o600))
	return path
}

// index is a line of the database of openssl's authority.
func index(cert *pki.Certificate, revoked bool) string {
	state := "V\t%s\t\t%s\tunknown\t/CN=x\n"
	if revoked {
		state = "R\t%s\t260101000000Z,keyCompromise\t%s\tunknown\t/CN=x\n"
	}
	return fmt.Sprintf(state, cert.NotAfter().UTC().Format("060102150405Z"), strings.ToUpper(cert.Serial()))
}

// responder runs openssl's, and has the rig's server pass on to it.
func (r *rig) openssl(database string, signer *pki.Credential, flags ...string) {
	r.t.Helper()
	folder := r.t.TempDir()
	key := save(r.t, folder, "signer.pem", testpki.Must(signer.PEM()))
	args := append([]string{"ocsp", "-port", "0", "-index", save(r.t, folder, "index.txt", []byte(database)),
		"-CA", save(r.t, folder, "ca.pem", r.issuer.Leaf().PEM()), "-rsigner", key, "-rkey", key}, flags...)
	cmd := exec.Command(peers.OpenSSL(r.t), args...)
	out := testpki.Must(cmd.StdoutPipe())
	testpki.Must(0, cmd.Start())
	r.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.t.Fatalf("openssl does not listen: %q, %v", line, err)
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "ACCEPT "), " ")
	at := &url.URL{Scheme: "http", Host: "127.0.0.1" + address[strings.LastIndex(address, ":"):]}
	r.serve((&httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) { q.SetURL(at) }}).ServeHTTP)
}

// TestOpenSSLResponder asks openssl's responder, in each way.
func TestOpenSSLResponder(t *testing.T) {
	for _, by := range []string{"issuer", "delegate"} {
		for _, flags := range []string{"", "-ndays 1", "-resp_key_id -ndays 1"} {
			for _, revoked := range []bool{false, true} {
				for name, nonce := range map[string]revocation.Nonce{"offered": revocation.NonceOffered, "required": revocation.NonceRequired, "none": revocation.NonceNone} {
					t.Run(fmt.Sprintf("%s %s revoked %v nonce %s", by, flags, revoked, name), func(t *testing.T) {
						r := newRig(t, func(s *pki.Spec, at string) { s.OCSP = []string{at} })
						r.now = time.Now()
						signer := map[string]*pki.Credential{"issuer": r.issuer, "delegate": r.responder}[by]
						r.openssl(index(r.leaf, revoked), signer, strings.Fields(flags)...)
						want := map[bool]revocation.Status{false: revocation.Good, true: revocation.Revoked}[revoked]
						answer := r.ask(&revocation.Collector{Fetcher: r.client(), Nonce: nonce})
						if answer.Status != want || len(answer.Missing) > 0 || !answer.Signer.Equal(signer.Leaf()) {
							t.Errorf("have %+v, want %d", answer, want)
						}
						method := map[bool]string{false: "POST", true: "GET"}[nonce == revocation.NonceNone]
						if have := r.requests(); len(have) != 1 || !strings.HasPrefix(have[0], method) {
							t.Errorf("asked by %v, want %s", have, method)
						}
					})
				}
			}
		}
	}
	t.Run("not in its database", func(t *testing.T) {
		r := newRig(t, withOCSP)
		r.openssl("", r.issuer, "-ndays", "1")
		if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != revocation.Unknown || !strings.Contains(fmt.Sprint(answer.Missing), "does not know") {
			t.Errorf("have %+v", answer)
		}
	})
	t.Run("signed by the leaf", func(t *testing.T) {
		r := newRig(t, withOCSP)
		r.openssl(index(r.leaf, false), &pki.Credential{Chain: []*pki.Certificate{r.leaf}, Key: r.leafKey}, "-ndays", "1", "-resp_key_id")
		if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != revocation.Unknown || !strings.Contains(fmt.Sprint(answer.Missing), "not for signing such responses") {
			t.Errorf("have %+v", answer)
		}
	})
}

// TestOpenSSLClient has openssl ask the rig's server, whose lies it and we see.
func TestOpenSSLClient(t *testing.T) {
	r := newRig(t, withOCSP)
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	issuer, leaf := save(t, folder, "issuer.pem", r.issuer.Leaf().PEM()), save(t, folder, "leaf.pem", r.leaf.PEM())
	root := save(t, folder, "root.pem", r.authority.Root.ChainPEM())
	ask := func() string {
		out, _ := exec.Command(openssl, "ocsp", "-issuer", issuer, "-cert", leaf, "-url", r.url+"/ocsp", "-CAfile", root, "-verify_other", issuer).CombinedOutput()
		return string(out)
	}
	for _, test := range []struct {
		name   string
		signer *pki.Credential
		change func(*pki.OCSPResponseSpec)
		theirs string
		ours   revocation.Status
	}{
		{"good", r.issuer, func(*pki.OCSPResponseSpec) {}, "leaf.pem: good", revocation.Good},
		{"good, by a delegate", r.responder, func(*pki.OCSPResponseSpec) {}, "leaf.pem: good", revocation.Good},
		{"revoked", r.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(pki.StatusRevoked) }, "leaf.pem: revoked", revocation.Revoked},
		{"stale", r.issuer, func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = r.now.Add(-2*time.Hour), r.now.Add(-time.Hour)
		}, "status expired", revocation.Unknown},
		{"not yet valid", r.issuer, func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = r.now.Add(time.Hour), r.now.Add(2*time.Hour)
		}, "status not yet valid", revocation.Unknown},
		{"wrong nonce", r.issuer, func(s *pki.OCSPResponseSpec) { s.Nonce = []byte("another nonce") }, "Nonce Verify error", revocation.Unknown},
		{"about another", r.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].ID.SerialNumber = big.NewInt(99) }, "No Status found", revocation.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.serve(r.answers(test.signer, test.change))
			if have := ask(); !strings.Contains(have, test.theirs) {
				t.Errorf("openssl says %s\nwant %q", have, test.theirs)
			}
			if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != test.ours {
				t.Errorf("have %+v, want %d", answer, test.ours)
			}
		})
	}
}

// TestOpenSSLLists fetches lists that openssl has made, and lists of ours, true and
// false: openssl and Python's cryptography see in them what we do.
func TestOpenSSLLists(t *testing.T) {
	r := newRig(t, withCRL)
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	python := peers.Python(t)
	root := save(t, folder, "root.pem", append(r.authority.Root.ChainPEM(), r.issuer.Leaf().PEM()...))
	issuer, leaf := save(t, folder, "issuer.pem", r.issuer.Leaf().PEM()), save(t, folder, "leaf.pem", r.leaf.PEM())
	stranger := testpki.Must(testpki.New(r.now)).Intermediate
	made := func(revoked bool) []byte {
		config := fmt.Sprintf("[ca]\ndefault_ca=a\n[a]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\ndefault_crl_days=3\n",
			save(t, folder, "index.txt", []byte(index(r.leaf, revoked))), save(t, folder, "number", []byte("1F\n")))
		key := save(t, folder, "key.pem", testpki.Must(r.issuer.PEM()))
		out, err := exec.Command(openssl, "ca", "-gencrl", "-config", save(t, folder, "ca.cnf", []byte(config)), "-keyfile", key, "-cert", key).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	old := func(s *pki.RevocationListSpec) {
		s.ThisUpdate, s.NextUpdate = r.now.Add(-2*time.Hour), r.now.Add(-time.Hour)
	}
	young := func(s *pki.RevocationListSpec) { s.ThisUpdate = r.now.Add(10 * time.Minute) }
	changed := testpki.Must(pki.ParseRevocationLists(altered(r.list(r.issuer).Raw())))[0]
	for _, test := range []struct {
		name   string
		list   []byte // PEM
		theirs string // of openssl verify
		ours   revocation.Status
		python string // whether the signature is right, and the certificate is on it
	}{
		{"openssl's, good", made(false), "OK", revocation.Good, "True False"},
		{"openssl's, revoked", made(true), "certificate revoked", revocation.Revoked, "True True"},
		{"ours, good", r.list(r.issuer).PEM(), "OK", revocation.Good, "True False"},
		{"ours, revoked", r.list(r.issuer, revoking(r.leaf)).PEM(), "certificate revoked", revocation.Revoked, "True True"},
		{"stale", r.list(r.issuer, old).PEM(), "CRL has expired", revocation.Unknown, "True False"},
		{"not yet valid", r.list(r.issuer, young).PEM(), "CRL is not yet valid", revocation.Unknown, "True False"},
		{"altered", changed.PEM(), "CRL signature failure", revocation.Unknown, "False False"},
		{"a stranger's", r.list(stranger).PEM(), "unable to get certificate CRL", revocation.Unknown, "False False"},
		{"of the root", r.list(r.authority.Root).PEM(), "unable to get certificate CRL", revocation.Unknown, "False False"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.serve(raw("", test.list))
			if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != test.ours {
				t.Errorf("have %+v, want %d", answer, test.ours)
			}
			path := save(t, folder, "list.pem", test.list)
			out, _ := exec.Command(openssl, "verify", "-crl_check", "-partial_chain", "-CAfile", root, "-CRLfile", path, leaf).CombinedOutput()
			if !strings.Contains(string(out), test.theirs) {
				t.Errorf("openssl says %s\nwant %q", out, test.theirs)
			}
			script := "import sys\nfrom cryptography import x509\nlist, issuer, leaf = x509.load_pem_x509_crl(open(sys.argv[1], 'rb').read()), *(x509.load_pem_x509_certificate(open(p, 'rb').read()) for p in sys.argv[2:])\n" +
				"print(list.is_signature_valid(issuer.public_key()), list.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None)"
			out, err := exec.Command(python, "-c", script, path, issuer, leaf).CombinedOutput()
			if have := string(bytes.TrimSpace(out)); err != nil || have != test.python {
				t.Errorf("python says %s, %v; want %s", have, err, test.python)
			}
		})
	}
}
