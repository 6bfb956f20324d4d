package pki

import "golang.org/x/crypto/cryptobyte/asn1"

// Text returns all of the request as a text for people, in the layout of openssl
// req -text; bounded, and without control characters, as Certificate.Text is.
func (r *Request) Text() string {
	var d dump
	d.line(0, "Certificate Request:")
	d.line(4, "Data:")
	if r.version == 1 {
		d.line(8, "Version: 1 (0x0)")
	} else {
		d.line(8, "Version: Unknown (%d)", r.version-1)
	}
	d.line(8, "Subject: %s", r.subject.oneLine())
	d.publicKey(8, r.publicKey)
	d.line(8, "Attributes:")
	if len(r.attributes) == 0 {
		d.line(12, "(none)")
	}
	for i, a := range r.attributes {
		if i == maxDumpedItems {
			d.line(12, "… and %d more", len(r.attributes)-i)
			break
		}
		if a.ID != OIDExtensionRequest && a.ID != oidMSExtensions {
			d.attribute(12, a)
		}
	}
	if set, err := r.extensions(); err != nil {
		d.line(12, "Requested Extensions: <INVALID>")
	} else {
		d.line(12, "Requested Extensions:")
		d.extensionList(16, set.list)
	}
	d.signed(r.algorithm, r.signature)
	return d.out.String()
}

// attribute writes the values of an attribute, a line each, the first behind its
// name.
func (d *dump) attribute(indent int, a RequestAttribute) {
	label := a.ID.dumpName()
	for _, value := range bounded(a.Values) {
		d.line(indent, "%-25s:%s", label, attributeText(value))
		label = ""
	}
}

// attributeText returns a value that is a text as OpenSSL shows it.
func attributeText(value []byte) string {
	d := newDER(value)
	_, tag, content := d.element("value of an attribute")
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, asn1.T61String, tagNumericString:
		if text, ok := decodeText(tag, content.String); ok {
			return text
		}
	}
	return "unable to print attribute"
}
