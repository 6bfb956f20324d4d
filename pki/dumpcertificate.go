package pki

import "strings"

// Text returns all of the certificate as a text for people, in the layout of
// openssl x509 -text. It is bounded, whatever the certificate holds, and has no
// control characters but line ends.
func (c *Certificate) Text() string {
	var d dump
	d.line(0, "Certificate:")
	d.line(4, "Data:")
	if c.version <= 3 {
		d.line(8, "Version: %d (0x%x)", c.version, c.version-1)
	} else {
		d.line(8, "Version: Unknown (%d)", c.version-1)
	}
	d.serial(8, c.serial)
	d.signature(8, "Signature Algorithm: ", c.algorithm)
	d.line(8, "Issuer: %s", c.issuer.oneLine())
	d.line(8, "Validity")
	d.line(12, "Not Before: %s", dumpTime(c.notBefore))
	d.line(12, "Not After : %s", dumpTime(c.notAfter))
	d.line(8, "Subject: %s", c.subject.oneLine())
	d.publicKey(8, c.publicKey)
	for _, unique := range []struct {
		label string
		value []byte
	}{{"Issuer Unique ID: ", c.issuerID}, {"Subject Unique ID: ", c.subjectID}} {
		if len(unique.value) > 1 {
			d.line(8, "%s", unique.label)
			d.octets(12, 18, unique.value[1:]) // the first says how many bits do not count
		}
	}
	d.extensions(8, "X509v3 extensions", c.list)
	d.signed(c.signedWith, c.signature)
	return d.out.String()
}

// serial writes a serial number on its own line, unless it has at most 63 bits.
func (d *dump) serial(indent int, content []byte) {
	n := bigInt(content)
	if n.IsInt64() {
		sign, magnitude := "", n.Int64()
		if n.Sign() < 0 {
			sign, magnitude = "-", -magnitude
		}
		d.line(indent, "Serial Number: %s%d (%s0x%x)", sign, uint64(magnitude), sign, uint64(magnitude))
		return
	}
	negative := ""
	if n.Sign() < 0 {
		negative = " (Negative)"
	}
	d.line(indent, "Serial Number:")
	d.line(indent+4, "%s%s", strings.ToLower(hexBounded(n.Bytes())), negative)
}

// signature writes how something is signed.
func (d *dump) signature(indent int, label string, a Algorithm) {
	if a.ID != oidRSAPSS {
		d.line(indent, "%s%s", label, a.ID.dumpName())
		return
	}
	d.start(indent, "%s%s", label, a.ID.dumpName())
	d.pssSignature(a.Parameters)
}

// signed writes the end of what is signed: algorithm and signature.
func (d *dump) signed(a Algorithm, signature []byte) {
	d.line(4, "Signature Algorithm: %s", a.ID.dumpName())
	pair := newDER(signature)
	numbers := pair.sequence("DSA signature")
	r, s := numbers.integer("DSA signature"), numbers.integer("DSA signature")
	numbers.end("the DSA signature")
	switch {
	case a.ID == oidRSAPSS:
		d.start(4, "Signature Value:")
		d.pssSignature(a.Parameters)
	case schemes[a.ID].kind == 'S' && pair.end("the DSA signature") == nil:
		d.line(4, "Signature Value:")
		d.number(8, "r:   ", bigInt(r))
		d.number(8, "s:   ", bigInt(s))
		return
	default:
		d.line(4, "Signature Value:")
	}
	d.octets(8, 18, signature)
}
