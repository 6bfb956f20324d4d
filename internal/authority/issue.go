package authority

import (
	"context"
	"crypto"
	"net/http"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// plan decides on a certificate of id. Holder is who asked for it, and is bounded in
// how many it may hold; zero where an operator has let id have one.
func (a *Authority) plan(id, holder spiffeid.ID) (control.Certificate, error) {
	plan, err := a.ca.Plan(id, a.now())
	return control.Certificate{Serial: plan.Serial, ID: plan.ID, At: plan.At, NotAfter: plan.NotAfter, Holder: holder,
		Issuer: plan.Issuer, Generation: plan.Generation}, err
}

// sign is the one place where a certificate for somebody else is signed: what was
// planned is on record by then, and the audit log has it before anybody else.
func (a *Authority) sign(ctx context.Context, planned control.Certificate, public crypto.PublicKey) ([]*pki.Certificate, error) {
	chain, err := a.ca.Sign(ca.Plan{ID: planned.ID, Serial: planned.Serial, At: planned.At, NotAfter: planned.NotAfter, Issuer: planned.Issuer}, public)
	if err != nil {
		return nil, err
	}
	by := planned.Holder
	if by.IsZero() {
		by = planned.ID
	}
	if err := a.issued(ctx, chain[0], by); err != nil {
		return nil, err
	}
	return chain, nil
}

// issue plans, records and signs a certificate of id in the hands of holder, who
// believes the roots of a generation; a negative one is the present.
func (a *Authority) issue(ctx context.Context, id, holder spiffeid.ID, generation int64, public crypto.PublicKey) ([]*pki.Certificate, error) {
	planned, err := a.plan(id, holder)
	if err != nil {
		return nil, err
	}
	if generation >= 0 {
		planned.Generation = min(planned.Generation, generation)
	}
	if err := a.store.RecordCertificate(ctx, planned); err != nil {
		return nil, err
	}
	return a.sign(ctx, planned, public)
}

// Credential issues a certificate of an identity for a new key: for those who hold
// the authority's own folder, and may be anybody.
func (a *Authority) Credential(ctx context.Context, id spiffeid.ID) (*pki.Credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	chain, err := a.issue(ctx, id, spiffeid.ID{}, -1, key.Public())
	if err != nil {
		return nil, err
	}
	return pki.NewCredential(chain, key)
}

// certificate signs for the caller's own identity, and for those granted to a proxy.
func (a *Authority) certificate(r *http.Request) (any, error) {
	var request api.CertificateRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	id := caller(r)
	if request.ID != id && !holds(a.store.State(), id, request.ID) {
		return nil, fault.New(NotGranted, "%s may not hold %q", id.Short(a.domain), request.ID.Short(a.domain)).
			WithHint("correct the proxy's services and doors, or grant it the identity: signet grant %s %s", id.Short(a.domain), fault.Printable(request.ID.Short(a.domain), 80))
	}
	if err := a.ownHands(r, id); err != nil {
		return nil, err
	}
	public, err := pki.ParseRequest(request.Request)
	if err != nil {
		return nil, err
	}
	chain, err := a.issue(r.Context(), request.ID, id, max(request.Generation, 0), public)
	if err != nil {
		return nil, err
	}
	return api.Certificate{Chain: raw(chain)}, nil
}

// ownHands refuses a caller whose certificate is in another's hands: a proxy that
// holds a service's identity is to ask as itself, so that what it gets dies with it.
func (a *Authority) ownHands(r *http.Request, id spiffeid.ID) error {
	if a.store.State().Identities[id].Kind != control.Service { // others' are held by nobody else
		return nil
	}
	recorded, err := a.store.Certificates(r.Context(), id)
	if err != nil {
		return err
	}
	shown := signet.PeerOf(r.Context()).Chain[0].Serial()
	for _, c := range recorded {
		if c.Serial == shown && (c.Holder.IsZero() || c.Holder == id) {
			return nil
		}
	}
	return fault.New(NotGranted, "this certificate of %s was issued to a proxy", id.Short(a.domain)).
		WithHint("have the proxy ask, as itself, or enroll this host: signet token new %s --again", id.Short(a.domain))
}

// raw returns certificates in DER.
func raw(certs []*pki.Certificate) [][]byte {
	var out [][]byte
	for _, cert := range certs {
		out = append(out, cert.Raw())
	}
	return out
}
