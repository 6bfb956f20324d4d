package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// Handshake is what a server sends in a TLS handshake besides its chain.
type Handshake struct {
	Staple []byte // its OCSP response in DER; nil: none
}

// maxStaple is the largest staple that is read, in bytes; usual ones have two
// thousand.
const maxStaple = 64 << 10

// stapledURL stands in the place of the URL that evidence was fetched from.
const stapledURL = "staple"

// statusRequest is the TLS extension that brings a staple (RFC 6066, section 8).
const statusRequest = 5

// staple is what a handshake had of evidence.
type staple struct {
	sent     bool
	evidence *revocation.Evidence // nil: nothing that can be read
	missing  string               // why; "" where none was sent
}

func newStaple(handshake *Handshake) *staple {
	switch {
	case handshake == nil:
		return nil
	case len(handshake.Staple) == 0:
		return &staple{}
	case len(handshake.Staple) > maxStaple:
		return &staple{sent: true, missing: fmt.Sprintf("the staple has %d bytes; %d are read", len(handshake.Staple), maxStaple)}
	}
	response, err := pki.ParseOCSPResponse(handshake.Staple)
	if err != nil {
		return &staple{sent: true, missing: "the staple cannot be read"}
	}
	if response.Status() != pki.OCSPSuccessful {
		return &staple{sent: true, missing: fmt.Sprintf("the staple has no answer: %s", response.Status())}
	}
	evidence, err := revocation.New(nil, []*pki.OCSPResponse{response})
	if err != nil {
		return &staple{sent: true, missing: "the staple is too much"}
	}
	return &staple{sent: true, evidence: evidence}
}

// ask returns what the staple says.
func (st *staple) ask(q revocation.Question) revocation.Answer {
	if st.evidence == nil {
		var answer revocation.Answer
		if st.missing != "" {
			answer.Missing = []string{st.missing}
		}
		return answer
	}
	answer := st.evidence.Ask(q)
	answer.Source, answer.URL = "a stapled OCSP response", stapledURL
	if answer.Status == revocation.Unknown && len(answer.Missing) == 0 {
		answer.Missing = []string{"the staple is about other certificates"}
	}
	return answer
}

// features are the TLS features that a certificate names; those that cannot be read
// are a fault of their own.
func features(cert *pki.Certificate) []int {
	all, _ := cert.TLSFeatures()
	return all
}

// featureList names TLS features.
func featureList(features []int) string {
	var all []string
	for _, feature := range features {
		if feature == statusRequest {
			all = append(all, "status_request")
		} else {
			all = append(all, strconv.Itoa(feature))
		}
	}
	return listed(all)
}

// lackingFeature says which TLS feature an authority demands of what it signs and
// the certificate below it does not have (RFC 7633, section 4.2.2).
func lackingFeature(v *visit) string {
	below := v.below[len(v.below)-1]
	for _, feature := range features(v.cert) {
		if !slices.Contains(features(below.cert), feature) {
			return fmt.Sprintf("%s demands the TLS feature %s of all below it, and %s does not have it", v.title(), featureList([]int{feature}), below.title())
		}
	}
	return ""
}

// demandsStaple reports whether a leaf demands that the handshake brought a staple
// (RFC 7633, section 4.2.1).
func (s *search) demandsStaple(leaf *node) bool {
	return s.staple != nil && s.opts.Purpose == ServerAuth && slices.Contains(features(leaf.cert), statusRequest)
}

// hasStaple reports whether there is a staple to look at, or should be one.
func (s *search) hasStaple(leaf *node) bool {
	return s.staple != nil && (s.staple.sent || s.demandsStaple(leaf))
}

// noStaple is what a leaf has without a staple.
const noStaple = "none"

// stapleFault says why a leaf's staple is not what the leaf demands.
func stapleFault(leaf *node, answer revocation.Answer) finding {
	text, have := fmt.Sprintf("%s must come with a stapled OCSP response, and none was sent", leaf.title()), noStaple
	if len(answer.Missing) > 0 {
		have = answer.Status.String()
		text = fmt.Sprintf("%s must come with a stapled OCSP response, and that which was sent does not count: %s", leaf.title(), strings.Join(answer.Missing, "; "))
	}
	return finding{code: StapleMissing, section: "RFC 7633, section 4.2.3", text: text, have: have, want: "good", cert: leaf.cert}
}
