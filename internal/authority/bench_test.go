package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// toRig dials one address.
type toRig string

func (address toRig) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, string(address))
}

// BenchmarkEnroll has clients join over connections that they keep, each time with
// another token, which were made before: what one costs, at both ends, durably.
func BenchmarkEnroll(b *testing.B) {
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			dir := b.TempDir()
			store := testpki.Must(control.Open(b.Context(), control.Config{Dir: dir, TrustDomain: domain}))
			defer store.Close()
			log := testpki.Must(audit.Open(audit.Config{Dir: dir, Origin: audit.Origin(domain.String())}))
			defer log.Close()
			signer := testpki.Must(ca.New(domain, time.Now()))
			a := testpki.Must(New(Config{Store: store, CA: signer, Log: log}))
			if err := a.Listen(b.Context(), "127.0.0.1:0"); err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { a.Run(ctx) })
			defer running.Wait()
			defer stop()
			bodies := enrolments(b, a)
			client := &signet.Client{Roots: testpki.Must(verify.ForTrustDomain(domain, signer.Root())), Name: verify.ID(id(Path)),
				ServerName: api.EnrollHost, ALPN: []string{"http/1.1"}, Dialer: toRig(a.Addr().String())}
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for range clients {
				group.Go(func() {
					http := client.HTTP()
					defer http.CloseIdleConnections()
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						enrollBy(b, http, bodies[n-1])
					}
				})
			}
			group.Wait()
			b.StopTimer()
		})
	}
}

// enrolments makes b.N tokens, and the requests that use them.
func enrolments(b *testing.B, a *Authority) []string {
	_, err := a.store.Change(b.Context(), func(tx *control.Tx) error {
		tx.PutIdentity(control.Identity{ID: id("web"), Kind: control.Service})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	request := testpki.Must(pki.NewRequest(testpki.Must(pki.NewKey())))
	bodies := make([]string, b.N)
	var group sync.WaitGroup
	for worker := range 32 {
		group.Go(func() {
			for n := worker; n < b.N; n += 32 {
				secret := api.NewSecret([16]byte{byte(n), byte(n >> 8), byte(n >> 16)})
				token := control.Token{Hash: testpki.Must(api.HashSecret(secret)), ID: id("web"), Expires: time.Now().Add(time.Hour)}
				if err := a.store.PutToken(b.Context(), token); err != nil {
					b.Error(err)
				}
				bodies[n] = string(testpki.Must(json.Marshal(api.EnrollRequest{Secret: secret, Request: request})))
			}
		})
	}
	group.Wait()
	return bodies
}

func enrollBy(b *testing.B, client *http.Client, body string) {
	response, err := client.Post("https://"+api.EnrollHost+api.PathEnroll, "application/json", strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		b.Errorf("%s (%v)", response.Status, err)
	}
}
