package cli

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs7"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
	"github.com/signet-tls/signet/verify"
)

// fetchTimeout bounds each answer that is fetched: a person waits for it.
const fetchTimeout = 10 * time.Second

// collector returns what fetches for --fetch, for all targets together.
func (q inquiry) collector(now time.Time) (*revocation.Collector, error) {
	cfg := fetch.Config{Timeout: fetchTimeout}
	if !now.IsZero() {
		cfg.Now = func() time.Time { return now }
	}
	if dir, err := os.UserCacheDir(); err == nil { // else nothing is kept
		cfg.Dir = filepath.Join(dir, "signet", "fetched")
	}
	for _, text := range q.FetchPrivate {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fault.New(Usage, "--fetch-private: %q is no network", clean(text)).
				WithHint("write its first address and how many bits are fixed, such as --fetch-private 10.0.0.0/8")
		}
		cfg.Private = append(cfg.Private, network)
	}
	return &revocation.Collector{Fetcher: fetch.New(cfg), Bundle: bundled}, nil
}

// bundled returns the certificates of a message of PKCS#7.
func bundled(data []byte) ([]*pki.Certificate, error) {
	message, err := pkcs7.Parse(data)
	if err != nil {
		return nil, err
	}
	return message.Certificates()
}

// maxFetched is how many issuers of one chain are fetched.
const maxFetched = 4

// fetched judges anew, with what the certificates' own URLs have: issuers that
// were not sent, and what is known of revocation. A refusal for anything else
// stands as it is.
func (c *verifyCmd) fetched(ctx context.Context, b basis, v *verdict, chain []*pki.Certificate, rules verify.Options) (*verify.Proof, error) {
	proof, err := verify.Verify(chain, rules)
	report := verify.ReportOf(err)
	var brought []string
	if report != nil && (report.Code == verify.ChainIncomplete || report.Code == verify.UnknownRoot) {
		all, fetchErr := missingIssuers(ctx, b.collector, chain)
		brought = titles(all[len(chain):])
		if chain = all; fetchErr != nil {
			report.Note = "What is missing could not be fetched: " + fault.Text(fetchErr) + "."
		}
		if len(brought) > 0 {
			proof, err = verify.Verify(chain, rules)
		}
	}
	if err != nil {
		return nil, err
	}
	evidence, err := b.collector.Collect(ctx, b.given, proof.Path(), b.moment())
	if err != nil {
		return nil, err
	}
	rules.Revocation = &verify.Revocation{Evidence: evidence, Scope: verify.WholeChain}
	proof, err = verify.Verify(chain, rules)
	if len(brought) > 0 {
		c.remedy(v, brought)
	}
	return proof, err
}

// missingIssuers appends to a chain the issuers that its certificates lead to and
// that were not sent, up to one that signed itself.
func missingIssuers(ctx context.Context, collector *revocation.Collector, chain []*pki.Certificate) ([]*pki.Certificate, error) {
	all := slices.Clip(chain)
	for last, fetched := chain[0], 0; !last.SelfIssued(); {
		i := slices.IndexFunc(all, func(other *pki.Certificate) bool {
			return other.Subject().Match(last.Issuer()) && last.CheckSignatureBy(other.PublicKey()) == nil
		})
		if i >= 0 {
			last = all[i]
			continue
		}
		if fetched++; fetched > maxFetched {
			break
		}
		issuer, err := collector.Issuer(ctx, last)
		if err != nil && fetched > 1 {
			break // the anchor need not be anywhere
		}
		if err != nil {
			return all, err
		}
		all, last = append(all, issuer), issuer
	}
	return all, nil
}

func titles(certs []*pki.Certificate) []string {
	var all []string
	for _, cert := range certs {
		if !cert.SelfIssued() {
			all = append(all, cert.Title())
		}
	}
	return all
}

// remedy says of a chain that holds only with what was fetched who must mend it.
func (c *verifyCmd) remedy(v *verdict, brought []string) {
	missing := strings.Join(brought, ", ")
	who := "this server"
	v.remedy = fmt.Sprintf("on the server, append %s to its certificate file", missing)
	if !isAddress(v.Target) {
		who = "a server that sends this file alone"
		v.remedy = fmt.Sprintf("append %s to %s", missing, fileTitle(v.Target))
	}
	v.note = fmt.Sprintf("Only with %s, which was fetched; who does not fetch, such as curl, Python and Go, refuses %s.", missing, who)
}

// incomplete proposes to fetch what a server did not send, where its certificate
// says from where.
func (c *verifyCmd) incomplete(v *verdict, chain []*pki.Certificate) {
	if v.Code != verify.ChainIncomplete || c.Fetch {
		return
	}
	access, err := chain[0].AuthorityInfo()
	named := slices.ContainsFunc(access, func(a pki.AccessDescription) bool { return a.Method == pki.OIDAccessIssuers })
	if err != nil || !named {
		return
	}
	t := c.trust
	t.further = append(slices.Clip(t.further), "--fetch")
	v.Next = append(v.Next[:1:1], t.command("verify", v.Target)+"      # shows whether this is all that is wrong")
}
