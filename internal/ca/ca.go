// Package ca holds the authority's keys and decides what they sign: workload
// certificates of one trust domain, and nothing else.
package ca

import (
	"crypto"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Codes of this package.
const (
	KeyLost      fault.Code = "ca_key_lost"
	ForeignID    fault.Code = "foreign_id"
	KeyFileFault fault.Code = "ca_key_unreadable"
	KeyExposed   fault.Code = "ca_key_exposed"
	DomainUnfit  fault.Code = "trust_domain_unfit"

	EpochUnproved  fault.Code = "epoch_unproved"
	KeyPlain       fault.Code = "ca_key_plain"
	BackupUnsigned fault.Code = "backup_unsigned"

	IssuerRetired fault.Code = "issuer_retired"
	RootElsewhere fault.Code = "root_elsewhere"
	RootUnproved  fault.Code = "root_unproved"
	RotationOrder fault.Code = "rotation_order"
	AuthorityOver fault.Code = "ca_expired"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: KeyLost, Meaning: "The trust domain has an authority, but its key is not in the data folder.",
			Cause: "The files under ca/ were removed, or belong to another trust domain's authority.",
			Next:  "Bring the ca/ folder back from a backup, or start a demonstration over with signet up --fresh."},
		{Code: KeyFileFault, Meaning: "A file with the authority's key could not be read or written.",
			Cause: "Missing permissions, a full disk, or a damaged file.",
			Next:  "Look at the cause in the message and at the ca/ folder."},
		{Code: KeyExposed, Meaning: "A file with the authority's key may be read or written by others than its owner.",
			Cause: "Its permissions were changed, or it was copied without them. Who has read it can sign for everybody.",
			Next:  "chmod 600 the files that the message names; where somebody else may have read them, trust this authority no more: make a new one."},
		{Code: DomainUnfit, Meaning: "An authority's certificate cannot be constrained to this trust domain.",
			Cause: "Constraints name hosts (RFC 5280, section 4.2.1.10), and the trust domain has no form of a host's name: it is a number or an address, for example.",
			Next:  "Choose a trust domain with the form of a host's name, such as prod.example."},
		{Code: EpochUnproved, Meaning: "The authority's history began anew, and no root of the trust domain vouches for that.",
			Cause: "A data folder was put back without authority restore; or somebody else answers in the authority's place.",
			Next:  "Restore the authority by signet authority restore, which has the root sign the new epoch."},
		{Code: KeyPlain, Meaning: "An authority's key is not encrypted, so that no backup of it is made.",
			Cause: "signet up made it: for a look on one machine it asks for no passphrase.",
			Next:  "Make an authority with signet authority init, which encrypts its keys."},
		{Code: BackupUnsigned, Meaning: "A backup is not as the authority signed it.",
			Cause: "Somebody changed the file, digest included, or put together parts of several.",
			Next:  "Use another copy, and find out who could write to this one."},
		{Code: IssuerRetired, Meaning: "The intermediate that vouches for a certificate is not trusted any more.",
			Cause: "A rotation retired it. Whoever was away since before the activation has a certificate by it.",
			Next:  "signet token new WHO --again | signet enroll"},
		{Code: RootElsewhere, Meaning: "The root's key is needed, and is not in the data folder.",
			Cause: "It was carried away when the authority was made.",
			Next:  "Bring it, and name its file: --offline-root FILE."},
		{Code: RootUnproved, Meaning: "The authority names a root that no root believed here vouches for.",
			Cause: "The host was away for a whole rotation; or somebody has the authority without its root.",
			Next:  "Ask an operator whether the root was changed; if so, enroll the host again: signet token new WHO --again | signet enroll"},
		{Code: RotationOrder, Meaning: "This step of a rotation is not the next one.",
			Cause: "A step was left out or done already, or the other rotation is under way.",
			Next:  "signet authority rotate says what the next step is."},
		{Code: AuthorityOver, Meaning: "The authority's root or intermediate has expired.",
			Cause: "Nobody rotated it in time.",
			Next:  "signet authority rotate root --at-once, or intermediate; then every host enrolls again."},
		{Code: ForeignID, Meaning: "An identity of another trust domain was asked for.",
			Cause: "An authority signs for its own trust domain only.",
			Next:  "Ask the authority of that trust domain."},
	}
}

// DefaultLifetime is how long a workload's certificate lives. Revocation is
// pushed, so it need not be shorter.
const DefaultLifetime = 24 * time.Hour

// CA signs workload certificates of one trust domain. It is safe for concurrent
// use.
type CA struct {
	domain spiffeid.TrustDomain
	folder string // where the keys are kept; "": nowhere
	secret []byte // that they are encrypted by; nil: they are not

	stands atomic.Pointer[pki.Credential] // the intermediate that has been shown to stand above workloads of the domain

	mu sync.RWMutex
	keys
}

// keys are those that are in force, and those of a rotation. The CA's mu guards them.
type keys struct {
	stored       Stored
	root         *pki.Certificate
	rootKey      crypto.Signer // nil where it is kept elsewhere
	intermediate *pki.Credential
	other        *pki.Credential   // the intermediate that a rotation has prepared, or has left behind; nil: none
	made         []*pki.Credential // in this process, and in force or not
	awaiting     crypto.Signer     // the next intermediate's key, whose certificate a root elsewhere is to sign; nil: none
}

