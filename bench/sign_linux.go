package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// sign has an authority that runs already sign certificates, as fast as it can: by the
// tokens of a file, each of which is good for one, or for whose certificate is in a
// file, as they renew it. The requests carry a key only: the name is the token's, or
// the certificate's.
func sign(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("sign", flag.ContinueOnError)
	address := flags.String("authority", "", "where it listens, HOST:PORT")
	roots := flags.String("roots", "", "file of its roots, in PEM")
	tokens := flags.String("tokens", "", `file of tokens, one a line, as "signet token new" prints them; nobody else may read it`)
	cert := flags.String("cert", "", "file of a certificate and its key, in PEM, in place of tokens")
	n := flags.Int("n", 4000, "certificates, with -cert")
	clients := flags.Int("c", 16, "clients at once")
	pid := flags.Int("pid", 0, "process of the authority, whose CPU time is looked at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if (*tokens == "") == (*cert == "") {
		return errors.New("say -tokens FILE or -cert FILE")
	}
	do, n2, err := signer(*address, *roots, *tokens, *cert, *clients)
	if err != nil {
		return err
	}
	if n2 > 0 {
		*n = n2
	}
	pass := drive(func() time.Duration { return cpuOf(*pid) }, *clients, *n, do)
	fmt.Fprintf(out, "%s\n%d certificates, %d clients: %.0f/s, %.2f ms CPU each, clients %.2f ms, p50 %.1f ms, p99 %.1f ms, %d failed\n",
		machine(), *n, *clients, float64(*n)/pass.wall.Seconds(), pass.server.Seconds()*1e3/float64(*n), pass.client.Seconds()*1e3/float64(*n),
		at(pass.times, .5), at(pass.times, .99), pass.failed)
	return pass.first
}

// signer is what one worker of sign does; n is how often it can be done, or 0.
func signer(address, roots, tokens, cert string, clients int) (do func(worker, n int) error, n int, err error) {
	data, err := os.ReadFile(roots)
	if err != nil {
		return nil, 0, err
	}
	anchors, err := pki.ParseCertificates(data)
	if err != nil {
		return nil, 0, err
	}
	to := func(domain spiffeid.TrustDomain) (reach, error) {
		believed, err := verify.ForTrustDomain(domain, anchors...)
		return reach{domain: domain, address: address, roots: believed}, err
	}
	if tokens != "" {
		all, err := readTokens(tokens)
		if err != nil {
			return nil, 0, err
		}
		r, err := to(all[0].ID.TrustDomain())
		if err != nil {
			return nil, 0, err
		}
		do, err = r.joining(all, clients, false)
		return do, len(all), err
	}
	credential, err := identity.Load(os.DirFS(filepath.Dir(cert)), filepath.Base(cert))
	if err != nil {
		return nil, 0, err
	}
	r, err := to(credential.Leaf().ID().TrustDomain())
	if err != nil {
		return nil, 0, err
	}
	all, body := make([]*http.Client, clients), []byte(nil)
	for i := range all {
		all[i], body = r.renewing(credential)
	}
	return func(worker, _ int) error {
		return signed(all[worker], "https://"+r.address+api.PathCertificate, body)
	}, 0, nil
}

// reach is an authority as its clients know it.
type reach struct {
	domain  spiffeid.TrustDomain
	address string
	roots   verify.Roots
}

// stranger is a client without a certificate.
func (r *reach) stranger() *signet.Client {
	return &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), ServerName: api.EnrollHost,
		ALPN: []string{"http/1.1"}, Dialer: fixed(r.address)}
}

// joining has hosts join, each by a token of its own. Their key is the same, as it is
// with other authorities' load: what is signed is another certificate.
func (r *reach) joining(tokens []api.Token, clients int, anew bool) (func(worker, n int) error, error) {
	request, err := newRequest()
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, len(tokens))
	for i, token := range tokens {
		bodies[i] = sure(json.Marshal(api.EnrollRequest{Secret: token.Secret, Request: request}))
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

// renewing is a client that renews its certificate by a request that is always the same.
func (r *reach) renewing(credential *pki.Credential) (*http.Client, []byte) {
	client := &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), Identity: identity.Static(credential), ALPN: []string{"http/1.1"}}
	return client.HTTP(), sure(json.Marshal(api.CertificateRequest{ID: credential.Leaf().ID(), Request: sure(newRequest())}))
}

func newRequest() ([]byte, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	return pki.NewRequest(key)
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

// writeTokens writes tokens to a new file that nobody else can read: each lets whoever
// has it join.
func writeTokens(path string, tokens []string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(tokens, "\n")+"\n"), 0o600)
}

// readTokens reads such a file.
func readTokens(path string) (tokens []api.Token, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s, and join by its tokens; next: chmod 600 %s", path, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		token, err := api.ParseToken(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// issuance is what one pass took.
type issuance struct {
	wall, server, client time.Duration
	times                []float64 // ms, ascending
	failed               int
	first                error
}

// drive has clients do so many things as fast as they can, and charges whoever
// server tells the CPU time of.
func drive(server func() time.Duration, clients, n int, do func(worker, n int) error) (i issuance) {
	var next atomic.Int64
	var mu sync.Mutex
	var group sync.WaitGroup
	begun, used, own := time.Now(), server(), cpuTime()
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
	i.wall, i.server, i.client = time.Since(begun), server()-used, cpuTime()-own
	slices.Sort(i.times)
	return i
}
