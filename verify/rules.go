package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// roles are places of a certificate on a path.
type roles int

const (
	leaf roles = 1 << iota
	intermediate
	anchor
	authority = intermediate | anchor
	anyRole   = leaf | authority
)

// String names the role.
func (r roles) String() string {
	switch r {
	case leaf:
		return "leaf"
	case anchor:
		return "root"
	}
	return "intermediate"
}

// visit is one certificate at its place on a path that is being built.
type visit struct {
	*node
	role    roles
	below   []*node // leaf first
	opts    *Options
	profile Profile // that the certificate is held to
}

// permits reports whether the caller has the permission.
func (v *visit) permits(l dangerous.Legacy) bool { return slices.Contains(v.opts.Legacy, l) }

// accepts reports whether a signature by the algorithm counts: it is a safe one,
// or the caller has the permission for what makes it weak.
func (o *Options) accepts(algorithm pki.Algorithm) bool {
	switch weak := algorithm.Weakness(); weak {
	case "":
		return true
	case dangerous.SHA1().String():
		return slices.Contains(o.Legacy, dangerous.SHA1())
	case dangerous.DSA().String():
		return slices.Contains(o.Legacy, dangerous.DSA())
	}
	return false
}

// rule is one thing that a certificate must keep at its place.
type rule struct {
	code     fault.Code
	roles    roles
	profiles Profile
	section  string                // where it stands
	breaks   func(v *visit) string // how the certificate breaks it, or ""
}

// finding is a rule that is broken.
type finding struct {
	code       fault.Code
	section    string
	depth      int
	text       string
	have, want string
	cert       *pki.Certificate
}

const rfc = "RFC 5280, section "

// Where it stands how both dates are written.
const (
	beginningForm = rfc + "4.1.2.5, notBefore"
	endForm       = rfc + "4.1.2.5, notAfter"
)

