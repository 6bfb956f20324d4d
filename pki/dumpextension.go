package pki

import (
	"fmt"
	"math/big"
	"strings"
)

// extensions writes a list of extensions below its title, or nothing where there
// are none.
func (d *dump) extensions(indent int, title string, list []Extension) {
	if len(list) > 0 {
		d.line(indent, "%s:", title)
		d.extensionList(indent+4, list)
	}
}

// extensionList writes extensions, each by its kind, and as octets where the kind
// is not known or the value is not as it must be.
func (d *dump) extensionList(indent int, list []Extension) {
	for i, e := range list {
		if i == maxDumpedItems {
			d.line(indent, "… and %d more", len(list)-i)
			return
		}
		critical := ""
		if e.Critical {
			critical = "critical"
		}
		d.line(indent, "%s: %s", e.ID.dumpName(), critical)
		value, err := e.Decode()
		if err != nil || !d.extension(indent+4, e.ID, value) {
			d.line(indent+4, "%s", dots(e.Value))
		}
	}
}

// dots returns octets as ASCII, with a dot for each that is none.
func dots(data []byte) string {
	text := make([]byte, min(len(data), maxDumped))
	for i := range text {
		if text[i] = data[i]; text[i] < ' ' || text[i] > '~' {
			text[i] = '.'
		}
	}
	if len(data) > maxDumped {
		return fmt.Sprintf("%s… (%d bytes)", text, len(data))
	}
	return string(text)
}

// hexBounded is hexColons of a value that may be long.
func hexBounded(data []byte) string {
	if len(data) > maxDumped {
		return hexColons(data[:maxDumped]) + fmt.Sprintf("… (%d bytes)", len(data))
	}
	return hexColons(data)
}

// extension writes a decoded value; it reports whether it knows the kind.
func (d *dump) extension(indent int, id OID, value any) bool {
	switch v := value.(type) {
	case []byte:
		d.line(indent, "%s", hexBounded(v))
	case *AuthorityKeyID:
		d.list(indent, true, v.dumpText())
	case *KeyUsage:
		d.list(indent, false, dumpFlags(v.String()))
	case NetscapeType:
		d.list(indent, false, dumpFlags(v.String()))
	case []OID:
		d.list(indent, false, texts(v, OID.dumpName))
	case *BasicConstraints:
		d.line(indent, "%s", v.dumpText())
	case []GeneralName:
		d.list(indent, false, texts(v, GeneralName.dumpInList))
	case *NameConstraints:
		d.subtrees(indent, "Permitted:", v.Permitted)
		d.subtrees(indent, "Excluded:", v.Excluded)
	case []Policy:
		for _, policy := range bounded(v) {
			d.policy(indent, policy)
		}
	case []PolicyMapping:
		d.list(indent, false, texts(v, func(m PolicyMapping) string { return m.Issuer.dumpName() + ":" + m.Subject.dumpName() }))
	case *PolicyConstraints:
		d.list(indent, false, v.dumpText())
	case []DistributionPoint:
		for _, point := range bounded(v) {
			d.distributionPoint(indent, point)
		}
	case []AccessDescription:
		d.list(indent, true, texts(v, func(a AccessDescription) string {
			return a.Method.dumpName() + " - " + a.Location.dumpInList()
		}))
	case []int:
		d.list(indent, false, texts(v, featureName))
	case *UsagePeriod:
		d.list(indent, false, v.dumpText())
	case []Timestamp:
		for _, t := range bounded(v) {
			d.timestamp(indent, t)
		}
	case *IssuingPoint:
		d.issuingPoint(indent, v)
	default:
		return d.small(indent, id, value)
	}
	return true
}

// bounded cuts a list to what is shown of it.
func bounded[T any](list []T) []T { return list[:min(len(list), maxDumpedItems)] }

// texts returns the text of each entry, of one more than are shown.
func texts[T any](list []T, text func(T) string) []string {
	all := make([]string, len(list))
	for i, entry := range list {
		if i <= maxDumpedItems {
			all[i] = text(entry)
		}
	}
	return all
}

func dumpFlags(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ", ")
}

func (id *AuthorityKeyID) dumpText() []string {
	var lines []string
	if id.KeyID != nil && id.Issuer == nil && id.Serial == nil {
		return []string{hexBounded(id.KeyID)}
	}
	if id.KeyID != nil {
		lines = append(lines, "keyid:"+hexBounded(id.KeyID))
	}
	lines = append(lines, texts(id.Issuer, GeneralName.dumpInList)...)
	if id.Serial != nil {
		serial := id.Serial.Bytes()
		if len(serial) == 0 {
			serial = []byte{0}
		}
		lines = append(lines, "serial:"+hexBounded(serial))
	}
	return lines
}

func (b *BasicConstraints) dumpText() string {
	text := "CA:" + strings.ToUpper(fmt.Sprint(b.CA))
	if b.PathLen >= 0 {
		text += fmt.Sprintf(", pathlen:%d", b.PathLen)
	}
	return text
}

func (p *PolicyConstraints) dumpText() []string {
	var parts []string
	if p.RequireExplicit >= 0 {
		parts = append(parts, fmt.Sprintf("Require Explicit Policy:%d", p.RequireExplicit))
	}
	if p.InhibitMapping >= 0 {
		parts = append(parts, fmt.Sprintf("Inhibit Policy Mapping:%d", p.InhibitMapping))
	}
	return parts
}

func (p *UsagePeriod) dumpText() []string {
	var parts []string
	if !p.NotBefore.IsZero() {
		parts = append(parts, "Not Before: "+dumpTime(p.NotBefore))
	}
	if !p.NotAfter.IsZero() {
		parts = append(parts, "Not After: "+dumpTime(p.NotAfter))
	}
	return parts
}

// featureName names the TLS extensions that features are (RFC 7633).
func featureName(feature int) string {
	switch feature {
	case 5:
		return "status_request"
	case 17:
		return "status_request_v2"
	}
	return fmt.Sprint(feature)
}

func dumpNumber(n *big.Int) string {
	if n.BitLen() < 128 {
		return n.String()
	}
	sign, digits := "", upperHex(new(big.Int).Abs(n))
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + "0x" + digits
}
