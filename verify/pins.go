package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// pin is the SHA-256 of a certificate, or of its key's SubjectPublicKeyInfo.
type pin struct {
	sum [sha256.Size]byte
	key bool
}

// Pin returns roots that believe a peer which shows one of exactly these
// certificates as its own. Nobody need have signed it, and who did is not looked
// at; its dates, name, purpose and key are judged as always. It vouches for no
// other certificate, and for no SPIFFE ID. Origin says to a person where the
// certificates come from, such as a file's name.
func Pin(origin string, leaves ...*pki.Certificate) (Roots, error) {
	if len(leaves) == 0 || slices.Contains(leaves, nil) {
		return Roots{}, fault.New(RootsMissing, "no certificate was given to pin, and no pin trusts nobody").
			WithHint("give the certificate that the peer shows as its own")
	}
	set := newPins("the pinned " + origin)
	for _, leaf := range leaves {
		set.pin(pin{sum: leaf.Fingerprint()})
	}
	return Roots{set}, nil
}

// PinKey returns roots that believe a peer whose own certificate has one of
// exactly these keys, each written as PublicKey.PinText has it: sha256// and the
// SHA-256 of the SubjectPublicKeyInfo in base64. What the certificate says is then
// the word of whoever holds the key, which a TLS handshake proves the peer to be;
// the certificate may change, the key may not. Else it is as Pin.
func PinKey(texts ...string) (Roots, error) {
	if len(texts) == 0 {
		return Roots{}, fault.New(RootsMissing, "no key was given to pin, and no pin trusts nobody").
			WithHint("give the pin of the peer's key, such as sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	}
	set := newPins("the pinned key")
	if len(texts) > 1 {
		set = newPins("the pinned keys")
	}
	for _, text := range texts {
		sum, sha := strings.CutPrefix(text, "sha256//")
		data, err := base64.StdEncoding.Strict().DecodeString(sum)
		if !sha || err != nil || len(data) != sha256.Size {
			return Roots{}, fault.New(PinInvalid, "%q is not the pin of a key", clip(text)).
				WithHint("write sha256// and 44 characters of base64: the SHA-256 of the key's SubjectPublicKeyInfo")
		}
		set.pin(pin{[sha256.Size]byte(data), true})
	}
	return Roots{set}, nil
}

func newPins(origin string) *rootSet {
	return &rootSet{origin: origin, pins: map[pin][]*source{}}
}

func (s *rootSet) pin(p pin) {
	s.pins[p] = []*source{{origin: s.origin, pinned: true}}
}

// pinnedBy returns who believes a leaf by its own.
func (s *rootSet) pinnedBy(leaf *pki.Certificate) []*source {
	if len(s.pins) == 0 {
		return nil
	}
	return slices.Concat(s.pins[pin{sum: leaf.Fingerprint()}], s.pins[pin{leaf.PublicKey().Pin(), true}])
}

// onlyPins reports whether there is no anchor to which a path could lead.
func (s *rootSet) onlyPins() bool {
	return len(s.pins) > 0 && len(s.anchors) == 0 && len(s.systems) == 0
}

// pinned reports whether the certificate is believed by its own, as a leaf.
func (m *node) pinned() bool { return m.source != nil && m.source.pinned }

// starts returns the first certificate of all paths: the leaf once for each source
// that believes it by its own, since it is pinned or is itself an anchor, and the
// leaf as one that needs an issuer.
func (s *search) starts() []*node {
	sources := s.opts.Roots.set.pinnedBy(s.leaf.cert)
	if s.leaf.selfIssued() {
		for _, a := range s.anchorsFor(s.leaf) {
			if a.cert.Equal(s.leaf.cert) {
				sources = append(sources, a.source)
			}
		}
	}
	var all []*node
	for _, source := range sources {
		believed := *s.leaf
		believed.source = source
		all = append(all, &believed)
	}
	return append(all, s.leaf)
}
