package verify

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// values returns what a certificate has of that which a code is about, and what
// it must have: "" where a rule has no such value.
func values(code fault.Code, v *visit) (have, want string) {
	if of := valuesOf[code]; of != nil {
		return of(v)
	}
	return "", ""
}

var valuesOf = map[fault.Code]func(v *visit) (have, want string){
	CertExpired:     func(v *visit) (string, string) { return at(v.opts.Now), "until " + at(v.cert.NotAfter()) },
	CertNotYetValid: func(v *visit) (string, string) { return at(v.opts.Now), "from " + at(v.cert.NotBefore()) },
	DateMalformed: func(v *visit) (string, string) {
		switch beginning, end := v.cert.WholeDates(); {
		case !beginning:
			return "a notBefore without seconds or Z", "a notBefore with seconds and Z"
		case !end:
			return "a notAfter without seconds or Z", "a notAfter with seconds and Z"
		}
		return "a notAfter of " + at(v.cert.NotAfter()), "a notAfter behind the notBefore, " + at(v.cert.NotBefore())
	},
	VersionOld: func(v *visit) (string, string) { return fmt.Sprint(v.cert.Version()), "3" },
	SerialInvalid: func(v *visit) (string, string) {
		return v.cert.Serial(), "more than 0, at most 20 bytes"
	},
	CriticalUnknown: func(v *visit) (string, string) {
		var unknown []string
		for _, e := range v.cert.Extensions() {
			if e.Critical && !handled[e.ID] {
				unknown = append(unknown, string(e.ID))
			}
		}
		return listed(unknown), "none that is critical and not understood"
	},
	IssuerNotAuthority: signs, IssuerMayNotSign: signs,
	PathTooLong: lengths,
	PathOverLimit: func(v *visit) (string, string) {
		have, want := lengths(v)
		if most := v.opts.MaxIntermediates; most != nil {
			want = fmt.Sprintf("at most %d intermediates", *most)
		}
		return have, want
	},
	LeafSigns: func(v *visit) (string, string) {
		have := "no authority"
		switch {
		case !v.isCA() && v.usage != nil && *v.usage&(pki.KeyCertSign|pki.CRLSign) == pki.CRLSign:
			have = "no authority, but with the key usage to sign revocation lists"
		case v.isCA():
			have = "an authority"
		case v.usage != nil && *v.usage&pki.KeyCertSign != 0:
			have = "no authority, but with the key usage to sign certificates"
		}
		return have, "no authority"
	},
	WorkloadIDInvalid: workloadIDs,
	FeatureMissing: func(v *visit) (string, string) {
		return featureList(features(v.below[len(v.below)-1].cert)), featureList(features(v.cert))
	},
	WrongPurpose: uses,
	PurposeUnlimited: func(v *visit) (string, string) {
		have, want := uses(v)
		return have, want + " alone"
	},
	NameMalformed:   func(v *visit) (string, string) { return names(v.node), "names of hosts, and mailboxes" },
	WildcardTooWide: func(v *visit) (string, string) { return names(v.node), "no wildcard below a public suffix" },
	CommonNameStray: func(v *visit) (string, string) {
		return listed(v.cert.Subject().Get(pki.OIDCommonName)), "none, or one of " + names(v.node)
	},
	IssuerKeyIDInvalid: func(v *visit) (string, string) {
		have := "none"
		if v.issuerKeyID != nil {
			have = "the key " + hex.EncodeToString(v.issuerKeyID.KeyID)
			if v.issuerKeyID.Issuer != nil || v.issuerKeyID.Serial != nil {
				have += ", and a certificate"
			}
		}
		return have, "none, or the key " + hex.EncodeToString(v.keyID)
	},
	pki.KeyWeak: keys, pki.KeyUnsupported: keys, pki.KeyMalformed: keys, KeyTooLarge: keys, KeyNotPermitted: keys,
	SignatureForgeable: func(v *visit) (string, string) {
		return v.cert.SignatureAlgorithm().String(), "SHA-256 or better"
	},
	NameNotPermitted: subtrees, NameConstraintUnknown: subtrees,
	ExtensionMalformed: func(v *visit) (string, string) {
		want := "each readable, and there once"
		if err := v.cert.Malformed(); err != nil {
			return fault.Text(err), want
		}
		if v.policyTwice != "" {
			return "the policy " + v.policyTwice.Name() + " twice", "each policy once"
		}
		return want, want
	},
	ExtensionDuplicate: func(v *visit) (string, string) {
		var twice []string
		seen := map[pki.OID]bool{}
		for _, e := range v.cert.Extensions() {
			if seen[e.ID] {
				twice = append(twice, e.ID.Name()+" again")
			}
			seen[e.ID] = true
		}
		return cmp.Or(strings.Join(twice, ", "), "each once"), "each once"
	},
	NameConstraintMalformed: func(v *visit) (string, string) {
		want := "each in its form"
		if _, err := v.cert.NameConstraints(); err != nil {
			return fault.Text(err), want
		}
		return cmp.Or(v.badConstraints, want), want
	},
	SignatureAlgorithmMismatch: func(v *visit) (string, string) {
		want := v.cert.SignatureAlgorithm().String()
		if !v.cert.AlgorithmsAgree() {
			return want + ", and another inside", want + " in both places"
		}
		return want, want
	},
	PolicyMappingInvalid: func(v *visit) (string, string) {
		var all []string
		mappings, _ := v.cert.PolicyMappings()
		for _, mapping := range mappings {
			all = append(all, mapping.Issuer.Name()+" to "+mapping.Subject.Name())
		}
		return listed(all), "none from any or to any"
	},
	NameEmpty: func(v *visit) (string, string) {
		return fmt.Sprintf("subject %s, issuer %s", emptiness(v.cert.Subject()), emptiness(v.cert.Issuer())), "not empty"
	},
}

