package pki

import (
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Revocation is one entry of a revocation list (RFC 5280, section 5.3). It refers
// to the list's memory.
type Revocation struct {
	serial     []byte // contents of the INTEGER
	date       time.Time
	extensions []byte // Extensions in DER, nil if there are none
	issuer     Name
}

// revocation reads an entry.
func (d *der) revocation() Revocation {
	entry := d.sequence("revoked certificate")
	r := Revocation{serial: entry.integer("serial number"), date: entry.time("revocation")}
	if entry.more() {
		r.extensions, _ = entry.whole(asn1.SEQUENCE, "extensions of a revoked certificate")
	}
	entry.end("a revoked certificate")
	return r
}

// SerialNumber returns the certificate's serial number.
func (r Revocation) SerialNumber() *big.Int { return bigInt(r.serial) }

// Serial returns the serial number as Certificate.Serial does.
func (r Revocation) Serial() string { return serialText(r.serial) }

// Date returns when the certificate was revoked.
func (r Revocation) Date() time.Time { return r.date }

// Issuer returns who issued the certificate: on an indirect list, whom this entry
// or the last before it that names anyone says (RFC 5280, section 5.3.3); on all
// others the list's issuer.
func (r Revocation) Issuer() Name { return r.issuer }

// Extensions returns the entry's extensions, in their order.
func (r Revocation) Extensions() []Extension {
	if r.extensions == nil {
		return nil
	}
	d := newDER(r.extensions)
	return d.extensions("a revoked certificate")
}

// Malformed returns why one of the entry's extensions that Signet knows cannot be
// read, or nil.
func (r Revocation) Malformed() error { return newExtensionSet(r.Extensions()).malformed() }

// Reason is why the certificate was revoked, Unspecified where the entry does not
// say (RFC 5280, section 5.3.1).
func (r Revocation) Reason() (Reason, error) {
	return find[Reason](newExtensionSet(r.Extensions()), OIDCRLReason)
}

// InvalidityDate is when the key was or may have been lost, the zero time where
// the entry does not say (RFC 5280, section 5.3.2).
func (r Revocation) InvalidityDate() (time.Time, error) {
	return find[time.Time](newExtensionSet(r.Extensions()), OIDInvalidityDate)
}

// issuerNames returns the certificate issuer that the entry names, or nil.
func (r Revocation) issuerNames() []GeneralName {
	list := newDER(r.extensions)
	for extensions := list.sequence("extensions"); extensions.more(); {
		if e := extensions.extension(); e.ID == OIDCertificateIssuer {
			names := newDER(e.Value)
			return names.altNameList("certificate issuer")
		}
	}
	return nil
}

// directoryNames returns those of the names that are one and are not empty.
func directoryNames(names []GeneralName) []Name {
	var directories []Name
	for _, name := range names {
		if directory, ok := name.Directory(); ok && !directory.IsEmpty() {
			directories = append(directories, directory)
		}
	}
	return directories
}

// serialContent returns the contents of a serial number as INTEGER.
func serialContent(serial *big.Int) []byte {
	if serial.Sign() <= 0 {
		return integerOf(serial)
	}
	content := make([]byte, serial.BitLen()/8+1)
	serial.FillBytes(content)
	return content
}