// rules are looked at one by one, for each certificate of a path.
var rules = []rule{
	// What can be read at all.
	{ExtensionMalformed, anyRole, anyProfile, rfc + "4.2", func(v *visit) string {
		if err := v.cert.Malformed(); err != nil {
			return fmt.Sprintf("%s cannot be read whole: %s", v.title(), fault.Text(err))
		}
		return ""
	}},
	{ExtensionMalformed, leaf | intermediate, anyProfile, rfc + "4.2.1.4", func(v *visit) string {
		if v.policyTwice != "" {
			return fmt.Sprintf("%s names the policy %s twice in its certificate policies", v.title(), v.policyTwice.Name())
		}
		return ""
	}},
	{ExtensionDuplicate, anyRole, anyProfile, rfc + "4.2", func(v *visit) string {
		if v.cert.Malformed() == nil {
			return "" // two of one kind are counted as malformed, too
		}
		list := v.cert.Extensions()
		for i, e := range list {
			if slices.ContainsFunc(list[:i], func(other pki.Extension) bool { return other.ID == e.ID }) {
				return fmt.Sprintf("the extension %s stands twice on %s", e.ID.Name(), v.title())
			}
		}
		return ""
	}},
	{NameConstraintMalformed, anyRole, anyProfile, rfc + "4.2.1.10", func(v *visit) string {
		if _, err := v.cert.NameConstraints(); err != nil {
			return fmt.Sprintf("the name constraints of %s cannot be applied: %s", v.title(), fault.Text(err))
		}
		return ""
	}},
	{NameMalformed, anyRole, anyProfile, rfc + "4.2.1.6", func(v *visit) string {
		if v.illegible > 0 {
			_, err := v.cert.SubjectAltNames()
			return fmt.Sprintf("%s has a name that is none: %s", v.title(), fault.Text(err))
		}
		return ""
	}},
	{CriticalUnknown, anyRole, anyProfile, rfc + "4.2", func(v *visit) string {
		for _, e := range v.cert.Extensions() {
			if e.Critical && !handled[e.ID] {
				return fmt.Sprintf("%s has a critical extension, %s, that is not understood", v.title(), e.ID.Name())
			}
		}
		return ""
	}},
	{VersionOld, anyRole, anyProfile, rfc + "4.1.2.1", func(v *visit) string {
		if v.cert.Version() != 3 && !(v.role == anchor && v.permits(dangerous.V1Roots())) {
			return fmt.Sprintf("%s is of version %d; only 3 says what it may be used for", v.title(), v.cert.Version())
		}
		return ""
	}},
	{SerialInvalid, leaf | intermediate, formal, rfc + "4.1.2.2", func(v *visit) string {
		switch n := v.cert.SerialNumber(); {
		case n.Sign() <= 0:
			return fmt.Sprintf("the serial number of %s is not positive", v.title())
		case n.BitLen() > 159:
			return fmt.Sprintf("the serial number of %s has more than 20 bytes", v.title())
		}
		return ""
	}},
	{NameEmpty, anyRole, formal, rfc + "4.1.2.4", func(v *visit) string { // so an authority's subject is not empty either
		if v.cert.Issuer().IsEmpty() {
			return fmt.Sprintf("%s does not name its issuer", v.title())
		}
		return ""
	}},
	{NameMalformed, anyRole, formal, rfc + "4.2.1.6", func(v *visit) string {
		if v.opts.Profile == WebPKI {
			return v.badWebName
		}
		return v.badName
	}},
	{WildcardTooWide, leaf, WebPKI, "CA/B Forum, section 3.2.2.6", publicWildcard},
	{CommonNameStray, leaf, WebPKI, "CA/B Forum, section 7.1.4.3", strayCommonName},
	{IssuerKeyIDInvalid, anchor, WebPKI, "CA/B Forum, section 7.1.2.1.3", func(v *visit) string {
		switch id := v.issuerKeyID; {
		case id == nil:
		case id.Issuer != nil || id.Serial != nil:
			return fmt.Sprintf("%s names its issuer's certificate beside its issuer's key", v.title())
		case !bytes.Equal(id.KeyID, v.keyID):
			return fmt.Sprintf("%s names another key than its own as its issuer's", v.title())
		}
		return ""
	}},
	{ExtensionMissing, leaf | intermediate, RFC5280 | WebPKI, rfc + "4.2.1.1", func(v *visit) string {
		if v.issuerKeyID != nil && len(v.issuerKeyID.KeyID) == 0 {
			return fmt.Sprintf("%s does not say by which key it was signed", v.title())
		}
		return ""
	}},

	// When.
	{DateMalformed, anyRole, formal, beginningForm, func(v *visit) string {
		if whole, _ := v.cert.WholeDates(); !whole {
			return fmt.Sprintf("the notBefore of %s lacks seconds or is not in UTC as Z", v.title())
		}
		return ""
	}},
	{DateMalformed, anyRole, formal, endForm, func(v *visit) string {
		if _, whole := v.cert.WholeDates(); !whole {
			return fmt.Sprintf("the notAfter of %s lacks seconds or is not in UTC as Z", v.title())
		}
		return ""
	}},
	{DateMalformed, anyRole, anyProfile, rfc + "4.1.2.5", func(v *visit) string {
		if begins, ends := v.cert.NotBefore(), v.cert.NotAfter(); ends.Before(begins) {
			return fmt.Sprintf("%s ends %s, before it begins, %s", v.title(), minute(ends), minute(begins))
		}
		return ""
	}},
	{CertExpired, anyRole, anyProfile, rfc + "6.1.3 (a)(2)", func(v *visit) string {
		if until := v.cert.NotAfter(); v.opts.Now.Truncate(time.Second).After(until) {
			return fmt.Sprintf("%s expired %s (%s)", v.title(), Between(until, v.opts.Now)+" ago", day(until))
		}
		return ""
	}},
	{CertNotYetValid, anyRole, anyProfile, rfc + "6.1.3 (a)(2)", func(v *visit) string {
		if from := v.cert.NotBefore(); v.opts.Now.Before(from) {
			return fmt.Sprintf("%s is not valid before %s, in %s", v.title(), minute(from), Between(v.opts.Now, from))
		}
		return ""
	}},

	// Who may sign.
	{IssuerNotAuthority, authority, anyProfile, rfc + "4.2.1.9", func(v *visit) string {
		if _, err := v.cert.BasicConstraints(); err != nil {
			return "" // what it is cannot be read, which is refused for itself
		}
		if !v.isCA() && !(v.cert.Version() == 1 && v.role == anchor) {
			return fmt.Sprintf("%s was signed by %s, which is not an authority", v.below[len(v.below)-1].title(), v.title())
		}
		return ""
	}},
	{IssuerMayNotSign, authority, anyProfile, rfc + "4.2.1.3", func(v *visit) string {
		if v.isCA() && !v.maySign() {
			return fmt.Sprintf("%s was signed by %s, whose key may not sign certificates", v.below[len(v.below)-1].title(), v.title())
		}
		return ""
	}},
	{PathTooLong, authority, anyProfile, rfc + "4.2.1.9", func(v *visit) string {
		below := v.authoritiesBelow()
		if v.basic != nil && v.basic.PathLen >= 0 && below > v.basic.PathLen {
			return fmt.Sprintf("%s allows at most %d authorities below it; this path has %d", v.title(), v.basic.PathLen, below)
		}
		return ""
	}},
	{PathOverLimit, authority, anyProfile, "the caller's limit", func(v *visit) string {
		below := v.authoritiesBelow()
		if v.role == intermediate && !v.selfIssued() {
			below++
		}
		if most := v.opts.MaxIntermediates; most != nil && below > *most {
			return fmt.Sprintf("the path has %d intermediates; %d are allowed", below, *most)
		}
		return ""
	}},
	{LeafSigns, leaf, formal, rfc + "4.2.1.9", func(v *visit) string {
		if !v.isCA() && v.usage != nil && *v.usage&pki.KeyCertSign != 0 {
			return fmt.Sprintf("%s may sign certificates by its key usage, but is no authority", v.title())
		}
		return ""
	}},
	{LeafSigns, leaf, WebPKI | Workload, "CA/B Forum, section 7.1.2.7.8; SPIFFE X.509-SVID, section 5.2", func(v *visit) string {
		if v.isCA() {
			return fmt.Sprintf("%s is an authority's certificate, not a %s's", v.title(), v.opts.Purpose)
		}
		return ""
	}},
	{LeafSigns, leaf, Workload, "SPIFFE X.509-SVID, section 5.2", func(v *visit) string {
		if !v.isCA() && v.usage != nil && *v.usage&pki.CRLSign != 0 {
			return fmt.Sprintf("%s may sign revocation lists by its key usage, as no workload may", v.title())
		}
		return ""
	}},
	{WorkloadIDInvalid, leaf, Workload, "SPIFFE X.509-SVID, section 2", badWorkload},
	{WorkloadIDInvalid, authority, Workload | identities, "SPIFFE X.509-SVID, section 3.2", badTrustDomain},
	{FeatureMissing, authority, anyProfile, "RFC 7633, section 4.2.2", lackingFeature},
	{ExtensionForbidden, anyRole, formal, rfc + "4.2.1.9", func(v *visit) string {
		if v.basic != nil && v.basic.PathLen >= 0 && (!v.isCA() || !v.maySign()) {
			return fmt.Sprintf("%s limits the length of paths, but signs nothing", v.title())
		}
		return ""
	}},

	{PolicyMappingInvalid, intermediate, anyProfile, rfc + "6.1.4 (a)", func(v *visit) string {
		mappings, _ := v.cert.PolicyMappings()
		for _, mapping := range mappings {
			if mapping.Issuer == pki.OIDAnyPolicy || mapping.Subject == pki.OIDAnyPolicy {
				return fmt.Sprintf("%s maps a policy from any, or to any", v.title())
			}
		}
		return ""
	}},

	// What for.
	{WrongPurpose, anyRole, anyProfile, rfc + "4.2.1.12", wrongPurpose},
	{WrongPurpose, leaf, anyProfile, rfc + "4.2.1.3", wrongKeyUsage},
	{WrongPurpose, leaf, Workload, "SPIFFE X.509-SVID, section 4.3", func(v *visit) string {
		if v.isCA() || v.usage == nil || *v.usage&pki.DigitalSignature != 0 || ends[v.opts.Purpose].keys != 0 && *v.usage&ends[v.opts.Purpose].keys == 0 {
			return ""
		}
		return fmt.Sprintf("the key of %s may not sign by its key usage, as a workload's must", v.title())
	}},
	{PurposeUnlimited, leaf, WebPKI, "CA/B Forum, section 7.1.2.7.10", func(v *visit) string {
		if slices.Contains(v.purposes, pki.OIDAnyUsage) {
			return fmt.Sprintf("%s is for anything at all", v.title())
		}
		return ""
	}},

	// Keys and signatures.
	{pki.KeyWeak, anyRole, anyProfile, "NIST SP 800-57 part 1, section 5.6", func(v *visit) string { return v.refusedFor(pki.KeyWeak) }},
	{pki.KeyMalformed, anyRole, anyProfile, rfc + "4.1.2.7", func(v *visit) string { return v.refusedFor(pki.KeyMalformed) }},
	{pki.KeyUnsupported, anyRole, anyProfile, "FIPS 186-5", func(v *visit) string {
		if v.cert.PublicKey().Kind() == "DSA" && v.permits(dangerous.DSA()) {
			return ""
		}
		return v.refusedFor(pki.KeyUnsupported)
	}},
	{KeyTooLarge, anyRole, anyProfile, "the cost of a signature", func(v *visit) string {
		if v.permits(dangerous.HugeKeys()) {
			return ""
		}
		return v.refusedFor(KeyTooLarge)
	}},
	{KeyNotPermitted, anyRole, WebPKI, "CA/B Forum, section 6.1.5", func(v *visit) string {
		key, _ := v.cert.PublicKey().Key()
		switch key := key.(type) {
		case *rsa.PublicKey:
			if bits := key.N.BitLen(); bits%8 != 0 {
				return fmt.Sprintf("the RSA key of %s has %d bits, which are no whole bytes", v.title(), bits)
			}
		case *ecdsa.PublicKey:
			if bits := key.Curve.Params().BitSize; bits < 256 {
				return fmt.Sprintf("the ECDSA key of %s has %d bits; 256 are the least", v.title(), bits)
			}
		case ed25519.PublicKey:
			return fmt.Sprintf("the key of %s is Ed25519, which the web does not use", v.title())
		}
		return ""
	}},
	{SignatureForgeable, leaf | intermediate, anyProfile, "RFC 8446, section 4.4.2.4", func(v *visit) string {
		if algorithm := v.cert.SignatureAlgorithm(); !v.opts.accepts(algorithm) && !v.pinned() {
			return fmt.Sprintf("%s is signed with %s: %s can be forged", v.title(), algorithm, algorithm.Weakness())
		}
		return ""
	}},
	{SignatureAlgorithmMismatch, anyRole, anyProfile, rfc + "4.1.1.2", func(v *visit) string {
		if !v.cert.AlgorithmsAgree() {
			return fmt.Sprintf("%s names two different algorithms of its signature", v.title())
		}
		return ""
	}},
}

