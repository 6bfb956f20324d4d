package testpki

import (
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Kind is one way to break a good chain, at one of the places where that can be.
type Kind struct {
	Name    string
	Code    fault.Code                  // the refusal's; "": the chain stays good
	Rule    string                      // what it breaks, and where that stands
	Profile string                      // as in Question
	place   func(at, last int) bool     // where it can be
	fault   func(at, last int) int      // which certificate the refusal is about; nil: the one that was changed
	make    func(c *chain, at int)      // breaks it at a place
	keys    func(kind pki.KeyKind) bool // with which keys it can be made; nil: with all
}

// Places, of a path whose leaf stands at 0 and whose anchor at last.
func atLeaf(at, _ int) bool              { return at == 0 }
func atRoot(at, last int) bool           { return at == last }
func atIntermediate(at, last int) bool   { return at > 0 && at < last }
func atAuthority(at, _ int) bool         { return at > 0 }
func belowRoot(at, last int) bool        { return at < last }
func anywhere(_, _ int) bool             { return true }
func atFirst(at, last int) bool          { return at == 1 && last > 1 } // intermediate
func atUpper(at, last int) bool          { return at > 1 && at < last } // intermediate above another
func rootAboveAnother(at, last int) bool { return at == last && last > 1 }
func aboveAnother(at, _ int) bool        { return at > 1 } // authority above another

// What a refusal is about, if not the changed certificate.
func theLeaf(_, _ int) int       { return 0 }
func theTopmost(_, last int) int { return last - 1 } // below the anchor
func theOneBelow(at, _ int) int  { return at - 1 }

// Kinds returns all of them, good ones among them.
func Kinds() []Kind {
	all := slices.Concat(goodKinds, dateKinds, formKinds, nameKinds, extensionKinds, malformedKinds(), authorityKinds, purposeKinds, keyKinds,
		signatureKinds, constraintKinds, policyKinds, pathKinds, revocationKinds)
	for i := range all {
		if all[i].fault == nil {
			all[i].fault = func(at, _ int) int { return at }
		}
		if all[i].keys == nil {
			all[i].keys = func(pki.KeyKind) bool { return true }
		}
	}
	return all
}

// Fits reports whether the kind can be made at a place of a chain of so many
// certificates, with keys of a kind.
func (k Kind) Fits(key pki.KeyKind, length, at int) bool {
	web := k.Profile != "web" || key != pki.Ed25519 // which the web does not use
	return k.place(at, length-1) && k.keys(key) && web
}

// Make breaks a good chain of so many certificates at a place.
func (w *Workbench) Make(k Kind, key pki.KeyKind, length, at int) (Case, error) {
	c := w.chain(key, length)
	c.Profile = k.Profile
	k.make(c, at)
	s, err := c.seal()
	if err != nil {
		return Case{}, err
	}
	return Case{Name: k.Name, Wrong: k.Name, Code: k.Code, Depth: k.fault(at, length-1), Rule: k.Rule,
		Credential: &pki.Credential{Chain: s.sent, Key: c.Path[0].Key}, Roots: s.anchors,
		Lists: s.lists, Responses: s.responses, Question: c.Question}, nil
}

// set is a kind's change of one extension.
func set(id pki.OID, critical bool, value []byte) func(*chain, int) {
	return func(c *chain, at int) { c.Path[at].set(id, critical, value) }
}

// drop is a kind's removal of one extension.
func drop(id pki.OID) func(*chain, int) {
	return func(c *chain, at int) { c.Path[at].drop(id) }
}

// both makes two changes.
func both(first, second func(*chain, int)) func(*chain, int) {
	return func(c *chain, at int) { first(c, at); second(c, at) }
}

// anyName lets the other end ask for no name: where a kind takes the names away.
func anyName(c *chain, _ int) { c.Host = "" }

// turn makes an extension critical, or no longer so, as it is.
func turn(id pki.OID, critical bool) func(*chain, int) {
	return func(c *chain, at int) { c.Path[at].set(id, critical, c.Path[at].value(id)) }
}