// New makes a root and an intermediate for the trust domain.
func New(domain spiffeid.TrustDomain, now time.Time) (*CA, error) {
	within, err := constraints(domain)
	if err != nil {
		return nil, err
	}
	root, err := NewRoot(domain, now)
	if err != nil {
		return nil, err
	}
	intermediate, err := root.New(intermediateSpec(domain, within, now))
	if err != nil {
		return nil, err
	}
	return &CA{domain: domain, keys: keys{root: root.Leaf(), rootKey: root.Key, intermediate: intermediate,
		stored: Stored{Root: string(root.Leaf().PEM()), Intermediate: string(intermediate.Leaf().PEM())}}}, nil
}

// NewRoot makes a root and its key.
func NewRoot(domain spiffeid.TrustDomain, now time.Time) (*pki.Credential, error) {
	return pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: domain.String() + " root", Now: now})
}

// intermediateSpec is constrained to the trust domain's names: whoever got hold of
// the key could sign for nobody else.
func intermediateSpec(domain spiffeid.TrustDomain, within *pki.NameConstraints, now time.Time) pki.Spec {
	return pki.Spec{Profile: pki.Intermediate, Name: domain.String() + " authority", Now: now, Constraints: within}
}

func constraints(domain spiffeid.TrustDomain) (*pki.NameConstraints, error) {
	within, err := pki.ParseSubtree("URI:" + domain.String())
	if err != nil {
		return nil, fault.Wrap(err, DomainUnfit, "certificates cannot be constrained to the trust domain %s", domain).
			WithHint("choose one with the form of a host's name, such as prod.example")
	}
	return &pki.NameConstraints{Permitted: []pki.Subtree{within}}, nil
}

// Root returns the trust domain's anchor, under which is signed.
func (c *CA) Root() *pki.Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.root
}

// Intermediate returns the certificate whose key signs.
func (c *CA) Intermediate() *pki.Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.intermediate.Leaf()
}

// Plan is a certificate that is going to be signed. Who signs by the same one for
// the same key again gets the same certificate.
type Plan struct {
	ID         spiffeid.ID
	Serial     string    // lower-case hexadecimal
	At         time.Time // as of which it is signed, in whole seconds
	NotAfter   time.Time
	Issuer     string // the serial number of the intermediate that is to sign; "": the one before there was a rotation
	Generation int64  // of whom to believe, when it was planned
}

// Plan decides on the next certificate of an identity of the trust domain. The plan
// goes on record before Sign is called, which is the caller's part.
func (c *CA) Plan(id spiffeid.ID, now time.Time) (Plan, error) {
	if id.TrustDomain() != c.domain {
		return Plan{}, c.foreign(id)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	at := now.UTC().Truncate(time.Second)
	end := at.Add(DefaultLifetime)
	if last := c.intermediate.Leaf().NotAfter(); end.After(last) {
		end = last
	}
	return Plan{ID: id, Serial: pki.NewSerial(), At: at, NotAfter: end, Issuer: c.intermediate.Leaf().Serial(), Generation: c.stored.Generation}, nil
}

func (c *CA) foreign(id spiffeid.ID) error {
	return fault.New(ForeignID, "%s is not an identity of %s", id, c.domain).
		WithHint("ask the authority of %s", id.TrustDomain())
}

// Sign signs what was planned, and returns the chain to send with it, leaf first and
// without the root.
func (c *CA) Sign(plan Plan, public crypto.PublicKey) ([]*pki.Certificate, error) {
	if plan.ID.TrustDomain() != c.domain {
		return nil, c.foreign(plan.ID)
	}
	issuer, err := c.issuer(plan.Issuer)
	if err != nil {
		return nil, err
	}
	issue := issuer.Issue
	if c.stands.Load() == issuer { // what holds for one workload of the domain holds for all
		issue = issuer.IssueAlike
	}
	leaf, err := issue(pki.Spec{Profile: pki.Workload, ID: plan.ID, Serial: plan.Serial,
		Lifetime: plan.NotAfter.Sub(plan.At), Now: plan.At}, public)
	if err != nil {
		return nil, err
	}
	c.stands.Store(issuer)
	return []*pki.Certificate{leaf, issuer.Leaf()}, nil
}

// issuer returns the intermediate with a serial number.
func (c *CA) issuer(serial string) (*pki.Credential, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, known := range []*pki.Credential{c.intermediate, c.other} {
		if known != nil && known.Leaf().Serial() == serial {
			return known, nil
		}
	}
	if serial == "" && c.other == nil {
		return c.intermediate, nil
	}
	return nil, fault.New(IssuerRetired, "the intermediate that was to sign is retired").
		WithHint("have an operator make another token, and enroll with that")
}

// Issue plans a certificate and signs it at once. What it signs is on nobody's
// record: it is for the authority's own certificate, which no one else can hold.
func (c *CA) Issue(id spiffeid.ID, public crypto.PublicKey, now time.Time) ([]*pki.Certificate, error) {
	plan, err := c.Plan(id, now)
	if err != nil {
		return nil, err
	}
	return c.Sign(plan, public)
}
