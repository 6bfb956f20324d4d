package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
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
	r, err := begin(out, flags, args, func() (*rig, error) { return newRig(build{}) })
	if err != nil {
		return err
	}
	defer r.close()
	authority := r.running[0]
	alone, err := signingAlone()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d certificates a pass, %d clients, %d passes; medians\n\n", *each, *clients, *passes)
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
			pass := drive(authority.cpu, *clients, *each, do)
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

// tokenFile makes tokens, each of another certificate, and writes them to a file.
func (r *rig) tokenFile(n int) (path string, err error) {
	tokens := make([]string, n)
	err = many(n, 16, func(_, i int) error {
		made, err := r.another(fmt.Sprint("host-", i%100))
		tokens[i] = made.Token
		return err
	})
	if err != nil {
		return "", err
	}
	path = r.file("tokens")
	return path, writeTokens(path, tokens)
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
	path, err := r.tokenFile(n)
	if err != nil {
		return nil, err
	}
	tokens, err := readTokens(path)
	if err != nil {
		return nil, err
	}
	return r.joining(tokens, clients, anew)
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
	credential, err := r.enrolled(name)
	if err != nil {
		return nil, nil, err
	}
	client, body := r.renewing(credential)
	return client, body, nil
}