// unfitKey says why a key protects nothing, or cannot be used.
func unfitKey(key *pki.PublicKey) (fault.Code, string) {
	code, text := fault.Code(""), ""
	for _, problem := range key.Problems() {
		switch {
		case problem.Name == "rsa_long" || problem.Name == "rsa_exponent_unusual":
			code, text = KeyTooLarge, problem.Text
		case problem.Refused:
			return pki.KeyWeak, problem.Text
		}
	}
	if _, err := key.Key(); err != nil && code == "" {
		if e, ok := fault.Of(err); ok {
			return e.Code, e.Message
		}
	}
	return code, text
}

// refusedFor says what is wrong with the certificate's key, if that is it.
func (v *visit) refusedFor(code fault.Code) string {
	if v.keyFault != code {
		return ""
	}
	return fmt.Sprintf("the key of %s is not accepted: %s", v.title(), v.keyText)
}

// handled are the extensions that the rules look at, or that change nothing
// for the path.
var handled = map[pki.OID]bool{
	pki.OIDSubjectKeyID: true, pki.OIDAuthorityKeyID: true, pki.OIDKeyUsage: true, pki.OIDExtKeyUsage: true,
	pki.OIDBasicConstraints: true, pki.OIDSubjectAltName: true, pki.OIDIssuerAltName: true, pki.OIDNameConstraints: true,
	pki.OIDCertificatePolicies: true, pki.OIDPolicyMappings: true, pki.OIDPolicyConstraints: true, pki.OIDInhibitAnyPolicy: true,
	pki.OIDCRLPoints: true, pki.OIDFreshestCRL: true, pki.OIDAuthorityInfo: true, pki.OIDSubjectInfo: true, pki.OIDTLSFeature: true,
}

