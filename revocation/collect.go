package revocation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Collector brings evidence from where certificates say that it is, and keeps it
// until it is out of date. It is safe for concurrent use, and must not be copied.
type Collector struct {
	Fetcher Fetcher // required
	Nonce   Nonce   // of OCSP requests

	// Bundle reads the certificates of a certs-only message of PKCS#7, which is one
	// of the forms in which issuers are offered (RFC 5280, section 4.2.2.1); nil: such
	// are not read.
	Bundle func(data []byte) ([]*pki.Certificate, error)

	lists     memory[*pki.RevocationList]
	responses memory[*pki.OCSPResponse]
}

// Nonce says whether OCSP requests have one, which makes sure that a response was
// made for this request (RFC 9654).
type Nonce int

// What may be done about nonces.
const (
	NonceOffered  Nonce = iota // sent; a response without any counts if it is fresh by its dates
	NonceRequired              // sent, and a response without it does not count
	NonceNone                  // not sent: responses from a store of signed ones, by GET, do
)

// Bounds of what is done for one certificate, and of what is kept, in bytes.
const (
	maxPlaces     = 8 // URLs of a certificate and its lists that are asked
	keptLists     = 128 << 20
	keptResponses = 8 << 20
)

// Collect returns what is given, which may be nil, and what the certificates' own
// URLs have: OCSP responses first, and lists where those do not answer. The path
// is a peer's, leaf first; its last certificate, the anchor, is not asked about,
// nor is one of which the given evidence tells already. What could not be had
// stands in Answer.Missing.
func (c *Collector) Collect(ctx context.Context, given *Evidence, path []*pki.Certificate, now time.Time) (*Evidence, error) {
	if given == nil {
		given = &Evidence{}
	}
	found := make([]*gathering, max(len(path)-1, 0))
	var all sync.WaitGroup
	for i := range found {
		found[i] = &gathering{by: c, path: path, urls: map[signature]string{}, Question: Question{Cert: path[i], Issuer: path[i+1], Now: now}}
		all.Go(func() { found[i].gather(ctx, given) })
	}
	all.Wait()
	lists, responses, missing, urls := slices.Clone(given.lists), slices.Clone(given.responses), map[string][]string{}, map[signature]string{}
	maps.Copy(missing, given.missing)
	maps.Copy(urls, given.urls)
	for _, g := range found {
		for _, list := range g.lists {
			if !slices.Contains(lists, list) {
				lists = append(lists, list)
			}
		}
		responses = append(responses, g.responses...)
		missing[string(g.Cert.Raw())] = g.missing
		maps.Copy(urls, g.urls)
	}
	evidence, err := New(lists, responses)
	if err != nil {
		return nil, err
	}
	evidence.missing, evidence.urls = missing, urls
	return evidence, nil
}

// gathering is what is brought about one certificate.
type gathering struct {
	Question
	by     *Collector
	path   []*pki.Certificate
	places int // that were asked

	lists     []*pki.RevocationList
	responses []*pki.OCSPResponse
	urls      map[signature]string // that they came from
	missing   []string
}

func (g *gathering) miss(format string, args ...any) {
	g.missing = append(g.missing, fmt.Sprintf(format, args...))
}

func (g *gathering) gather(ctx context.Context, given *Evidence) {
	if given.Ask(g.Question).Status != Unknown {
		return
	}
	points, err := g.Cert.DistributionPoints()
	fresher, fresherErr := g.Cert.FreshestCRL()
	access, accessErr := g.Cert.AuthorityInfo()
	if err := errors.Join(err, fresherErr, accessErr); err != nil {
		g.miss("where evidence about it is cannot be read")
		return
	}
	responders := locations(access, pki.OIDAccessOCSP)
	if len(responders)+len(points) == 0 {
		g.miss("%s names no OCSP responder and no revocation list", g.Cert.Title())
		return
	}
	if g.askAll(ctx, responders) {
		return
	}
	for _, point := range points {
		if list := g.listAt(ctx, point); list != nil {
			g.lists = append(g.lists, list)
			more, _ := list.FreshestCRL() // a list of which this cannot be read does not count anyway
			fresher = append(slices.Clip(fresher), more...)
		}
	}
	for _, point := range fresher {
		if list := g.listAt(ctx, point); list != nil {
			g.lists = append(g.lists, list)
		}
	}
}

