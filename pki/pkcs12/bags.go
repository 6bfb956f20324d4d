package pkcs12

import (
	"errors"
	"fmt"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Kinds of bags (RFC 7292, section 4.2), and of what is in one of them.
const (
	bagKey      pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01" // 1.2.840.113549.1.12.10.1.1
	bagShrouded pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02" // 1.2.840.113549.1.12.10.1.2
	bagCert     pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03" // 1.2.840.113549.1.12.10.1.3
	bagCRL      pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x04" // 1.2.840.113549.1.12.10.1.4
	bagSecret   pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x05" // 1.2.840.113549.1.12.10.1.5
	bagBags     pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x06" // 1.2.840.113549.1.12.10.1.6

	oidX509 pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01" // 1.2.840.113549.1.9.22.1
)

// Attributes of bags (RFC 2985, section 5.5), and Java's.
const (
	oidFriendlyName pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14"             // 1.2.840.113549.1.9.20
	oidLocalKeyID   pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15"             // 1.2.840.113549.1.9.21
	oidTrusted      pki.OID = "\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01" // 2.16.840.1.113894.746875.1.1
)

// add keeps an entry.
func (r *reader) add(e Entry) error {
	if len(r.store.Entries) == maxEntries {
		return fmt.Errorf("more than %d entries", maxEntries)
	}
	r.store.Entries = append(r.store.Entries, e)
	return nil
}

// bags reads SafeContents (RFC 7292, section 4.2).
func (r *reader) bags(data []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d levels of bags", maxDepth)
	}
	list, err := normal(data)
	if err != nil {
		return err
	}
	for !list.Empty() {
		var bag, id, value cryptobyte.String
		if !list.ReadASN1(&bag, asn1.SEQUENCE) || !bag.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !bag.ReadASN1(&value, explicit(0)) {
			return fmt.Errorf("no valid bag behind entry %d", len(r.store.Entries))
		}
		var e Entry
		if !e.attributes(bag) {
			return fmt.Errorf("no valid attributes behind entry %d", len(r.store.Entries))
		}
		if pki.OID(id) == bagBags {
			err = r.bags(value, depth+1)
		} else if err = r.value(&e, pki.OID(id), value); err == nil {
			err = r.add(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// value reads what is in a bag.
func (r *reader) value(e *Entry, kind pki.OID, value cryptobyte.String) (err error) {
	switch kind {
	case bagCert:
		return e.certificate(value)
	case bagKey:
		e.Key, err = pki.ParsePrivateKey(value, nil)
	case bagShrouded:
		err = r.shrouded(e, value)
	case bagSecret:
		e.Refused = unsupported("a secret key%s, which is no private key: it is not read", e.named())
	case bagCRL:
		e.Refused = unsupported("a revocation list%s: it is not read from PKCS#12 files", e.named())
	default:
		e.Refused = unsupported("an entry%s of the unknown kind %s: it is not read", e.named(), kind)
	}
	return err
}

// named returns the entry's name as it stands behind what it is.
func (e *Entry) named() string {
	if e.Name == "" {
		return ""
	}
	return fmt.Sprintf(" %q", fault.Printable(e.Name, 64))
}

// certificate reads a CertBag (RFC 7292, section 4.2.3).
func (e *Entry) certificate(value cryptobyte.String) (err error) {
	var bag, id, wrapped, der cryptobyte.String
	if !value.ReadASN1(&bag, asn1.SEQUENCE) || !value.Empty() || !bag.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !bag.ReadASN1(&wrapped, explicit(0)) {
		return errors.New("no valid certificate bag")
	}
	if pki.OID(id) != oidX509 {
		e.Refused = unsupported("a certificate%s of the unknown kind %s: it is not read", e.named(), pki.OID(id))
		return nil
	}
	if !wrapped.ReadASN1(&der, asn1.OCTET_STRING) || !wrapped.Empty() {
		return errors.New("no valid certificate bag")
	}
	e.Certificate, err = pki.ParseCertificate(der)
	return err
}

// shrouded reads an encrypted key. In a file whose integrity is shown, one that
// is not opened has a passphrase of its own.
func (r *reader) shrouded(e *Entry, value cryptobyte.String) error {
	var info cryptobyte.String
	var algorithm pki.Algorithm
	if outer := value; !outer.ReadASN1(&info, asn1.SEQUENCE) || !readAlgorithm(&info, &algorithm) {
		return errors.New("no valid encrypted key")
	}
	if r.passphrase != nil {
		if _, err := r.prepare(algorithm); err != nil {
			return err
		}
	}
	if r.passphrase != nil && isRC2[algorithm.ID] {
		return r.moduleKey(e, value)
	}
	locked, err := pki.ParsePrivateKey(value, nil)
	if err != nil || r.passphrase == nil {
		e.Key = locked
		return err
	}
	plain, err := r.unseal(value)
	switch {
	case errors.Is(err, pki.PassphraseWrong) && r.store.Verified:
		e.Refused = fault.New(pki.PassphraseWrong, "the private key%s has another passphrase than the file, or is damaged", e.named()).
			WithHint("export it again with one passphrase: keytool -importkeystore, or openssl pkcs12 -export")
		return nil
	case err != nil:
		return err
	}
	if e.Key, err = pki.ParsePrivateKey(plain, nil); err == nil {
		e.Key.Encryption = locked.Encryption
	}
	return err
}

// attributes reads the attributes of a bag that matter.
func (e *Entry) attributes(bag cryptobyte.String) bool {
	var set cryptobyte.String
	if !bag.ReadOptionalASN1(&set, nil, asn1.SET) || !bag.Empty() {
		return false
	}
	for !set.Empty() {
		var attribute, id, values, value cryptobyte.String
		if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
			!attribute.ReadASN1(&values, asn1.SET) || !attribute.Empty() {
			return false
		}
		switch pki.OID(id) {
		case oidFriendlyName:
			if !values.ReadASN1(&value, 30) || len(value)%2 != 0 { // BMPString
				return false
			}
			e.Name = fromUTF16(value)
		case oidLocalKeyID:
			if !values.ReadASN1(&value, asn1.OCTET_STRING) {
				return false
			}
			e.LocalKeyID = value
		case oidTrusted:
			e.Trusted = true
		}
	}
	return true
}

// fromUTF16 reads a friendly name, which is written with characters beyond the
// first plane too.
func fromUTF16(data []byte) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
	}
	return string(utf16.Decode(units))
}