// authoritiesBelow counts the intermediates below that count for the length of a
// path: those that are not self-issued (RFC 5280, section 6.1.4 (l)).
func (v *visit) authoritiesBelow() int {
	count := 0
	for _, m := range v.below[min(1, len(v.below)):] {
		if !m.selfIssued() {
			count++
		}
	}
	return count
}

// profileFor is the caller's profile, but for pinned leaves and the system's
// anchors: who pins a certificate or keeps that list has judged their form, and
// some of those in use are older than RFC 5280.
func (s *search) profileFor(v *visit) Profile {
	if v.pinned() || v.role == anchor && v.source.pool != nil {
		return Path
	}
	if !s.opts.Roots.TrustDomain().IsZero() {
		return s.opts.Profile | identities
	}
	return s.opts.Profile
}

// visit is a certificate as the next of a path.
func (s *search) visit(path []*node, m *node) visit {
	v := visit{node: m, role: intermediate, below: path, opts: s.opts}
	switch {
	case len(path) == 0:
		v.role = leaf
	case m.anchor:
		v.role = anchor
	}
	v.profile = s.profileFor(&v)
	return v
}

// under reports whether a rule is about the certificate.
func (v *visit) under(r roles, profiles Profile) bool {
	return r&v.role != 0 && profiles&v.profile != 0
}

// faults returns the rules that a certificate breaks as the next of a path, at
// most so many.
func (s *search) faults(path []*node, m *node, most int) []finding {
	s.place = s.visit(path, m)
	v := &s.place
	var found []finding
	add := func(code fault.Code, section, text, have, want string) {
		found = append(found, finding{code, section, len(path), text, have, want, m.cert})
	}
	for i := range rules { // which are too large to be copied one by one
		if r := &rules[i]; len(found) < most && v.under(r.roles, r.profiles) {
			if text := r.breaks(v); text != "" {
				have, want := values(r.code, v)
				add(r.code, r.section, text, have, want)
			}
		}
	}
	for i := range extensionRules {
		if r := &extensionRules[i]; len(found) < most && v.under(r.roles, r.profiles) {
			if code, text := r.check(v); text != "" {
				have, want := r.values(v)
				add(code, r.section, text, have, want)
			}
		}
	}
	if m.constraints != nil && v.role != leaf && len(found) < most {
		if code, section, text := s.constrain(v); text != "" {
			have, want := values(code, v)
			add(code, section, text, have, want)
		}
	}
	if m.source != nil && len(found) < most {
		found = append(found, s.limited(v)...)
	}
	return found
}
