// Package ca holds the authority's keys and decides what they sign: workload
// certificates of one trust domain, and nothing else.
package ca

import (
	"crypto"
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
	domain       spiffeid.TrustDomain
	root         *pki.Certificate
	rootKey      crypto.Signer // nil where it is kept elsewhere
	intermediate *pki.Credential
	stands       atomic.Bool // the intermediate has been shown to stand above workloads of the domain
}

// New makes a root and an intermediate for the trust domain. The intermediate is
// constrained to its names: whoever got hold of its key could sign for nobody else.
func New(domain spiffeid.TrustDomain, now time.Time) (*CA, error) {
	within, err := pki.ParseSubtree("URI:" + domain.String())
	if err != nil {
		return nil, fault.Wrap(err, DomainUnfit, "certificates cannot be constrained to the trust domain %s", domain).
			WithHint("choose one with the form of a host's name, such as prod.example")
	}
	root, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: domain.String() + " root", Now: now})
	if err != nil {
		return nil, err
	}
	intermediate, err := root.New(pki.Spec{Profile: pki.Intermediate, Name: domain.String() + " authority", Now: now,
		Constraints: &pki.NameConstraints{Permitted: []pki.Subtree{within}}})
	if err != nil {
		return nil, err
	}
	return &CA{domain: domain, root: root.Leaf(), rootKey: root.Key, intermediate: intermediate}, nil
}

// Root returns the trust domain's anchor.
func (c *CA) Root() *pki.Certificate { return c.root }

// Intermediate returns the certificate whose key signs.
func (c *CA) Intermediate() *pki.Certificate { return c.intermediate.Leaf() }

// Plan is a certificate that is going to be signed. Who signs by the same one for
// the same key again gets the same certificate.
type Plan struct {
	ID       spiffeid.ID
	Serial   string    // lower-case hexadecimal
	At       time.Time // as of which it is signed, in whole seconds
	NotAfter time.Time
}

// Plan decides on the next certificate of an identity of the trust domain. The plan
// goes on record before Sign is called, which is the caller's part.
func (c *CA) Plan(id spiffeid.ID, now time.Time) (Plan, error) {
	if id.TrustDomain() != c.domain {
		return Plan{}, c.foreign(id)
	}
	at := now.UTC().Truncate(time.Second)
	end := at.Add(DefaultLifetime)
	if last := c.intermediate.Leaf().NotAfter(); end.After(last) {
		end = last
	}
	return Plan{ID: id, Serial: pki.NewSerial(), At: at, NotAfter: end}, nil
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
	issue := c.intermediate.Issue
	if c.stands.Load() { // what holds for one workload of the domain holds for all
		issue = c.intermediate.IssueAlike
	}
	leaf, err := issue(pki.Spec{Profile: pki.Workload, ID: plan.ID, Serial: plan.Serial,
		Lifetime: plan.NotAfter.Sub(plan.At), Now: plan.At}, public)
	if err != nil {
		return nil, err
	}
	c.stands.Store(true)
	return []*pki.Certificate{leaf, c.intermediate.Leaf()}, nil
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
