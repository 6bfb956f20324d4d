package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// issue measures what a certificate costs an authority in a process of its own: on
// record before it is signed, in the audit log before it is handed out, both durable.
// As with other authorities, clients keep their connections, and what proves that they
// may ask is made before the clock starts.
func issue(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("issue", flag.ContinueOnError)
	each := flags.Int("n", 4000, "certificates in a pass")
	passes := flags.Int("passes", 5, "how often; their median counts")
	clients := flags.Int("c", 16, "clients at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := newRig(build{})
	if err != nil {
		return err
	}
	defer r.close()
	authority := r.running[0]
	alone, err := signingAlone()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n%d certificates a pass, %d clients, %d passes; medians\n\n", machine(), *each, *clients, *passes)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\t/s\tms CPU each, authority\tclients\tp50 ms\tp99 ms\tfailed\n")
	issued := 0
	for _, way := range []struct {
		name    string
		prepare func(r *rig, n, clients int) (func(worker, n int) error, error)
	}{{"by a token", byToken}, {"by a token, a connection each", byTokenAnew}, {"renewed, as oneself", byCertificate}} {
		var all []issuance
		for range *passes {
			do, err := way.prepare(r, *each, *clients)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			pass := drive(authority, *clients, *each, do)
			if pass.first != nil {
				return fmt.Errorf("%s: %d failed: %w", way.name, pass.failed, pass.first)
			}
			all = append(all, pass)
			issued += *each
		}
		middle := func(of func(issuance) float64) float64 {
			var values []float64
			for _, pass := range all {
				values = append(values, of(pass))
			}
			return median(values)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%.0f\n", way.name,
			middle(func(i issuance) float64 { return float64(*each) / i.wall.Seconds() }),
			middle(func(i issuance) float64 { return i.server.Seconds() * 1e3 / float64(*each) }),
			middle(func(i issuance) float64 { return i.client.Seconds() * 1e3 / float64(*each) }),
			middle(func(i issuance) float64 { return at(i.times, .5) }), middle(func(i issuance) float64 { return at(i.times, .99) }),
			middle(func(i issuance) float64 { return float64(i.failed) }))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	again, err := signingAlone()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nchecking a request and signing, by crypto/x509 alone: %.2f ms CPU before and %.2f after (0.21 where nothing else runs)\n%s\n",
		alone.Seconds()*1e3, again.Seconds()*1e3, machine())
	authority.stop()
	verdict, err := r.verifyLog()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d were issued; audit verify: %s\n", issued, verdict)
	return nil
}

// signingAlone is what no authority can do without: the CPU time of checking a request
// and signing, on this machine as busy as it is now.
func signingAlone() (time.Duration, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return 0, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	const times = 1000
	begun := cpuTime()
	for range times {
		request, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return 0, err
		}
		if err := request.CheckSignature(); err != nil {
			return 0, err
		}
		if _, err := x509.CreateCertificate(rand.Reader, template, template, request.PublicKey, key); err != nil {
			return 0, err
		}
	}
	return (cpuTime() - begun) / times, nil
}

// issuance is what one pass took.
type issuance struct {
	wall, server, client time.Duration
	times                []float64 // ms, ascending
	failed               int
	first                error
}

// drive has clients do so many things as fast as they can, and charges a process.
func drive(server *process, clients, n int, do func(worker, n int) error) (i issuance) {
	var next atomic.Int64
	var mu sync.Mutex
	var group sync.WaitGroup
	begun, used, own := time.Now(), server.cpu(), cpuTime()
	for worker := range clients {
		group.Go(func() {
			var times []float64
			for k := int(next.Add(1)); k <= n; k = int(next.Add(1)) {
				at := time.Now()
				if err := do(worker, k-1); err != nil {
					mu.Lock()
					i.failed++
					if i.first == nil {
						i.first = err
					}
					mu.Unlock()
				}
				times = append(times, time.Since(at).Seconds()*1e3)
			}
			mu.Lock()
			defer mu.Unlock()
			i.times = append(i.times, times...)
		})
	}
	group.Wait()
	i.wall, i.server, i.client = time.Since(begun), server.cpu()-used, cpuTime()-own
	slices.Sort(i.times)
	return i
}

