package pki

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"
)

// maxDumped is how many bytes of one value a dump shows.
const maxDumped = 4 << 10

// maxDumpedItems is how many entries of one list a dump shows.
const maxDumpedItems = 1000

// dump writes a value as a text for people, in the layout of openssl x509 -text,
// which eyes and scripts are used to. Whatever it is given stays on its line and
// can be printed; what is long is cut, and its length said.
type dump struct{ out strings.Builder }

// line writes one line with so many spaces in front.
func (d *dump) line(indent int, format string, args ...any) {
	d.start(indent, format, args...)
	d.out.WriteByte('\n')
}

// start writes a line that goes on.
func (d *dump) start(indent int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.out.WriteString(strings.Repeat(" ", indent))
	d.out.WriteString(plainText(text))
}

// list writes entries on one line, or a line each.
func (d *dump) list(indent int, separate bool, entries []string) {
	if len(entries) == 0 {
		entries = []string{"<EMPTY>"}
	}
	if more := len(entries) - maxDumpedItems; more > 0 {
		entries = append(entries[:maxDumpedItems:maxDumpedItems], fmt.Sprintf("… and %d more", more))
	}
	if !separate {
		d.line(indent, "%s", strings.Join(entries, ", "))
		return
	}
	for _, entry := range entries {
		d.line(indent, "%s", entry)
	}
}

// octets writes bytes in hexadecimal, so many a line.
func (d *dump) octets(indent, perLine int, data []byte) {
	rest := max(0, len(data)-maxDumped)
	for data = data[:len(data)-rest]; len(data) > 0; {
		n := min(perLine, len(data))
		text := strings.ToLower(hexColons(data[:n]))
		if data = data[n:]; len(data) > 0 {
			text += ":"
		}
		d.line(indent, "%s", text)
	}
	if rest > 0 {
		d.line(indent, "… and %d more bytes", rest)
	}
}

// number writes a number behind its label: in hexadecimal below it, unless it
// has at most 64 bits.
func (d *dump) number(indent int, label string, n *big.Int) {
	if n.IsUint64() {
		d.line(indent, "%s %d (0x%x)", label, n, n)
		return
	}
	d.line(indent, "%s", label)
	octets := n.Bytes()
	if len(octets) > 0 && octets[0] >= 0x80 {
		octets = append([]byte{0}, octets...)
	}
	d.octets(indent+4, 15, octets)
}

// dumpTime writes a moment as OpenSSL does.
func dumpTime(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

// plainText escapes what cannot be printed, and cuts what is long.
func plainText(text string) string {
	clean := text
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		var out strings.Builder
		for _, r := range text {
			if unicode.IsPrint(r) {
				out.WriteRune(r)
			} else {
				out.WriteString(`\` + hex.EncodeToString([]byte(string(r))))
			}
		}
		clean = out.String()
	}
	return cut(clean)
}

// cut shortens a text of many bytes.
func cut(text string) string {
	if len(text) <= 4*maxDumped {
		return text
	}
	return strings.ToValidUTF8(text[:4*maxDumped], "") + fmt.Sprintf("… (%d bytes)", len(text))
}

// dumpNames are what OpenSSL calls object identifiers, where messages to people
// call them otherwise.
var dumpNames = map[OID]string{
	OIDSubjectKeyID:        "X509v3 Subject Key Identifier",
	OIDAuthorityKeyID:      "X509v3 Authority Key Identifier",
	OIDKeyUsage:            "X509v3 Key Usage",
	OIDExtKeyUsage:         "X509v3 Extended Key Usage",
	OIDBasicConstraints:    "X509v3 Basic Constraints",
	OIDSubjectAltName:      "X509v3 Subject Alternative Name",
	OIDIssuerAltName:       "X509v3 Issuer Alternative Name",
	OIDNameConstraints:     "X509v3 Name Constraints",
	OIDCertificatePolicies: "X509v3 Certificate Policies",
	OIDPolicyMappings:      "X509v3 Policy Mappings",
	OIDPolicyConstraints:   "X509v3 Policy Constraints",
	OIDInhibitAnyPolicy:    "X509v3 Inhibit Any Policy",
	OIDCRLPoints:           "X509v3 CRL Distribution Points",
	OIDFreshestCRL:         "X509v3 Freshest CRL",
	OIDPrivateKeyUsage:     "X509v3 Private Key Usage Period",
	OIDSCTs:                "CT Precertificate SCTs",
	OIDPrecertPoison:       "CT Precertificate Poison",
	OIDNetscapeCertType:    "Netscape Cert Type",
	OIDCRLNumber:           "X509v3 CRL Number",
	OIDDeltaCRL:            "X509v3 Delta CRL Indicator",
	OIDIssuingPoint:        "X509v3 Issuing Distribution Point",
	OIDCRLReason:           "X509v3 CRL Reason Code",
	OIDCertificateIssuer:   "X509v3 Certificate Issuer",
	OIDAnyPolicy:           "X509v3 Any Policy",
	OIDPolicyCPS:           "Policy Qualifier CPS",
	OIDPolicyNotice:        "Policy Qualifier User Notice",

	dotted("2.5.29.9"):                "X509v3 Subject Directory Attributes",
	dotted("2.5.29.55"):               "X509v3 AC Targeting",
	dotted("2.5.29.56"):               "X509v3 No Revocation Available",
	dotted("1.3.6.1.5.5.7.1.3"):       "qcStatements",
	dotted("1.3.6.1.5.5.7.1.7"):       "sbgp-ipAddrBlock",
	dotted("1.3.6.1.5.5.7.1.8"):       "sbgp-autonomousSysNum",
	dotted("1.3.6.1.5.5.7.1.28"):      "sbgp-ipAddrBlockv2",
	dotted("1.3.6.1.5.5.7.1.29"):      "sbgp-autonomousSysNumv2",
	dotted("1.3.6.1.4.1.11129.2.4.5"): "CT Certificate SCTs",
	dotted("1.3.6.1.5.5.7.3.10"):      "dvcs",
	dotted("1.3.6.1.5.5.7.3.17"):      "ipsec Internet Key Exchange",
	dotted("1.3.6.1.5.5.7.3.18"):      "Ctrl/provision WAP Access",
	dotted("1.3.6.1.5.5.7.3.19"):      "Ctrl/Provision WAP Termination",
	dotted("1.3.6.1.5.2.3.4"):         "PKINIT Client Auth",
	dotted("1.3.6.1.5.2.3.5"):         "Signing KDC Response",
	dotted("1.3.6.1.4.1.11129.2.4.4"): "CT Precertificate Signer",
	dotted("1.3.6.1.5.5.7.48.3"):      "AD Time Stamping",
	dotted("1.3.6.1.5.5.7.8.5"):       "XmppAddr",
	dotted("1.3.6.1.5.5.7.8.7"):       "SRVName",
	dotted("1.3.6.1.5.5.7.8.9"):       "Smtp UTF8 Mailbox",
	dotted("1.3.6.1.5.5.7.8.8"):       "NAIRealm",
}

// dumpName returns what OpenSSL calls the object identifier: the dotted form of
// those that it has no name for.
func (o OID) dumpName() string {
	if name, ok := dumpNames[o]; ok {
		return name
	}
	if o.short() != "" {
		return o.Name()
	}
	return o.String()
}
