package pki

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// maxNameDER is the longest distinguished name of a new certificate, in DER.
const maxNameDER = 4 << 10

// attributeProblems say what is wrong with one attribute of a name, or "". Spec
// refuses, and Lint reports, each.
var attributeProblems = []func(Attribute) string{
	Attribute.emptyValue, Attribute.blankEnds, Attribute.controls, Attribute.notText, Attribute.oldString, Attribute.notCountry, Attribute.tooLong,
}

// problem returns what keeps the name out of a new certificate, or "".
func (n Name) problem() string {
	if len(n.der) > maxNameDER {
		return fmt.Sprintf("it has %d bytes; %d are the most", len(n.der), maxNameDER)
	}
	for a := range n.Attributes() {
		for _, find := range attributeProblems {
			if problem := find(a); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// title is the attribute for a person to read.
func (a Attribute) title() string { return fault.Printable(a.String(), 80) }

func (a Attribute) emptyValue() string {
	if len(a.Raw) > 0 {
		return ""
	}
	return a.Type.Name() + " has no value"
}

func (a Attribute) blankEnds() string {
	if text := a.Text(); text == strings.TrimSpace(text) {
		return ""
	}
	return a.title() + " begins or ends with a space"
}

func (a Attribute) controls() string {
	if !strings.ContainsFunc(a.Text(), unicode.IsControl) {
		return ""
	}
	return a.title() + " holds a control character"
}

func (a Attribute) notText() string {
	text, ok := a.text()
	switch {
	case !isStringTag(a.Tag) && a.Type.short() == "": // of a kind that need not be text
		return ""
	case !ok:
		return a.title() + " is not text of the encoding that it names"
	case a.Tag == int(asn1.PrintableString) && strings.Trim(text, printableString) != "":
		return a.title() + " has characters that a PrintableString does not have"
	}
	return ""
}

// printableString are the characters of a PrintableString (X.680, section 41.4).
const printableString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"

var stringTags = map[int]string{12: "UTF8String", 18: "NumericString", 19: "PrintableString", 20: "T61String", 22: "IA5String",
	26: "VisibleString", 27: "GeneralString", 28: "UniversalString", 30: "BMPString"}

func isStringTag(tag int) bool { return stringTags[tag] != "" }

// oldString finds encodings that new certificates must not have (RFC 5280,
// section 4.1.2.4).
func (a Attribute) oldString() string {
	switch a.Tag {
	case 20, 27, 28, 30:
		return fmt.Sprintf("%s is a %s; UTF8String is wanted", a.title(), stringTags[a.Tag])
	}
	return ""
}

func (a Attribute) notCountry() string {
	text := a.Text()
	if a.Type != OIDCountry || len(text) == 2 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return ""
	}
	return a.title() + "; two capital letters of ISO 3166 are wanted, such as KR"
}

// upperBounds are the longest values, in characters (RFC 5280, appendix A.1).
var upperBounds = map[OID]int{OIDCommonName: maxName, OIDOrganization: 64, OIDOrganizationalUnit: 64, OIDLocality: 128, OIDState: 128,
	OIDSerialNumber: 64, OIDEmailAddress: 255}

func (a Attribute) tooLong() string {
	bound := upperBounds[a.Type]
	have := utf8.RuneCountInString(a.Text())
	if bound == 0 || have <= bound {
		return ""
	}
	return fmt.Sprintf("%s of %d characters; %d are the most", a.Type.Name(), have, bound)
}
