package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Path is a file or folder, and where it was named, such as "proxy.toml:4", with
// which errors about it begin.
type Path struct{ Name, Said string }

// Held is an identity whose certificate and key are in files.
type Held struct {
	ID    spiffeid.ID
	Chain Path
	Key   string // "": the key is with the chain
}

// FilesConfig says where a proxy's identities, roots and rules are.
type FilesConfig struct {
	TrustDomain spiffeid.TrustDomain
	Roots       Path // certificates in PEM
	Policy      Path // a file of Cedar rules, or a folder of *.cedar
	Held        []Held
	Interval    time.Duration    // how often the files are looked at; 0 means identity.DefaultInterval
	Now         func() time.Time // nil means time.Now
	Logger      *slog.Logger     // nil discards
}

// Files take the place of an Agent where there is no authority. They follow their
// files: what is there is put in force when all of it can be, and until then what
// was before stays. They are safe for concurrent use.
type Files struct {
	hurry chan struct{} // has a value when the files are to be looked at
	apply sync.Mutex    // held while something is put in force, so that Views come in their order

	mu       sync.Mutex
	config   FilesConfig                        // guarded by mu
	view     *View                              // guarded by mu
	held     map[spiffeid.ID]*identity.Rotating // guarded by mu
	enforcer Enforcer                           // guarded by mu; nil until Begin
	refused  string                             // guarded by mu; why what is there now is not in force, as it was logged
	roots    string                             // guarded by mu; the bytes of the roots that are in force
	rules    []policy.Rule                      // guarded by mu; those that are in force
}

// OpenFiles reads all of the files. Nothing may be wrong with any.
func OpenFiles(cfg FilesConfig) (*Files, error) {
	f := &Files{hurry: make(chan struct{}, 1)}
	next, err := f.read(cfg)
	if err != nil {
		return nil, err
	}
	f.take(next)
	return f, nil
}

// files are what was read of all files, before it is in force.
type files struct {
	config FilesConfig
	view   *View
	held   map[spiffeid.ID]*identity.Rotating
	roots  string
	rules  []policy.Rule
}

// read reads everything that a configuration names.
func (f *Files) read(cfg FilesConfig) (*files, error) {
	cfg.Interval = cmp.Or(cfg.Interval, identity.DefaultInterval)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	next := &files{config: cfg, held: map[spiffeid.ID]*identity.Rotating{}}
	for _, held := range cfg.Held {
		source, err := openHeld(cfg, held)
		if err != nil {
			return nil, said(held.Chain, err)
		}
		next.held[held.ID] = source
	}
	if err := next.truth(f); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, source := range f.held { // live connections of a port that is gone have it still
		if next.held[id] == nil {
			next.held[id] = source
		}
	}
	return next, nil
}

// openHeld opens an identity and makes sure that it is the one that was named.
func openHeld(cfg FilesConfig, held Held) (*identity.Rotating, error) {
	return identity.Open(identity.Files{Chain: held.Chain.Name, Key: held.Key, ID: held.ID, Purpose: verify.AnyPurpose,
		Interval: cfg.Interval, Now: cfg.Now, Logger: cfg.Logger})
}

// truth reads the roots and the rules. Roots whose bytes are those in force are
// the same Roots.
func (n *files) truth(f *Files) error {
	f.mu.Lock()
	before, bytes, rules := f.view, f.roots, f.rules
	f.mu.Unlock()
	data, err := readWhole(n.config.Roots.Name, verify.RootsUnreadable, "the roots", "name a file of certificates in PEM")
	if err != nil {
		return said(n.config.Roots, err)
	}
	n.roots = string(data)
	view := &View{Revision: 1, Now: n.config.Now}
	if before != nil && n.roots == bytes && before.roots.TrustDomain() == n.config.TrustDomain {
		view.roots = before.roots
	} else if view.roots, err = parseRoots(n.config, data); err != nil {
		return said(n.config.Roots, err)
	}
	if n.rules, view.policy, err = readRules(n.config.Policy.Name, n.config.TrustDomain); err != nil {
		return said(n.config.Policy, err)
	}
	if before != nil {
		view.Revision = before.Revision
		if before.roots != view.roots || !slices.Equal(rules, n.rules) {
			view.Revision++
		}
	}
	n.view = view
	return nil
}

