package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

type authorityRotateCmd struct {
	What                  string `arg:"" optional:"" enum:"intermediate,root," default:"" name:"WHAT" help:"intermediate or root. Without it: how far a rotation has come, and what is next."`
	Prepare               bool   `help:"Make the next one, and have everybody believe it."`
	Activate              bool   `help:"Have it sign; everybody renews. Refused while somebody does not believe it yet."`
	Retire                bool   `help:"Have the one before believed no more. Refused while somebody still needs it."`
	Anyway                bool   `help:"Leave behind who is not ready: they have to enroll again."`
	AtOnce                bool   `help:"All steps in one, on an authority that is stopped: for one that has expired, or whose key somebody else has. Every host has to enroll again."`
	OfflineRoot           string `placeholder:"FILE" help:"The present root's key, where it was carried away."`
	RootPassphraseFile    string `placeholder:"FILE" help:"The first line of this file is the passphrase of --offline-root."`
	NewRoot               string `placeholder:"FILE" help:"Where the next root's key goes, encrypted, if the present one was carried away: a new file."`
	NewRootPassphraseFile string `placeholder:"FILE" help:"The first line of this file is the passphrase of --new-root."`
	secret
	operate
	terse
}

func (authorityRotateCmd) Help() string {
	return "signet authority rotate\nsignet authority rotate intermediate --prepare\nsignet authority rotate root --prepare --offline-root root.pem --new-root root-2.pem"
}

func (c *authorityRotateCmd) run(ctx context.Context, s *shell) error {
	step, err := c.step()
	if err != nil {
		return err
	}
	if c.AtOnce {
		return c.atOnce(ctx, s)
	}
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var now api.Rotation
	if step == "" {
		if err := authority.get(ctx, api.PathRotate, url.Values{}, &now); err != nil {
			return err
		}
		return s.rotation(now, "")
	}
	request := api.RotateRequest{What: c.What, Step: step, Anyway: c.Anyway}
	if err := authority.post(ctx, api.PathRotate, request, &now); err != nil {
		return err
	}
	if now.Sign != nil {
		if request.Signed, err = c.sign(ctx, s, now); err != nil {
			return err
		}
		if err := authority.post(ctx, api.PathRotate, request, &now); err != nil {
			return err
		}
	}
	done := ""
	if step == api.StepRetire && now.Stage == "" {
		done = "Retired: the " + c.What + " before. Nobody believes it any more."
	}
	return s.rotation(now, done)
}

// step is what is to be done; "" is nothing.
func (c *authorityRotateCmd) step() (string, error) {
	var steps []string
	for name, wanted := range map[string]bool{api.StepPrepare: c.Prepare, api.StepActivate: c.Activate, api.StepRetire: c.Retire, "at-once": c.AtOnce} {
		if wanted {
			steps = append(steps, name)
		}
	}
	switch {
	case len(steps) > 1:
		return "", fault.New(Usage, "one step at a time").WithHint("give --prepare, --activate or --retire; signet authority rotate says which is next")
	case len(steps) == 1 && c.What == "":
		return "", fault.New(Usage, "what is to be rotated is not said").WithHint("signet authority rotate intermediate --%s\nsignet authority rotate root --%s", steps[0], steps[0])
	case len(steps) == 0 && c.What != "":
		return "", fault.New(Usage, "no step is given").WithHint("signet authority rotate      # says which is next\nsignet authority rotate %s --prepare", c.What)
	case len(steps) == 0:
		return "", nil
	}
	return steps[0], nil
}

