package pki_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"github.com/signet-tls/signet/pki"
)

// What tools/factsextension.py says of extensions, said by this package.

// rawExtensions tells identifier, criticality and bytes of each extension.
func rawExtensions(list []pki.Extension) []any {
	out := []any{}
	for _, e := range list {
		out = append(out, []any{e.ID.String(), e.Critical, sum(e.Value)})
	}
	return out
}

// opaque are extensions that pki decodes and cryptography does not.
var opaque = map[pki.OID]bool{pki.OIDPolicyMappings: true, pki.OIDNetscapeCertType: true, pki.OIDNetscapeComment: true,
	pki.OIDOCSPNonce: true, pki.OIDArchiveCutoff: true}

// extensionValues tells what each extension means. As with cryptography, one that
// cannot be read or stands there twice makes an error of all.
func extensionValues(list []pki.Extension) any {
	out, seen := []any{}, map[pki.OID]bool{}
	for _, e := range list {
		if seen[e.ID] {
			return "error: " + e.ID.String() + " stands there twice"
		}
		seen[e.ID] = true
		value := any(sum(e.Value))
		if !opaque[e.ID] {
			decoded, err := e.Decode()
			if err != nil {
				return "error: " + err.Error()
			}
			if decoded != nil {
				value = extensionValue(decoded)
			}
		}
		out = append(out, []any{e.ID.String(), value})
	}
	return out
}

func extensionValue(decoded any) any {
	switch v := decoded.(type) {
	case *pki.BasicConstraints:
		return []any{v.CA, orNil(v.PathLen)}
	case *pki.KeyUsage:
		return int(*v)
	case []pki.OID:
		return dottedAll(v)
	case []byte:
		return hex.EncodeToString(v)
	case *pki.AuthorityKeyID:
		return authorityValue(v)
	case []pki.GeneralName:
		return generalNames(v)
	case *pki.NameConstraints:
		return []any{subtrees(v.Permitted), subtrees(v.Excluded)}
	case []pki.Policy:
		return policyValues(v)
	case *pki.PolicyConstraints:
		return []any{orNil(v.RequireExplicit), orNil(v.InhibitMapping)}
	case *int:
		return *v
	case []pki.DistributionPoint:
		out := []any{}
		for _, p := range v {
			full, relative := pointName(p.Name)
			out = append(out, []any{full, relative, int(p.Reasons), orNone(p.Issuer)})
		}
		return out
	case []pki.AccessDescription:
		out := []any{}
		for _, d := range v {
			out = append(out, []any{d.Method.String(), generalName(d.Location)})
		}
		return out
	case []int:
		return v
	case *pki.UsagePeriod:
		return []any{asn1TimeOrNil(v.NotBefore), asn1TimeOrNil(v.NotAfter)}
	case struct{}:
		return []any{}
	case []pki.Timestamp:
		out := []any{}
		for _, s := range v {
			out = append(out, []any{s.Version, hex.EncodeToString(s.LogID[:]), s.Time.UnixMilli(), sum(s.Extensions), sum(s.Signature)})
		}
		return out
	case *big.Int:
		return fmt.Sprintf("%x", v)
	case *pki.IssuingPoint:
		full, relative := pointName(v.Name)
		return []any{full, relative, v.OnlyUsers, v.OnlyAuthorities, v.Indirect, v.OnlyAttributeHolders, int(v.Reasons)}
	case pki.Reason:
		return int(v)
	case time.Time:
		return asn1Time(v)
	}
	return fmt.Sprintf("no reading of a %T", decoded)
}

func authorityValue(v *pki.AuthorityKeyID) any {
	answer := []any{nil, orNone(v.Issuer), nil}
	if v.KeyID != nil {
		answer[0] = hex.EncodeToString(v.KeyID)
	}
	if v.Serial != nil {
		answer[2] = fmt.Sprintf("%x", v.Serial)
	}
	return answer
}

func policyValues(policies []pki.Policy) any {
	out := []any{}
	for _, p := range policies {
		qualifiers := []any{}
		for _, q := range p.Qualifiers {
			switch {
			case q.Notice != nil:
				qualifiers = append(qualifiers, []any{q.Notice.Organization, append([]int{}, q.Notice.Numbers...), q.Notice.Text})
			default:
				qualifiers = append(qualifiers, q.CPS)
			}
		}
		out = append(out, []any{p.ID.String(), qualifiers})
	}
	return out
}

func pointName(name *pki.PointName) (full, relative any) {
	if name == nil {
		return nil, []any{}
	}
	return orNone(name.Full), directoryText(name.Relative)
}

// directoryText tells a name's attributes as text.
func directoryText(name pki.Name) []any {
	out := []any{}
	for a := range name.Attributes() {
		text := a.Text()
		if a.Tag == 3 { // a BIT STRING is no text
			text = hex.EncodeToString(a.Raw[1:])
		}
		out = append(out, []any{a.Type.String(), text})
	}
	return out
}

func subtrees(list []pki.Subtree) any {
	var names []pki.GeneralName
	for _, s := range list {
		names = append(names, s.Base)
	}
	return orNone(names)
}

// orNone is nil for no names.
func orNone(names []pki.GeneralName) any {
	if len(names) == 0 {
		return nil
	}
	return generalNames(names)
}

func generalNames(names []pki.GeneralName) []any {
	out := []any{}
	for _, n := range names {
		out = append(out, generalName(n))
	}
	return out
}

func generalName(n pki.GeneralName) any {
	value := any(string(n.Raw))
	switch n.Kind {
	case pki.DirectoryName:
		name, _ := n.Directory()
		value = directoryText(name)
	case pki.IPName:
		value = hex.EncodeToString(n.Raw)
	case pki.RegisteredID:
		value = n.Value()
	case pki.OtherName:
		kind, inner, _ := n.Other()
		value = []any{kind.String(), sum(inner)}
	}
	return []any{int(n.Kind), value}
}

func dottedAll(list []pki.OID) []string {
	out := []string{}
	for _, id := range list {
		out = append(out, id.String())
	}
	return out
}

// orNil is nil for -1, which says that there is no number.
func orNil(n int) any {
	if n < 0 {
		return nil
	}
	return n
}

func asn1TimeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return asn1Time(t)
}