func emptiness(name pki.Name) string {
	if name.IsEmpty() {
		return "empty"
	}
	return "not empty"
}

// signs is whether a certificate may sign others.
func signs(v *visit) (string, string) {
	have := "not an authority"
	switch {
	case v.isCA() && v.usage == nil:
		have = "an authority; its key usage is not stated"
	case v.isCA() && v.maySign():
		have = "an authority that may sign"
	case v.isCA():
		have = "an authority whose key may not sign certificates"
	}
	return have, "an authority that may sign"
}

// lengths is how many authorities there are below, and how many there may be.
func lengths(v *visit) (string, string) {
	want := fmt.Sprintf("at most %d certificates on a path", maxPath)
	if v.basic != nil && v.basic.PathLen >= 0 {
		want = fmt.Sprintf("at most %d authorities below", v.basic.PathLen)
	}
	return fmt.Sprintf("%d authorities below", v.authoritiesBelow()), want
}

// uses is what a certificate is for, and what it must be for.
func uses(v *visit) (string, string) {
	want := "anything"
	if v.opts.Purpose.oid() != "" {
		want = v.opts.Purpose.oid().Name()
	}
	if v.purposes == nil {
		return "not limited", want
	}
	var have []string
	for _, purpose := range v.purposes {
		have = append(have, purpose.Name())
	}
	return listed(have), want
}

// keys is what key a certificate has.
func keys(v *visit) (string, string) {
	key := v.cert.PublicKey()
	switch public, _ := key.Key(); public := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits, exponent %d", public.N.BitLen(), public.E), "RSA, 2048 to 8192 bits, exponent at most 65537"
	case *ecdsa.PublicKey:
		return "ECDSA, " + public.Params().Name, "ECDSA, P-224 to P-521"
	}
	return key.Kind(), "RSA, ECDSA or Ed25519"
}

// subtrees is the names below an authority, and those that it may sign for.
func subtrees(v *visit) (string, string) {
	var have few
	for _, m := range v.below {
		for name := range constrainedNames(m.cert, m.names) {
			have.add(name)
		}
	}
	if v.constraints == nil {
		return have.String(), ""
	}
	return have.String(), v.within()
}

// at writes a time as data.
func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// mostListed is how many of a list are written.
const mostListed = 8

// few are the first of a list, as text; the others are counted.
type few struct {
	texts []string
	more  int
}

func (f *few) add(item fmt.Stringer) {
	if len(f.texts) < mostListed {
		f.texts = append(f.texts, clip(item.String()))
	} else {
		f.more++
	}
}

func (f *few) String() string {
	switch {
	case len(f.texts) == 0:
		return "none"
	case f.more > 0:
		return fmt.Sprintf("%s, %d more", strings.Join(f.texts, ", "), f.more)
	}
	return strings.Join(f.texts, ", ")
}

// listed writes the first few of a list.
func listed(all []string) string {
	var list few
	for _, text := range all[:min(mostListed, len(all))] {
		list.texts = append(list.texts, clip(text))
	}
	list.more = len(all) - len(list.texts)
	return list.String()
}

func constraintsText(constraints *pki.NameConstraints) string {
	var parts []string
	for _, list := range []struct {
		where string
		trees []pki.Subtree
	}{{"within ", constraints.Permitted}, {"not within ", constraints.Excluded}} {
		var bases few
		for _, tree := range list.trees {
			bases.add(tree.Base)
		}
		if len(list.trees) > 0 {
			parts = append(parts, list.where+bases.String())
		}
	}
	return strings.Join(parts, "; ")
}

// values says how an extension stands on a certificate, and how it must.
func (r *extensionRule) values(v *visit) (have, want string) {
	have = "absent"
	extensions := v.cert.Extensions()
	if i := slices.IndexFunc(extensions, func(e pki.Extension) bool { return e.ID == r.id }); i >= 0 {
		have = "not critical"
		if extensions[i].Critical {
			have = "critical"
		}
	}
	want = [...]string{either: "present", critical: "critical", notCritical: "not critical"}[r.criticality]
	switch r.presence {
	case never:
		want = "absent"
	case maybe:
		want = "absent or " + want
	}
	return r.id.Name() + " " + have, r.id.Name() + " " + want
}

// code is that of a certificate which breaks the row, at the first guess.
func (r *extensionRule) code() fault.Code {
	return [...]fault.Code{maybe: ExtensionCriticality, always: ExtensionMissing, never: ExtensionForbidden}[r.presence]
}