// tokens makes requests for enrolment, each by a token of its own. The key is the
// same, as it is with other authorities' load: what is signed is another certificate.
func (r *rig) tokens(n int) ([][]byte, error) {
	request, err := newRequest()
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, n)
	var next atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	for range 16 {
		group.Go(func() {
			for k := int(next.Add(1)); k <= n; k = int(next.Add(1)) {
				made, problem := r.another(fmt.Sprint("host-", k%100))
				token, malformed := api.ParseToken(made.Token)
				mu.Lock()
				if err == nil && problem != nil {
					err = problem
				} else if err == nil && malformed != nil {
					err = malformed
				}
				mu.Unlock()
				bodies[k-1] = sure(json.Marshal(api.EnrollRequest{Secret: token.Secret, Request: request}))
			}
		})
	}
	group.Wait()
	return bodies, err
}

func newRequest() ([]byte, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	return pki.NewRequest(key)
}

// stranger is a client without a certificate.
func (r *rig) stranger() *signet.Client {
	return &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), ServerName: api.EnrollHost,
		ALPN: []string{"http/1.1"}, Dialer: fixed(r.address)}
}

// byToken has hosts join over connections that are kept.
func byToken(r *rig, n, clients int) (func(worker, n int) error, error) {
	return joining(r, n, clients, false)
}

// byTokenAnew has each host join over a connection of its own.
func byTokenAnew(r *rig, n, clients int) (func(worker, n int) error, error) {
	return joining(r, n, clients, true)
}

func joining(r *rig, n, clients int, anew bool) (func(worker, n int) error, error) {
	bodies, err := r.tokens(n)
	if err != nil {
		return nil, err
	}
	all := make([]*http.Client, clients)
	for i := range all {
		all[i] = r.stranger().HTTP()
	}
	return func(worker, n int) error {
		if anew {
			defer all[worker].CloseIdleConnections()
		}
		return signed(all[worker], "https://"+api.EnrollHost+api.PathEnroll, bodies[n])
	}, nil
}

// byCertificate has proxies renew their certificates, over connections that are kept.
func byCertificate(r *rig, _, clients int) (func(worker, n int) error, error) {
	all, bodies := make([]*http.Client, clients), make([][]byte, clients)
	for i := range all {
		var err error
		if all[i], bodies[i], err = renewing(r, fmt.Sprint("proxy/renewing-", i)); err != nil {
			return nil, err
		}
	}
	return func(worker, _ int) error {
		return signed(all[worker], "https://"+r.address+api.PathCertificate, bodies[worker])
	}, nil
}

// renewing is somebody who has joined, as a client that renews a certificate by a
// request that is always the same.
func renewing(r *rig, name string) (*http.Client, []byte, error) {
	made, err := r.another(name)
	if err != nil {
		return nil, nil, err
	}
	token := sure(api.ParseToken(made.Token))
	key := sure(pki.NewKey())
	var answer api.Enrolled
	stranger := r.stranger().HTTP()
	defer stranger.CloseIdleConnections()
	err = exchange(stranger, http.MethodPost, "https://"+api.EnrollHost+api.PathEnroll,
		sure(json.Marshal(api.EnrollRequest{Secret: token.Secret, Request: sure(pki.NewRequest(key))})), &answer)
	if err != nil {
		return nil, nil, err
	}
	var chain []*pki.Certificate
	for _, der := range answer.Chain {
		chain = append(chain, sure(pki.ParseCertificate(der)))
	}
	client := &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), Identity: identity.Static(sure(pki.NewCredential(chain, key))), ALPN: []string{"http/1.1"}}
	return client.HTTP(), sure(json.Marshal(api.CertificateRequest{ID: token.ID, Request: sure(newRequest())})), nil
}

// signed asks for a certificate, and makes sure that it gets one.
func signed(client *http.Client, url string, body []byte) error {
	response, err := client.Post(url, "application/json", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(string(data), `{"chain":["MII`) {
		return refused{response.StatusCode, string(data)}
	}
	return nil
}