// locations returns the URLs of one method of access.
func locations(access []pki.AccessDescription, method pki.OID) []string {
	var urls []string
	for _, place := range access {
		if place.Method == method && place.Location.Kind == pki.URIName {
			urls = append(urls, place.Location.Value())
		}
	}
	return urls
}

// mayAsk counts the places that are asked.
func (g *gathering) mayAsk() bool {
	if g.places++; g.places == maxPlaces+1 {
		g.miss("%s names more than the %d places that are asked", g.Cert.Title(), maxPlaces)
	}
	return g.places <= maxPlaces
}

// askAll asks one OCSP responder after the other until one knows.
func (g *gathering) askAll(ctx context.Context, urls []string) bool {
	for _, url := range urls {
		if !g.mayAsk() {
			return false
		}
		response, err := g.askResponder(ctx, url)
		if err == nil {
			g.responses = append(g.responses, response)
			g.urls[response] = url
			return true
		}
		g.miss("%s: %s", fault.Printable(url, 80), fault.Text(err))
	}
	return false
}

// listAt returns the list of a distribution point, from the first of its places
// that has it, or nil.
func (g *gathering) listAt(ctx context.Context, point pki.DistributionPoint) *pki.RevocationList {
	if point.Name == nil {
		return nil // the point of another issuer, who says where its list is
	}
	for _, name := range point.Name.Full {
		if name.Kind != pki.URIName {
			g.miss("a distribution point of %s is no URL", g.Cert.Title())
			continue
		}
		if !g.mayAsk() {
			break
		}
		list, err := g.fetchList(ctx, name.Value())
		if err == nil {
			g.urls[list] = name.Value()
			return list
		}
		g.miss("%s: %s", fault.Printable(name.Value(), 80), fault.Text(err))
	}
	return nil
}

// fetchList returns the list at a URL. One that the path's own authorities signed
// is kept until it is out of date; whose signer is not known yet is not, so that
// nobody on the way puts a false one in the place of the true one.
func (g *gathering) fetchList(ctx context.Context, url string) (*pki.RevocationList, error) {
	key := fmt.Sprintf("%s %x", url, g.Issuer.Fingerprint())
	return g.by.lists.get(ctx, key, g.Now, keptLists, func(ctx context.Context) (memo[*pki.RevocationList], error) {
		return fetch(ctx, g.by.Fetcher, Request{Kind: List, URL: url}, g.checkList)
	})
}

// fetch returns what check makes of the answer to a request.
func fetch[V any](ctx context.Context, fetcher Fetcher, r Request, check func([]byte) (V, time.Time, error)) (memo[V], error) {
	var got memo[V]
	r.Check = func(data []byte) (time.Time, error) {
		value, until, err := check(data)
		got = memo[V]{value, len(data), until}
		return until, err
	}
	data, err := fetcher.Fetch(ctx, r)
	if err != nil {
		return memo[V]{}, err // a check may still be running
	}
	if got.size == 0 { // the answer was brought for somebody else, whose check it has passed
		_, err = r.Check(data)
	}
	return got, err
}

// checkList reads a list, and says until when it may be kept.
func (g *gathering) checkList(data []byte) (*pki.RevocationList, time.Time, error) {
	lists, err := pki.ParseRevocationLists(data)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(lists) != 1 {
		return nil, time.Time{}, fmt.Errorf("%d revocation lists, not one", len(lists))
	}
	list := lists[0]
	if err := fresh("the list", list.ThisUpdate(), list.NextUpdate(), g.Now); err != nil {
		return nil, time.Time{}, err
	}
	signed := slices.ContainsFunc(g.path, func(cert *pki.Certificate) bool {
		return cert.Subject().Match(list.Issuer()) && list.CheckSignatureBy(cert.PublicKey()) == nil
	})
	if !signed {
		return list, time.Time{}, nil
	}
	return list, list.NextUpdate(), nil
}
