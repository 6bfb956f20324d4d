package pki

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// attributeRule is what RFC 5280, appendix A.1, says of an attribute's value.
type attributeRule struct {
	tag asn1.Tag // of its encoding; UTF8String for a type without a rule
	max int      // in characters
}

// maxAttribute is the bound of attributes that have none of their own (ub-name).
const maxAttribute = 32768

var attributeRules = map[OID]attributeRule{
	OIDCommonName:         {asn1.UTF8String, 64},
	OIDSerialNumber:       {asn1.PrintableString, 64},
	OIDCountry:            {asn1.PrintableString, 2},
	OIDLocality:           {asn1.UTF8String, 128},
	OIDState:              {asn1.UTF8String, 128},
	OIDOrganization:       {asn1.UTF8String, 64},
	OIDOrganizationalUnit: {asn1.UTF8String, 64},
	oidTitle:              {asn1.UTF8String, 64},
	oidDNQualifier:        {asn1.PrintableString, maxAttribute},
	oidPseudonym:          {asn1.UTF8String, 128},
	OIDEmailAddress:       {asn1.IA5String, 255},
	OIDDomainComponent:    {asn1.IA5String, 63},
}

func ruleOf(kind OID) attributeRule {
	if rule, ok := attributeRules[kind]; ok {
		return rule
	}
	return attributeRule{asn1.UTF8String, maxAttribute}
}

// NewName returns the name of these attributes, the most general first, each a
// relative name of its own. ParseName makes names whose relative names have
// several.
func NewName(attributes ...Attribute) Name {
	rdns := make([][]Attribute, len(attributes))
	for i, a := range attributes {
		rdns[i] = []Attribute{a}
	}
	return joinName(rdns)
}

// NewAttribute returns an attribute of a new name, encoded as RFC 5280, appendix
// A.1, wants it: UTF8String for most, PrintableString for country, serialNumber
// and dnQualifier, IA5String for e-mail addresses and domain components.
func NewAttribute(kind OID, text string) (Attribute, error) {
	rule := ruleOf(kind)
	refuse := func(format string, args ...any) (Attribute, error) {
		return Attribute{}, fault.New(DNInvalid, "%s %q: "+format, append([]any{kind.Name(), fault.Printable(text, 64)}, args...)...).
			WithHint("write another value; RFC 5280, appendix A.1, has the rule")
	}
	length := utf8.RuneCountInString(text)
	switch {
	case text == "":
		return refuse("the value is empty")
	case !utf8.ValidString(text):
		return refuse("the value is not UTF-8")
	case kind == OIDCountry && (length != 2 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return refuse("a country is two capital letters, such as GB")
	case length > rule.max:
		return refuse("%d characters are more than %d", length, rule.max)
	case strings.IndexFunc(text, isControl) >= 0:
		return refuse("a control character stands in it")
	case rule.tag == asn1.PrintableString && !isPrintableString(text):
		return refuse("it may have letters, digits, spaces and ' ( ) + , - . / : = ? alone")
	case rule.tag == asn1.IA5String && !isIA5([]byte(text)):
		return refuse("it may have ASCII characters alone")
	}
	return encodeAttribute(kind, text), nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// encodeAttribute encodes a value as its type wants it, and as UTF8String what
// cannot be so.
func encodeAttribute(kind OID, text string) Attribute {
	tag := ruleOf(kind).tag
	if tag == asn1.PrintableString && !isPrintableString(text) || tag == asn1.IA5String && !isIA5([]byte(text)) {
		tag = asn1.UTF8String
	}
	return Attribute{Type: kind, Tag: int(tag), Raw: []byte(text)}
}

// isPrintableString reports whether text can be a PrintableString (X.680,
// section 41.4).
func isPrintableString(text string) bool {
	for _, c := range []byte(text) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(" '()+,-./:=?", c) >= 0) {
			return false
		}
	}
	return true
}

// encodeRDN encodes one relative name.
func encodeRDN(rdn []Attribute) []byte {
	encoded := make([][]byte, len(rdn))
	for i, a := range rdn {
		pair := append(element(byte(asn1.OBJECT_IDENTIFIER), []byte(a.Type)), element(byte(a.Tag), a.Raw)...)
		encoded[i] = element(byte(asn1.SEQUENCE), pair)
	}
	slices.SortFunc(encoded, bytes.Compare)
	return element(byte(asn1.SET), bytes.Join(encoded, nil))
}
