package pki

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// oneLine returns the name in OpenSSL's form of that name, such as "C = GB, CN =
// Jane": the first relative name first, everything that is not ASCII escaped.
func (n Name) oneLine() string {
	var out strings.Builder
	last := -1
	for a := range n.Attributes() {
		switch {
		case last < 0:
		case a.RDN == last:
			out.WriteString(" + ")
		default:
			out.WriteString(", ")
		}
		last = a.RDN
		out.WriteString(a.keyword() + " = " + a.oneLine())
	}
	return out.String()
}

// keyword returns the short name of the attribute's type, or its dotted form.
func (a Attribute) keyword() string {
	if a.Type.short() != "" {
		return a.Type.short()
	}
	return a.Type.String()
}

// oneLine returns the value, in quotation marks if it has characters that would
// end it.
func (a Attribute) oneLine() string {
	text, ok := a.text()
	if tag := asn1.Tag(a.Tag); !ok || tag == tagGeneralString {
		return "#" + strings.ToUpper(hex.EncodeToString(element(byte(a.Tag), a.Raw)))
	}
	var out strings.Builder
	quoted := strings.HasPrefix(text, "#") || strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ")
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&out, `\%02X`, c)
		default:
			quoted = quoted || strings.IndexByte(",+<>;", c) >= 0
			out.WriteByte(c)
		}
	}
	if quoted {
		return `"` + out.String() + `"`
	}
	return out.String()
}

// slashes returns the name in the form that OpenSSL uses inside of lists of
// names, such as /C=GB/CN=Jane.
func (n Name) slashes() string {
	var out strings.Builder
	for a := range n.Attributes() {
		out.WriteString("/" + a.keyword() + "=")
		for _, c := range []byte(a.Text()) {
			if c < ' ' || c > '~' {
				fmt.Fprintf(&out, `\x%02X`, c)
			} else {
				out.WriteByte(c)
			}
		}
	}
	return out.String()
}

// dumpText returns a general name as OpenSSL has it where names stand alone,
// each on its line.
func (g GeneralName) dumpText() string {
	switch g.Kind {
	case DirectoryName:
		return "DirName:" + Name{g.Raw}.oneLine()
	case OtherName:
		kind, whole, _ := g.Other()
		if text, ok := otherText(whole); ok && otherNames[kind] != "" {
			return "othername:" + otherNames[kind] + ":" + text
		}
		return "othername:<unsupported>"
	}
	return g.dumpInList()
}

// dumpInList returns it as it is in lists.
func (g GeneralName) dumpInList() string {
	switch g.Kind {
	case DirectoryName:
		return "DirName:" + Name{g.Raw}.slashes()
	case IPName:
		return "IP Address:" + dumpAddress(g.Raw)
	case RegisteredID:
		return "Registered ID:" + OID(g.Raw).dumpName()
	case X400Name:
		return "X400Name:<unsupported>"
	case EDIPartyName:
		return "EdiPartyName:<unsupported>"
	case OtherName:
		return g.dumpOther()
	}
	return g.Kind.String() + ":" + string(g.Raw)
}

// otherNames are the names of kinds of other names.
var otherNames = map[OID]string{
	dotted("1.3.6.1.4.1.311.20.2.3"): "UPN",
	dotted("1.3.6.1.5.5.7.8.5"):      "XmppAddr",
	dotted("1.3.6.1.5.5.7.8.7"):      "SRVName",
	dotted("1.3.6.1.5.5.7.8.8"):      "NAIRealm",
	dotted("1.3.6.1.5.5.7.8.9"):      "SmtpUTF8Mailbox",
}

func (g GeneralName) dumpOther() string {
	kind, whole, _ := g.Other()
	name, ok := otherNames[kind]
	if !ok {
		name = kind.dumpName()
	}
	if text, ok := otherText(whole); ok {
		return "othername: " + name + "::" + text
	}
	return "othername: " + name + "::<unsupported>"
}

// otherText returns the value of an other name, if it is of one of two types.
func otherText(whole []byte) (string, bool) {
	d := newDER(whole)
	_, tag, content := d.element("value")
	if tag != asn1.UTF8String && tag != asn1.IA5String {
		return "", false
	}
	return decodeText(tag, content.String)
}

// dumpAddress writes an address, IPv6 without abbreviation as OpenSSL does.
func dumpAddress(raw []byte) string {
	switch len(raw) {
	case 4:
		return fmt.Sprintf("%d.%d.%d.%d", raw[0], raw[1], raw[2], raw[3])
	case 16:
		groups := make([]string, 8)
		for i := range groups {
			groups[i] = fmt.Sprintf("%X", int(raw[2*i])<<8|int(raw[2*i+1]))
		}
		return strings.Join(groups, ":")
	}
	return "<invalid>"
}
