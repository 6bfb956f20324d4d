package pki

import "strings"

// maxDumpedList is how many bytes of a dump the entries of a revocation list may
// fill: some ten thousand entries.
const maxDumpedList = 2 << 20

// Text returns the revocation list as a text for people, in the layout of openssl
// crl -text; bounded, and without control characters, as Certificate.Text is. Of a
// list with very many entries it has the first, and says how many there are more.
func (l *RevocationList) Text() string {
	var d dump
	d.line(0, "Certificate Revocation List (CRL):")
	if l.version <= 2 {
		d.line(8, "Version %d (0x%x)", l.version, l.version-1)
	} else {
		d.line(8, "Version unknown (%d)", l.version-1)
	}
	d.signature(8, "Signature Algorithm: ", l.algorithm)
	d.line(8, "Issuer: %s", l.issuer.oneLine())
	d.line(8, "Last Update: %s", dumpTime(l.thisUpdate))
	if l.nextUpdate.IsZero() {
		d.line(8, "Next Update: NONE")
	} else {
		d.line(8, "Next Update: %s", dumpTime(l.nextUpdate))
	}
	d.extensions(8, "CRL extensions", l.set.list)
	d.revocations(l)
	d.signed(l.algorithm, l.signature)
	return d.out.String()
}

func (d *dump) revocations(l *RevocationList) {
	if l.Len() == 0 {
		d.line(0, "No Revoked Certificates.")
		return
	}
	d.line(0, "Revoked Certificates:")
	most, shown := d.out.Len()+maxDumpedList, 0
	for entry := range l.Entries() {
		if d.out.Len() > most {
			d.line(4, "… and %d more", l.Len()-shown)
			return
		}
		shown++
		d.line(4, "Serial Number: %s", strings.ToUpper(cut(entry.Serial())))
		d.line(8, "Revocation Date: %s", dumpTime(entry.Date()))
		d.extensions(8, "CRL entry extensions", entry.Extensions())
	}
}
