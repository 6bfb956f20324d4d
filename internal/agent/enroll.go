package agent

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// authorityPath is the authority's own path in each trust domain.
const authorityPath = "authority"

// Enroll has a token's authority sign for a key, which stays here, and returns what
// the host then is. Whoever answers has to prove to be the authority that the token
// means before it gets to see the token's secret. Now is the clock; nil means
// time.Now.
func Enroll(ctx context.Context, token api.Token, key crypto.Signer, now func() time.Time) (home Home, err error) {
	if now == nil {
		now = time.Now
	}
	believed, err := rootsOf(ctx, token, now)
	if err != nil {
		return home, err
	}
	domain := token.ID.TrustDomain()
	roots, err := verify.ForTrustDomain(domain, believed...)
	if err != nil {
		return home, err
	}
	name, err := domain.ID(authorityPath)
	if err != nil {
		return home, err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return home, err
	}
	client := &signet.Client{Roots: roots, Name: verify.ID(name), ServerName: api.EnrollHost, ALPN: []string{"http/1.1"}, Dialer: enrolmentAt{token.Authority}, Now: now}
	var answer api.Enrolled
	if err := ask(ctx, client.HTTP(), api.EnrollHost, api.PathEnroll, api.EnrollRequest{Secret: token.Secret, Request: request}, &answer); err != nil {
		return home, err
	}
	home.Authority, home.Replaced = token.Authority, answer.Replaced
	if home.Anchors, err = parseAll(answer.Roots); err != nil {
		return home, err
	}
	if home.Roots, err = verify.ForTrustDomain(domain, home.Anchors...); err != nil {
		return home, err
	}
	home.Credential, err = credentialOf(answer.Chain, key)
	if err != nil {
		return home, err
	}
	if have := home.ID(); have != token.ID {
		return home, fault.New(api.TokenMalformed, "the token was altered after it was made: it says %s, and was made for %s", token.ID, have).
			WithHint("it is used up: have an operator make another one, and bring it here unaltered: signet token new %s --again", have.Path())
	}
	_, err = verify.Verify(home.Credential.Chain, verify.Options{Roots: roots, Name: verify.ID(token.ID), Purpose: verify.AnyPurpose, Now: now()})
	return home, err
}

// rootsOf asks for the roots, which are public, and takes the one that the token
// names, and those for which that vouches: a root may have come after the token. Who
// answers has proved nothing yet, and gets nothing from us.
func rootsOf(ctx context.Context, token api.Token, now func() time.Time) ([]*pki.Certificate, error) {
	client := &signet.Client{Dangerous: []dangerous.Switch{dangerous.SkipVerification()}, ALPN: []string{"http/1.1"}, Dialer: enrolmentAt{token.Authority}, Now: now}
	var answer api.Roots
	if err := ask(ctx, client.HTTP(), api.EnrollHost, api.PathRoots, nil, &answer); err != nil {
		return nil, err
	}
	for _, der := range append(answer.Roots, ca.Endorsers(answer.Endorsements)...) {
		if sum := sha256.Sum256(der); hex.EncodeToString(sum[:]) == token.Root {
			named, err := pki.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			return ca.Endorsed(answer.Endorsements, []*pki.Certificate{named}), nil
		}
	}
	return nil, fault.New(RootMismatch, "who answers at %s is not the authority that made this token: it has another root", token.Authority).
		WithHint("ask who made the token whether this is the right address, and make another one; nothing of this one was given away")
}

// Renew has the authority sign for a new key of a host whose certificate is still
// good, and keeps it in the host folder.
func Renew(ctx context.Context, dir string, home Home, now func() time.Time) (Home, error) {
	name, err := home.ID().TrustDomain().ID(authorityPath)
	if err != nil {
		return home, err
	}
	key, err := pki.NewKey()
	if err != nil {
		return home, err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return home, err
	}
	client := &signet.Client{Roots: home.Roots, Name: verify.ID(name), Identity: identity.Static(home.Credential), Now: now}
	http := client.HTTP()
	defer http.CloseIdleConnections()
	// First whom to believe, so that the certificate can tell that this is known here.
	var trusted api.Roots
	if err := ask(ctx, http, home.Authority, api.PathRoots, nil, &trusted); err != nil {
		return home, err
	}
	if home, err = home.believing(dir, trusted); err != nil {
		return home, err
	}
	var answer api.Certificate
	if err := ask(ctx, http, home.Authority, api.PathCertificate, api.CertificateRequest{ID: home.ID(), Request: request, Generation: trusted.Generation}, &answer); err != nil {
		return home, err
	}
	credential, err := issuedTo(home.ID(), answer.Chain, key)
	if err != nil {
		return home, err
	}
	home.Credential = credential
	return home, keepRenewed(dir, credential)
}

// believing is the home with the roots that are named, as far as those here vouch for
// them. They are kept.
func (h Home) believing(dir string, named api.Roots) (Home, error) {
	anchors, err := ca.Believe(named.Roots, named.Endorsements, h.Anchors)
	if err != nil || slices.EqualFunc(anchors, h.Anchors, (*pki.Certificate).Equal) {
		return h, err
	}
	if h.Roots, err = verify.ForTrustDomain(h.ID().TrustDomain(), anchors...); err != nil {
		return h, err
	}
	h.Anchors = anchors
	return h, keepRoots(dir, anchors)
}

// enrolmentAt dials the authority, whatever the name that it is asked for by.
type enrolmentAt struct{ address string }

// DialContext implements signet.Client's Dialer.
func (e enrolmentAt) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, e.address)
	if err != nil {
		return nil, fault.Wrap(err, signet.Unreachable, "the authority at %s cannot be reached", e.address).
			WithHint("see that it runs, and that this host may connect to it; then run it again, with the same token")
	}
	return conn, nil
}

// ask posts a message, or gets an answer where there is none, once.
func ask(ctx context.Context, client *http.Client, host, path string, body, answer any) error {
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	response, err := call(ctx, client, host, method, path, "", body)
	if err != nil {
		return unanswered(ctx, err, path)
	}
	defer response.Body.Close()
	return readAnswer(response.Body, answer)
}

// unanswered is what became of a request that has no answer, in our words.
func unanswered(ctx context.Context, err error, path string) error {
	if _, ours := fault.Of(err); ours {
		return err
	}
	hint := "see that the authority runs and that nothing on the way holds it up; then run it again"
	if path == api.PathEnroll {
		hint += ", with the same token: what was done for this host's key is done again"
	}
	code := AuthorityFailed
	if ctx.Err() != nil {
		code = signet.Timeout
	}
	return fault.Wrap(err, code, "the authority did not answer").WithHint("%s", hint)
}

// parseAll reads certificates in DER.
func parseAll(ders [][]byte) ([]*pki.Certificate, error) {
	var certs []*pki.Certificate
	for _, der := range ders {
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// credentialOf pairs a chain in DER with its key.
func credentialOf(chain [][]byte, key crypto.Signer) (*pki.Credential, error) {
	certs, err := parseAll(chain)
	if err != nil {
		return nil, err
	}
	return pki.NewCredential(certs, key)
}

// issuedTo is credentialOf for a chain that was asked for an identity.
func issuedTo(id spiffeid.ID, chain [][]byte, key crypto.Signer) (*pki.Credential, error) {
	credential, err := credentialOf(chain, key)
	if err != nil {
		return nil, err
	}
	if credential.Leaf().ID() != id {
		return nil, fault.New(AuthorityFailed, "the authority signed for %s instead of %s", credential.Leaf().ID(), id).
			WithHint("run authority and proxy with the same version of signet")
	}
	return credential, nil
}
