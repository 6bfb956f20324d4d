package authority

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
)

// rotation says how far a rotation has come, and who is behind.
func (a *Authority) rotation(r *http.Request) (any, error) { return a.rotated(r.Context()) }

func (a *Authority) rotated(ctx context.Context) (out api.Rotation, err error) {
	stored := a.ca.Stored()
	out = api.Rotation{TrustDomain: a.domain, Turning: stored.Turning, Stage: stored.Stage, Since: stored.Since, RootAway: stored.RootElsewhere,
		Root: certOf(a.ca.Root()), Intermediate: certOf(a.ca.Intermediate()), Behind: []api.Behind{}}
	if stored.Stage == "" {
		return out, nil
	}
	behind, err := a.store.Behind(ctx, stored.Needed)
	for _, c := range behind {
		out.Behind = append(out.Behind, api.Behind{ID: c.ID, Holder: c.Holder, Until: c.NotAfter})
	}
	return out, err
}

func certOf(cert *pki.Certificate) api.AuthorityCert {
	sum := cert.Fingerprint()
	return api.AuthorityCert{Sum: hex.EncodeToString(sum[:]), NotAfter: cert.NotAfter()}
}

// rotate does one step.
func (a *Authority) rotate(r *http.Request) (any, error) {
	var request api.RotateRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	a.rotating.Lock()
	defer a.rotating.Unlock()
	since := a.now()
	next, err := a.step(r.Context(), request)
	if errors.Is(err, ca.RootElsewhere) {
		return a.toSign(r.Context(), request.What)
	}
	if err != nil {
		return nil, err
	}
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		tx.SetCA(control.CA(next))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := a.adopt(next); err != nil {
		return nil, err
	}
	made, err := a.finish(r, api.Change{TrustDomain: a.domain, Revision: state.Revision}, api.Event{Reason: "the " + request.What + " was rotated: " + request.Step}, since)
	if err != nil {
		return nil, err
	}
	out, err := a.rotated(r.Context())
	if change, ok := made.(api.Change); ok {
		out.Change = &change
	}
	return out, err
}

// step returns what goes on record.
func (a *Authority) step(ctx context.Context, request api.RotateRequest) (next ca.Stored, err error) {
	now, stored := a.now(), a.ca.Stored()
	if request.Step != api.StepPrepare && stored.Turning != request.What {
		return next, fault.New(ca.RotationOrder, "no rotation of the %s is under way", fault.Printable(request.What, 20)).
			WithHint("signet authority rotate      # says what is the next step")
	}
	switch request.Step {
	case api.StepPrepare:
		if request.Signed != nil {
			return a.ca.Accept(request.What, ca.Signed(*request.Signed), now)
		}
		return a.ca.Prepare(request.What, now)
	case api.StepActivate:
		if next, err = stored.Activate(now); err != nil {
			return next, err
		}
		return next, a.nobodyBehind(ctx, stored, request.Anyway)
	case api.StepRetire:
		if next, err = stored.Retire(now); err != nil {
			return next, err
		}
		return next, a.nobodyBehind(ctx, stored, request.Anyway)
	}
	return next, fault.New(BadRequest, "there is no step %s", fault.Printable(request.Step, 20)).WithHint(askerHint)
}

// nobodyBehind refuses a step that would leave somebody behind.
func (a *Authority) nobodyBehind(ctx context.Context, stored ca.Stored, anyway bool) error {
	if anyway {
		return nil
	}
	behind, err := a.store.Behind(ctx, stored.Needed)
	if err != nil || len(behind) == 0 {
		return err
	}
	var names []string
	var last time.Time
	inFiles, state := "", a.store.State() // the first whose certificate no process renews
	for _, c := range behind {
		name := c.ID.Short(a.domain)
		if !c.Holder.IsZero() && c.Holder != c.ID {
			name += " at " + c.Holder.Short(a.domain)
		} else if inFiles == "" && state.Identities[c.ID].Kind != control.Proxy {
			inFiles = name
		}
		names = append(names, name)
		if c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	lacks := "believes the next root yet"
	if stored.Stage == ca.Activated {
		lacks = "has a certificate by the new intermediate yet"
	}
	steps := fmt.Sprintf("bring them back, each does the rest by itself; or wait until %s, when what they have is over and they have to enroll again anyhow", strings.TrimPrefix(last.UTC().Format("2 Jan 15:04 MST"), "0"))
	if inFiles != "" {
		steps = fmt.Sprintf("signet token new %s --again      # whose certificate lies in files: on its host, signet enroll in its folder, with this\n", inFiles) + steps
	}
	return fault.New(RotationWaits, "not everybody %s: %s", lacks, list(names)).WithHint("%s\nadd --anyway      # leaves them behind now: they have to enroll again", steps)
}

// toSign asks for what only a root that is kept elsewhere can sign.
func (a *Authority) toSign(ctx context.Context, what string) (any, error) {
	public, err := a.ca.Await(what)
	if err != nil {
		return nil, err
	}
	out, err := a.rotated(ctx)
	if err != nil {
		return nil, err
	}
	out.Sign, err = x509.MarshalPKIXPublicKey(public)
	return out, err
}

// adopt puts in force what is on record.
func (a *Authority) adopt(stored ca.Stored) error {
	if err := a.ca.Adopt(stored); err != nil {
		return err
	}
	server, err := a.newServer()
	if err != nil {
		return err
	}
	a.own.renewNow()
	a.signer.renewNow()
	if a.listener != nil {
		if err := a.listener.Replace(server); err != nil {
			return err
		}
	}
	if err := a.ca.Tidy(); err != nil { // keys of nothing: the next step does it
		a.logger.Warn("a key that is not needed any more is left in the folder", slog.Any("error", err))
	}
	a.onTrust()
	return nil
}
