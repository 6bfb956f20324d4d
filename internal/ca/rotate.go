package ca

import (
	"bytes"
	"crypto"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Signed is what a root that is kept elsewhere has signed, in DER.
type Signed struct {
	Intermediate []byte
	Root         []byte // the next root, if that is rotated
	Endorsement  []byte // of the next root, by the present one
}

// Prepare makes what a rotation turns to, keeps its keys, and returns what has to go
// on record. Where the root's key is elsewhere it fails with RootElsewhere: what is
// signed there goes to Accept.
func (c *CA) Prepare(what string, now time.Time) (Stored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stored.mayPrepare(what); err != nil {
		return Stored{}, err
	}
	if c.rootKey == nil {
		return Stored{}, fault.New(RootElsewhere, "the root's key is needed, and was carried away").WithHint("add --offline-root FILE")
	}
	within, err := constraints(c.domain)
	if err != nil {
		return Stored{}, err
	}
	present := &pki.Credential{Chain: []*pki.Certificate{c.root}, Key: c.rootKey}
	root, endorsement := present, []byte(nil)
	if what == TurnRoot {
		if root, err = NewRoot(c.domain, now); err != nil {
			return Stored{}, err
		}
		if endorsement, err = Endorse(present, root.Leaf()); err != nil {
			return Stored{}, err
		}
		if err := c.keep(fileOf(rootName, root.Leaf()), root); err != nil {
			return Stored{}, err
		}
		c.made = append(c.made, root)
	}
	intermediate, err := root.New(intermediateSpec(c.domain, within, now))
	if err != nil {
		return Stored{}, err
	}
	return c.prepared(what, root.Leaf(), intermediate, endorsement, now)
}

// prepared keeps the next intermediate; the caller holds mu.
func (c *CA) prepared(what string, root *pki.Certificate, intermediate *pki.Credential, endorsement []byte, now time.Time) (Stored, error) {
	if err := c.keep(fileOf(intermediateName, intermediate.Leaf()), intermediate); err != nil {
		return Stored{}, err
	}
	c.made = append(c.made, intermediate)
	next := c.stored
	next.Turning, next.Stage, next.Since = what, Prepared, now.UTC()
	next.OtherIntermediate = string(intermediate.Leaf().PEM())
	if what == TurnRoot {
		next.OtherRoot, next.OtherElsewhere = string(root.PEM()), c.stored.RootElsewhere
		next.Endorsements = append(slices.Clone(next.Endorsements), endorsement)
		next.Generation++ // there is a root to believe
	}
	next.Needed = next.Generation
	return next, nil
}

// Await returns the public key of the next intermediate, for a root elsewhere to sign.
func (c *CA) Await(what string) (crypto.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stored.mayPrepare(what); err != nil {
		return nil, err
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	c.awaiting = key
	return key.Public(), nil
}

// Accept is Prepare with what a root elsewhere has signed for the key of Await.
func (c *CA) Accept(what string, signed Signed, now time.Time) (Stored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stored.mayPrepare(what); err != nil {
		return Stored{}, err
	}
	root := c.root
	if what == TurnRoot {
		endorsed, err := pki.ParseCertificate(signed.Root)
		if err == nil && !believed(endorsed, Endorsed([][]byte{signed.Endorsement}, []*pki.Certificate{c.root})) {
			err = fault.New(RootUnproved, "the next root is not vouched for by the present one").WithHint("sign it with the present root's key")
		}
		if err != nil {
			return Stored{}, err
		}
		root = endorsed
	}
	leaf, err := pki.ParseCertificate(signed.Intermediate)
	if err == nil {
		err = leaf.CheckSignatureBy(root.PublicKey())
	}
	if err != nil {
		return Stored{}, err
	}
	if c.awaiting == nil {
		return Stored{}, wrongStep("the authority awaits no certificate")
	}
	intermediate, err := pki.NewCredential([]*pki.Certificate{leaf}, c.awaiting)
	if err != nil {
		return Stored{}, err
	}
	return c.prepared(what, root, intermediate, signed.Endorsement, now)
}

// SignNext has a root's key, which is kept elsewhere, sign the next intermediate for a
// public key of Await. Next is the next root, nil unless that is rotated.
func SignNext(domain spiffeid.TrustDomain, present, next *pki.Credential, public crypto.PublicKey, now time.Time) (signed Signed, err error) {
	within, err := constraints(domain)
	if err != nil {
		return signed, err
	}
	signer := present
	if next != nil {
		signer, signed.Root = next, next.Leaf().Raw()
		if signed.Endorsement, err = Endorse(present, next.Leaf()); err != nil {
			return signed, err
		}
	}
	intermediate, err := signer.Issue(intermediateSpec(domain, within, now), public)
	if err == nil {
		signed.Intermediate = intermediate.Raw()
	}
	return signed, err
}

// Activate has what is prepared sign from now on.
func (s Stored) Activate(now time.Time) (Stored, error) {
	if s.Stage != Prepared {
		return s, wrongStep("nothing is prepared")
	}
	s.Stage, s.Since = Activated, now.UTC()
	s.Intermediate, s.OtherIntermediate = s.OtherIntermediate, s.Intermediate
	if s.Turning == TurnRoot {
		s.Root, s.OtherRoot = s.OtherRoot, s.Root
		s.RootElsewhere, s.OtherElsewhere = s.OtherElsewhere, s.RootElsewhere
	}
	s.Generation++ // everybody gets a certificate by the next intermediate
	s.Needed = s.Generation
	return s, nil
}

// Retire has what came before believed no more.
func (s Stored) Retire(now time.Time) (Stored, error) {
	if s.Stage != Activated {
		return s, wrongStep("nothing new is active, behind which something could be retired")
	}
	before, err := pki.ParseCertificates([]byte(s.OtherIntermediate))
	if err != nil {
		return s, err
	}
	s.Retired = maps.Clone(s.Retired)
	if s.Retired == nil {
		s.Retired = map[string]time.Time{}
	}
	maps.DeleteFunc(s.Retired, func(_ string, until time.Time) bool { return now.After(until) })
	s.Retired[before[0].Serial()] = before[0].NotAfter()
	s.Turning, s.Stage, s.Since = "", "", now.UTC()
	s.OtherRoot, s.OtherIntermediate, s.OtherElsewhere = "", "", false
	s.Generation++ // there is a root less to believe
	return s, nil
}

func (s Stored) mayPrepare(what string) error {
	switch {
	case what != TurnIntermediate && what != TurnRoot:
		return wrongStep("there is no " + fault.Printable(what, 20) + " to rotate")
	case s.Stage != "":
		return wrongStep("a rotation of the " + s.Turning + " is under way: it is " + s.Stage)
	}
	return nil
}

func wrongStep(why string) error {
	return fault.New(RotationOrder, "this is not the next step: %s", why).WithHint("signet authority rotate      # says what is")
}

// endorseBegin parts an endorsement from all else that a root signs.
const endorseBegin = "signet-root/v1\n"

// endorsement is a root's word for another one, both in DER.
type endorsement struct {
	Root      []byte `json:"root"`
	By        []byte `json:"by"`
	Signature []byte `json:"signature"`
}

// maxEndorsements bounds those that are looked at.
const maxEndorsements = 100

// Endorse returns one root's word for another.
func Endorse(root *pki.Credential, other *pki.Certificate) ([]byte, error) {
	signature, err := pki.SignFile(root.Key, bytes.NewReader(append([]byte(endorseBegin), other.Raw()...)))
	if err != nil {
		return nil, err
	}
	return json.Marshal(endorsement{other.Raw(), root.Leaf().Raw(), signature})
}

// Endorsers returns the roots, in DER, whose words these are. They prove nothing.
func Endorsers(endorsements [][]byte) (ders [][]byte) {
	for _, text := range endorsements[:min(len(endorsements), maxEndorsements)] {
		var e endorsement
		if json.Unmarshal(text, &e) == nil {
			ders = append(ders, e.By)
		}
	}
	return ders
}

// Endorsed returns the roots for which those that are believed vouch, directly or by
// others, and those that are believed.
func Endorsed(endorsements [][]byte, roots []*pki.Certificate) []*pki.Certificate {
	roots = slices.Clone(roots)
	for _, text := range endorsements[:min(len(endorsements), maxEndorsements)] { // oldest first
		var e endorsement
		if json.Unmarshal(text, &e) != nil {
			continue
		}
		root, err := pki.ParseCertificate(e.Root)
		at := slices.IndexFunc(roots, func(known *pki.Certificate) bool { return bytes.Equal(known.Raw(), e.By) })
		if err != nil || at < 0 || !root.IsAuthority() || believed(root, roots) {
			continue
		}
		if pki.VerifyFile(roots[at].PublicKey(), bytes.NewReader(append([]byte(endorseBegin), e.Root...)), e.Signature) == nil {
			roots = append(roots, root)
		}
	}
	return roots
}

func believed(root *pki.Certificate, roots []*pki.Certificate) bool {
	return slices.ContainsFunc(roots, root.Equal)
}

// Believe returns the roots that are named, in DER, if those that are believed so far
// vouch for each of them.
func Believe(named, endorsements [][]byte, sofar []*pki.Certificate) ([]*pki.Certificate, error) {
	known := Endorsed(endorsements, sofar)
	var roots []*pki.Certificate
	for _, der := range named {
		at := slices.IndexFunc(known, func(root *pki.Certificate) bool { return bytes.Equal(root.Raw(), der) })
		if at < 0 {
			return nil, fault.New(RootUnproved, "the authority names a root that no root believed here vouches for").
				WithHint("ask an operator whether the root was changed; if so: signet token new WHO --again | signet enroll")
		}
		roots = append(roots, known[at])
	}
	return roots, nil
}

// Replace makes a new root and intermediate, or a new intermediate, that have nothing
// to do with those before: nobody vouches for them, and what was issued before is of
// no use. Root is the key that signs, where that is kept elsewhere: the next root's,
// or the present one's; else nil.
func (c *CA) Replace(what string, root *pki.Credential, now time.Time) (next Stored, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	within, err := constraints(c.domain)
	if err != nil {
		return next, err
	}
	switch {
	case root != nil:
	case what == TurnRoot:
		if root, err = NewRoot(c.domain, now); err != nil {
			return next, err
		}
		if err := c.keep(fileOf(rootName, root.Leaf()), root); err != nil {
			return next, err
		}
		c.made = append(c.made, root)
	default:
		root = &pki.Credential{Chain: []*pki.Certificate{c.root}, Key: c.rootKey}
	}
	intermediate, err := root.New(intermediateSpec(c.domain, within, now))
	if err != nil {
		return next, err
	}
	if err := c.keep(fileOf(intermediateName, intermediate.Leaf()), intermediate); err != nil {
		return next, err
	}
	c.made = append(c.made, intermediate)
	next = Stored{Root: string(root.Leaf().PEM()), Intermediate: string(intermediate.Leaf().PEM()), RootElsewhere: c.stored.RootElsewhere,
		Generation: c.stored.Generation + 1, Needed: c.stored.Generation + 1, Since: now.UTC(), Retired: maps.Clone(c.stored.Retired)}
	if next.Retired == nil {
		next.Retired = map[string]time.Time{}
	}
	for _, before := range []*pki.Credential{c.intermediate, c.other} {
		if before != nil {
			next.Retired[before.Leaf().Serial()] = before.Leaf().NotAfter()
		}
	}
	if what != TurnRoot {
		next.Endorsements = c.stored.Endorsements
	}
	return next, nil
}