// sign has the root that was carried away sign what comes next. Its key stays here.
func (c *authorityRotateCmd) sign(ctx context.Context, s *shell, now api.Rotation) (*api.RootSigned, error) {
	if c.OfflineRoot == "" {
		return nil, fault.New(ca.RootElsewhere, "the root's key is needed, and was carried away when this authority was made").WithHint("add --offline-root FILE")
	}
	public, err := x509.ParsePKIXPublicKey(now.Sign)
	if err != nil {
		return nil, garbled(err)
	}
	data, err := s.read(c.OfflineRoot, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	present, err := ca.OpenFile(data, c.OfflineRoot, secret{PassphraseFile: c.RootPassphraseFile}.asker(ctx, s, "the root's key in "+c.OfflineRoot))
	if err != nil {
		return nil, err
	}
	if sum := present.Leaf().Fingerprint(); fmt.Sprintf("%x", sum) != now.Root.Sum {
		return nil, fault.New(ca.KeyLost, "the root in %s is another authority's, or one that was retired", c.OfflineRoot).WithHint("name the file with the present root of %s", now.TrustDomain)
	}
	var next *pki.Credential
	if c.What == ca.TurnRoot {
		if next, err = c.newRoot(ctx, s, now.TrustDomain); err != nil {
			return nil, err
		}
	}
	signed, err := ca.SignNext(now.TrustDomain, present, next, public.(crypto.PublicKey), time.Now())
	return new(api.RootSigned(signed)), err
}

// newRoot makes the next root, whose key is carried away too.
func (c *authorityRotateCmd) newRoot(ctx context.Context, s *shell, domain spiffeid.TrustDomain) (*pki.Credential, error) {
	if c.NewRoot == "" || c.NewRoot == standardOutput {
		return nil, fault.New(Usage, "the present root's key was carried away, and the next one's is to be, too").WithHint("add --new-root FILE, on what you carry away")
	}
	if err := (force{}).mayWrite(s, []string{c.OfflineRoot}, c.NewRoot); err != nil {
		return nil, err
	}
	passphrase, err := secret{PassphraseFile: c.NewRootPassphraseFile}.choose(ctx, s, "the root's key in "+c.NewRoot)
	if err != nil {
		return nil, err
	}
	next, err := ca.NewRoot(domain, time.Now())
	if err != nil {
		return nil, err
	}
	return next, saveRoot(c.NewRoot, next, passphrase)
}

// saveRoot writes a root and its key, encrypted, into a new file.
func saveRoot(path string, root *pki.Credential, passphrase []byte) error {
	block, err := pki.EncryptKey(root.Key, passphrase)
	if err != nil {
		return err
	}
	if err := atomicfile.Create(path, append(root.ChainPEM(), pem.EncodeToMemory(block)...), atomicfile.Private); err != nil {
		return unwritable(err)
	}
	return nil
}

// rotation says how far it has come, and what is next; or that all is done.
func (s *shell) rotation(now api.Rotation, done string) error {
	if s.json {
		return s.printJSON(now)
	}
	v := view{domain: now.TrustDomain, zone: s.zone}
	var p page
	head, next := rotationWords(now)
	if done != "" {
		head, next = done, nil
	}
	p.headline(head, "")
	p.fact("root", "%s", v.authorityCert(now.Root))
	p.fact("signs by", "an intermediate, %s", v.authorityCert(now.Intermediate))
	if now.Stage != "" {
		p.fact("since", "%s", now.Since.In(s.zone).Format(momentForm))
	}
	if c := now.Change; c != nil {
		p.fact("in force", "%d of %s", c.InForce, count(c.Proxies, "proxy", "proxies"))
	}
	for i, behind := range now.Behind {
		if i == maxBehind {
			p.fact("", "and %d more", len(now.Behind)-maxBehind)
			break
		}
		label := map[bool]string{true: "not yet"}[i == 0]
		name := v.id(behind.ID)
		if !behind.Holder.IsZero() && behind.Holder != behind.ID {
			name += " at " + v.id(behind.Holder)
		}
		p.fact(label, "%s; over by itself on %s", name, behind.Until.In(s.zone).Format(momentForm))
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	s.steps("next", next...)
	return nil
}

// maxBehind bounds who is listed.
const maxBehind = 20

func (v view) authorityCert(cert api.AuthorityCert) string {
	return fmt.Sprintf("good until %s (%s); SHA-256 %s", cert.NotAfter.In(v.zone).Format(dayForm), verify.Span(time.Until(cert.NotAfter)), cert.Sum)
}

func rotationWords(now api.Rotation) (head string, next []string) {
	away := ""
	if now.RootAway {
		away = " --offline-root FILE"
	}
	switch waiting := len(now.Behind) > 0; {
	case now.Stage == "":
		return "Nothing is being rotated.", []string{"signet authority rotate intermediate --prepare" + away, "signet authority rotate root --prepare" + away + strings.Replace(away, "offline", "new", 1)}
	case now.Stage == ca.Prepared && waiting:
		return "Prepared: the next " + now.Turning + ". Not everybody believes it yet.", []string{"signet authority rotate      # again, until nobody is behind"}
	case now.Stage == ca.Prepared:
		return "Prepared: the next " + now.Turning + ". It can sign.", []string{"signet authority rotate " + now.Turning + " --activate"}
	case waiting:
		return "Active: the next " + now.Turning + " signs. Not everybody has renewed yet.", []string{"signet authority rotate      # again, until nobody is behind"}
	}
	return "Active: the next " + now.Turning + " signs, and nobody needs the one before.", []string{"signet authority rotate " + now.Turning + " --retire"}
}

// atOnce replaces root or intermediate in a folder whose authority is stopped. What was
// issued before is of no use from then on.
func (c *authorityRotateCmd) atOnce(ctx context.Context, s *shell) error {
	home, err := s.folder()
	if err != nil {
		return err
	}
	p := plane{planeConfig: planeConfig{dir: home.dir, domain: home.domain, logger: slog.New(slog.DiscardHandler)}}
	if err := p.open(ctx); err != nil {
		return err
	}
	defer p.close()
	if !p.founded() {
		return fault.New(DataUnreadable, "%s is empty: no authority was made there", home.dir).WithHint("signet authority init %s", home.domain)
	}
	stored := ca.Stored(p.store.State().CA)
	if p.ca, err = ca.Load(filepath.Join(p.dir, caFolder), p.domain, stored, c.orCredential().asker(ctx, s, "the authority's keys")); err != nil {
		return err
	}
	var root *pki.Credential // the one that signs, where it is not in the folder
	switch {
	case !stored.RootElsewhere:
	case c.What == ca.TurnRoot:
		root, err = c.newRoot(ctx, s, p.domain)
	default:
		root, err = openOfflineRoot(ctx, s, c.OfflineRoot, c.RootPassphraseFile, stored)
	}
	if err != nil {
		return err
	}
	if err := p.replace(ctx, c.What, root); err != nil {
		return err
	}
	return c.replaced(s, &p)
}

// replace has a new root or intermediate on record, and in the audit log.
func (s *plane) replace(ctx context.Context, what string, root *pki.Credential) error {
	now, me := time.Now(), s.id(operatorPath())
	request, err := json.Marshal(api.RotateRequest{What: what, Step: "at-once"})
	if err != nil {
		return err
	}
	act, err := s.log.Append(ctx, audit.OfAct(now, me, "rotate", request))
	if err != nil {
		return err
	}
	next, err := s.ca.Replace(what, root, now)
	if err != nil {
		return err
	}
	state, err := s.store.Change(ctx, func(tx *control.Tx) error {
		tx.SetCA(control.CA(next))
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.log.Append(ctx, audit.Entry{Kind: audit.Came, Time: now, Outcome: &audit.Outcome{Of: act, By: me, Revision: state.Revision}}); err != nil {
		return err
	}
	if err := s.ca.Adopt(next); err != nil {
		return err
	}
	if err := s.ca.Tidy(); err != nil {
		return err
	}
	return s.writeRoots()
}

// replaced says what has to be done everywhere now.
func (c *authorityRotateCmd) replaced(s *shell, p *plane) error {
	state := p.store.State()
	if s.json {
		return s.printJSON(api.Rotation{TrustDomain: p.domain, Root: certOf(p.ca.Root()), Intermediate: certOf(p.ca.Intermediate()),
			RootAway: state.CA.RootElsewhere, Behind: []api.Behind{}, Change: &api.Change{TrustDomain: p.domain, Revision: state.Revision}})
	}
	v := view{domain: p.domain, zone: s.zone}
	var out page
	out.headline("Replaced: the "+c.What+" of "+p.domain.String()+". Nothing that was issued before is good any more.", "")
	out.fact("root", "%s", v.authorityCert(certOf(p.ca.Root())))
	out.fact("signs by", "an intermediate, %s", v.authorityCert(certOf(p.ca.Intermediate())))
	hosts := 0
	for id, known := range state.Identities {
		if _, revoked := state.Revocations[id]; !revoked && known.Kind == control.Proxy {
			hosts++
		}
	}
	out.fact("hosts", "%s to enroll again, each in its own folder; rules and identities are as they were", count(hosts, "proxy has", "proxies have"))
	if err := s.print(out.String()); err != nil {
		return err
	}
	s.steps("next", "signet authority serve"+c.words(), "signet token new WHO --again | signet enroll --data DIR      # for every proxy, service and operator")
	return nil
}

func certOf(cert *pki.Certificate) api.AuthorityCert {
	return api.AuthorityCert{Sum: fmt.Sprintf("%x", cert.Fingerprint()), NotAfter: cert.NotAfter()}
}
