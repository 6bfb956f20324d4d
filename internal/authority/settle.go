package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// settle makes true what a token promised whoever joined by it: what a proxy may hold,
// and that nobody else goes on under the name of an operator. It comes before the
// certificate is signed, and again if that has to be told again. It returns how many
// certificates are dead for it.
func (a *Authority) settle(ctx context.Context, admitted control.Token) (replaced int, err error) {
	if len(admitted.Holds) == 0 && !admitted.Replaces {
		return 0, nil
	}
	since, revision, changes := a.now(), int64(0), false
	state, err := a.store.Change(ctx, func(tx *control.Tx) error {
		revision, changes = tx.Revision(), false
		for _, held := range admitted.Holds {
			if err := a.notRevoked(tx.State, held); err != nil {
				return err
			}
			if !holds(tx.State, admitted.ID, held) {
				tx.PutGrant(control.Grant{Proxy: admitted.ID, Identity: held})
				changes = true
			}
		}
		if !admitted.Replaces || tx.State.Voids(admitted.ID, admitted.Revision) { // it has happened
			return nil
		}
		if err := roomToRevoke(tx.State, a.now()); err != nil {
			return err
		}
		changes = true
		tx.Replace(admitted.ID, admitted.Certificate.Serial, admitted.By, fmt.Sprintf("%s joined anew", admitted.ID.Short(a.domain)))
		return nil
	})
	if err != nil {
		return 0, err
	}
	if _, dead := state.Dead(admitted.Certificate.Serial); dead { // by another that came in the same moment
		return 0, fault.New(control.TokenVoid, "this token counts no longer: another was used for %s meanwhile", admitted.ID.Short(a.domain)).
			WithHint("have an operator make another one: signet token new %s --again", admitted.ID.Path())
	}
	if !changes {
		return 0, nil
	}
	outcome := audit.Outcome{Of: admitted.Act, By: admitted.By, Revision: revision}
	if w, ok := state.Withdrawals[revision]; ok {
		replaced = len(w.Serials)
		outcome.Event = &api.Event{Time: since, Kind: api.Changed, From: admitted.ID, By: admitted.By, Revision: revision,
			Code: string(api.CertificateWithdrawn), Reason: admitted.ID.Short(a.domain) + " joined anew; its earlier certificates are dead"}
	}
	if _, err := a.append(ctx, audit.Entry{Kind: audit.Came, Time: a.now(), Outcome: &outcome}); err != nil {
		return replaced, err
	}
	if outcome.Event != nil {
		a.record(*outcome.Event)
	}
	return replaced, nil
}

// actOf returns the entry of the audit log that asked for what a request does.
func actOf(r *http.Request) int64 {
	if current, ok := r.Context().Value(actKey{}).(*act); ok {
		return current.entry
	}
	return 0
}

// notLast refuses to revoke the last operator that has a certificate that counts.
func (a *Authority) notLast(ctx context.Context, state *control.State, who control.Identity) error {
	if who.Kind != control.Operator {
		return nil
	}
	for id, other := range state.Identities {
		if other.Kind != control.Operator || id == who.ID || a.notRevoked(state, id) != nil {
			continue
		}
		certificates, err := a.store.Certificates(ctx, id)
		if err != nil {
			return err
		}
		for _, c := range certificates {
			if _, dead := state.Dead(c.Serial); !dead {
				return nil
			}
		}
	}
	return fault.New(LastOperator, "%s is the last operator: nobody could ask the authority for anything", who.ID.Short(a.domain)).
		WithHint("signet token new operator/NAME      # first, so that another one joins\nsignet revoke %s --yes --anyway      # then only the authority's own host makes another", who.ID.Short(a.domain))
}

// MakeOperator makes somebody an operator, and their certificate, for those who hold the
// authority's own folder. It is on record as the authority's own act.
func (a *Authority) MakeOperator(ctx context.Context, id spiffeid.ID, because string) (*pki.Credential, int64, error) {
	if id.TrustDomain() != a.domain || kindOf(id.Path()) != control.Operator {
		return nil, 0, fault.New(BadRequest, "%s is not the name of an operator of %s", id.Short(a.domain), a.domain).WithHint("choose a name such as operator/ann")
	}
	if meant := meantKind(id.Path()); meant != "" {
		return nil, 0, fault.New(BadRequest, "%s is not the name of an operator; did you mean %s?", id.Short(a.domain), meant).
			WithHint("choose a name such as operator/ann; a host's proxy joins by a token: signet token new proxy/NAME")
	}
	if err := checkReason(because); err != nil {
		return nil, 0, err
	}
	request, err := json.Marshal(api.RevokeRequest{Who: id.Short(a.domain), Because: because})
	if err != nil {
		return nil, 0, err
	}
	self := a.own.id
	entry, err := a.append(ctx, audit.OfAct(a.now(), self, "operator", request))
	if err != nil {
		return nil, 0, err
	}
	outcome, changes := audit.Outcome{Of: entry, By: self}, false
	state, err := a.store.Change(ctx, func(tx *control.Tx) error {
		if err := a.notRevoked(tx.State, id); err != nil {
			return fault.Wrap(err, api.IdentityRevoked, "%s cannot be made an operator", id.Short(a.domain)).
				WithHint("choose another name; whoever has that can bring this one back: signet restore %s", id.Short(a.domain))
		}
		_, known := tx.State.Identities[id]
		if changes = !known; changes {
			tx.PutIdentity(control.Identity{ID: id, Kind: control.Operator, Created: a.now().UTC()})
		}
		return nil
	})
	if refusal, ok := fault.Of(err); ok {
		outcome.Code = string(refusal.Code)
	}
	if err == nil && changes {
		outcome.Revision = state.Revision
	}
	if _, untold := a.append(ctx, audit.Entry{Kind: audit.Came, Time: a.now(), Outcome: &outcome}); untold != nil && err == nil {
		err = untold
	}
	if err != nil {
		return nil, 0, err
	}
	credential, err := a.Credential(ctx, id)
	a.rememberNow()
	return credential, state.Revision, err
}