func parseRoots(cfg FilesConfig, data []byte) (verify.Roots, error) {
	anchors, err := pki.ParseCertificates(data)
	if err != nil {
		return verify.Roots{}, fault.Wrap(err, verify.RootsUnreadable, "the roots in %s", cfg.Roots.Name).
			WithHint("name a file of certificates in PEM")
	}
	return verify.ForTrustDomain(cfg.TrustDomain, anchors...)
}

// said puts the place where a path was named in front of an error about it.
func said(path Path, err error) error {
	if ours, ok := fault.Of(err); ok && path.Said != "" {
		return fault.Wrap(err, ours.Code, "%s", path.Said).WithHint("%s", ours.Hint)
	}
	return err
}

// Bounds of the files of rules; a Set has bounds of its own.
const (
	maxRuleFiles = 1000
	maxBytes     = 16 << 20 // of one file
)

// readRules reads a file of rules and groups, or all of a folder's.
func readRules(path string, domain spiffeid.TrustDomain) (rules []policy.Rule, set *policy.Set, err error) {
	names := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if names, err = filepath.Glob(filepath.Join(escape(path), "*.cedar")); err != nil {
			return nil, nil, err
		}
	}
	if len(names) > maxRuleFiles {
		return nil, nil, fault.New(policy.TooLarge, "%s has %d files of rules, the most is %d", path, len(names), maxRuleFiles).
			WithHint("put several rules into one file")
	}
	places := map[string]Path{}
	var groups []policy.Group
	for _, name := range names {
		data, err := readWhole(name, policy.InvalidRule, "the rules", "check the path and its permissions")
		if err != nil {
			return nil, nil, err
		}
		file, err := policy.ParseFile(string(data), domain)
		if err != nil {
			return nil, nil, placed(err, map[string]Path{"": {name, name}})
		}
		for _, rule := range file.Rules {
			line := file.Line(rule.Name)
			if first, twice := places[rule.Name]; twice {
				return nil, nil, fault.New(policy.DuplicateRule, "%s:%d: %s has a rule that is called %s, too", name, line, first.Said, rule.Name).
					WithHint("rename or remove one of them")
			}
			places[rule.Name] = Path{name, fmt.Sprintf("%s:%d", name, line)}
		}
		rules, groups = append(rules, file.Rules...), append(groups, file.Groups...)
	}
	if set, err = policy.New(rules, groups...); err != nil {
		return nil, nil, placed(err, places)
	}
	return rules, set, nil
}

// escape has Glob take a folder's name as it is.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// placed puts the file and line of a rule in front of an error about it.
func placed(err error, places map[string]Path) error {
	ours, ok := fault.Of(err)
	if !ok {
		return err
	}
	at, ok := ours.Detail.(policy.Position)
	if place, known := places[at.Rule]; ok && known {
		return fault.Wrap(err, ours.Code, "%s", place.Said).WithHint("%s", ours.Hint)
	}
	return err
}

// readWhole reads a file that says whom to believe, or what is allowed; what it is, and
// the code and the next step if it cannot be read.
func readWhole(name string, code fault.Code, what, hint string) ([]byte, error) {
	data, err := regular.ReadGuarded(name, maxBytes+1)
	if exposed, is := errors.AsType[*regular.Exposed](err); is {
		return nil, fault.New(TruthExposed, "anybody on this host may write %s: %s", name, exposed).WithHint("chmod o-w %s      # once it has what it should", name)
	}
	if err == nil && len(data) > maxBytes {
		err = errors.New(name + " has more than 16 MiB")
	}
	if err != nil {
		return nil, fault.Wrap(err, code, "%s", what).WithHint("%s", hint)
	}
	return data, nil
}

// take makes what was read the present truth, and returns it if it is to be
// enforced.
func (f *Files) take(next *files) (Enforcer, *View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := f.view == nil || f.view.Revision != next.view.Revision
	f.config, f.view, f.held, f.roots, f.rules, f.refused = next.config, next.view, next.held, next.roots, next.rules, ""
	if !changed {
		return nil, f.view
	}
	return f.enforcer, f.view
}

// Reload reads everything that another configuration names and, if nothing is
// wrong, has with put it in force by calling commit, in one step with what else
// changes. An error of either leaves all as it was.
func (f *Files) Reload(cfg FilesConfig, with func(commit func()) error) error {
	f.apply.Lock()
	defer f.apply.Unlock()
	next, err := f.read(cfg)
	if err != nil {
		return err
	}
	return with(func() { f.enforce(next) })
}

// enforce puts what was read in force. The caller holds apply.
func (f *Files) enforce(next *files) {
	if enforcer, view := f.take(next); enforcer != nil {
		applied := enforcer.Enforce(view)
		next.config.Logger.Info("the rules or roots changed", slog.Int64("revision", view.Revision), slog.Int("rules", len(next.rules)),
			slog.Int("ended", len(applied.Ended)), slog.Int("untouched", applied.Doors+applied.Services))
	}
}

// Begin puts what was read in force.
func (f *Files) Begin(enforcer Enforcer) {
	f.apply.Lock()
	defer f.apply.Unlock()
	f.mu.Lock()
	f.enforcer = enforcer
	view := f.view
	f.mu.Unlock()
	enforcer.Enforce(view)
}

// Run follows the files until ctx ends, for whom Begin has named.
func (f *Files) Run(ctx context.Context, _ Enforcer) {
	for sleep(ctx, shortest) {
		f.wait(ctx, f.interval()-shortest)
		if ctx.Err() != nil {
			return
		}
		f.look()
	}
}

// shortest is how long the files are left alone in any case.
const shortest = 20 * time.Millisecond

// wait waits until Hurry, for some time at most.
func (f *Files) wait(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-f.hurry:
	case <-timer.C:
	}
}

// Hurry has the files looked at once: another proxy that reads the same may have
// seen a change first.
func (f *Files) Hurry() { signal(f.hurry) }

func (f *Files) interval() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config.Interval
}

// look reads the files once more. Roots and rules count together or not at all;
// an identity by itself.
func (f *Files) look() {
	f.apply.Lock()
	defer f.apply.Unlock()
	f.mu.Lock()
	next := &files{config: f.config, held: f.held}
	f.mu.Unlock()
	for _, source := range next.held {
		source.Reload() // it logs what is wrong
	}
	err := next.truth(f)
	if err == nil {
		f.enforce(next)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused != err.Error() {
		f.refused = err.Error()
		f.config.Logger.Error("the new rules or roots cannot be used; those before stay in force", slog.Int64("revision", f.view.Revision), slog.Any("error", err))
	}
}

// Roots returns the trust domain's anchors that are in force.
func (f *Files) Roots() verify.Roots {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view.roots
}

// Rules returns how many rules are in force.
func (f *Files) Rules() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.rules)
}

// Source returns the identity's certificate, whichever is current.
func (f *Files) Source(id spiffeid.ID) identity.Source { return heldSource{f, id} }

type heldSource struct {
	files *Files
	id    spiffeid.ID
}

// Credential implements identity.Source.
func (s heldSource) Credential() (*pki.Credential, error) {
	s.files.mu.Lock()
	source := s.files.held[s.id]
	s.files.mu.Unlock()
	if source == nil {
		return nil, fault.New(CertificatePending, "no file has the identity %s", s.id).WithHint("name it in the configuration, below [[identity]]")
	}
	return source.Credential()
}

// Deadline returns when the identity's current certificate ends. Whoever replaces
// the file renews it.
func (f *Files) Deadline(id spiffeid.ID) (until time.Time, renewing bool) {
	f.mu.Lock()
	source := f.held[id]
	f.mu.Unlock()
	if source == nil {
		return time.Time{}, false
	}
	credential, err := source.Credential()
	if err != nil {
		return time.Time{}, false
	}
	return credential.Leaf().NotAfter(), true
}

// Newest knows of no newer certificate of anybody: that takes an authority.
func (f *Files) Newest(_ context.Context, certs []api.Issued) ([]api.Issued, error) {
	return certs, nil
}

// Report has nobody to tell.
func (f *Files) Report(api.Event) {}

// Addresses are in the configuration, where there is no authority.
func (f *Files) Addresses(spiffeid.ID) []string { return nil }

// Heard is always now: files do not fall silent.
func (f *Files) Heard() time.Time { return time.Now() }
