// Package pkcs12 reads and writes PKCS#12 files (.p12, .pfx; RFC 7292):
// certificates with their private keys, and Java's trust stores. It decides
// nothing about trust.
package pkcs12

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/ber"
	"github.com/signet-tls/signet/pki"
)

// What is read of one file. Key stores of whole firms have some hundred entries.
const (
	maxSafes   = 100
	maxEntries = 10_000
	maxDepth   = 4         // of bags in bags
	maxSalt    = 1024      // bytes; 8 to 64 are in use
	maxRounds  = 5_000_000 // of all derivations of a file together, some seconds; Java's bound for each
	maxUnasked = 500_000   // the same where there is no passphrase, and the empty one is tried
)

// Store is what is in a PKCS#12 file. The caller must not change it.
type Store struct {
	// Integrity says how the file shows that it is whole, such as HMAC-SHA-256
	// with 2048 rounds; "" if it does not.
	Integrity string
	// Verified tells that this was checked with the passphrase.
	Verified bool
	// Unprotected tells that the passphrase is empty: whoever has the file can
	// read what is in it, and write another one.
	Unprotected bool
	// Entries are in the order of the file.
	Entries []Entry
}

// Entry is one certificate or one private key; or something else, and Refused
// says what.
type Entry struct {
	Certificate *pki.Certificate
	Key         *pki.PrivateKey
	Refused     error // why it is not read

	Name       string // its friendly name, or ""
	LocalKeyID []byte // equal for a key and its certificate, or nil
	Trusted    bool   // Java marks the certificates of a trust store
}

// Parse reads a PKCS#12 file in DER or BER. The passphrase is asked for only if
// something is encrypted, or the integrity can be checked; without one (nil)
// the empty one is tried, which protects nothing, and if it is another, what is
// not encrypted is read, and the rest named. A passphrase that is wrong is the
// error pki.PassphraseWrong.
func Parse(data []byte, passphrase pki.Passphrase) (*Store, error) {
	if passphrase == nil {
		return parse(data, nil, maxUnasked)
	}
	return parse(data, passphrase, maxRounds)
}

// parse is Parse for so many rounds.
func parse(data []byte, passphrase pki.Passphrase, rounds int) (*Store, error) {
	if len(data) > pki.MaxInput {
		return nil, fault.New(pki.InputTooLarge, "%d bytes are more than the %d that are read", len(data), pki.MaxInput).
			WithHint("name the file of the certificate and its key alone")
	}
	der, err := ber.ToDER(data)
	if err != nil {
		return nil, unreadable(err)
	}
	r := &reader{most: rounds, left: rounds, store: new(Store), passphrase: passphrase}
	err = r.pfx(der)
	if passphrase == nil && errors.Is(err, Costly) {
		r = &reader{store: new(Store)} // without trying
		err = r.pfx(der)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return r.store, nil
}

// reader is one reading of a file.
type reader struct {
	store      *Store
	passphrase pki.Passphrase // nil: there is none
	asked      bool
	secret     []byte // once asked; nil for the form without any bytes
	most, left int    // rounds that the file may ask for, at all and still
}

// ask asks for the passphrase, once.
func (r *reader) ask() error {
	if r.asked {
		return nil
	}
	secret, err := r.passphrase()
	if err != nil {
		return err
	}
	r.asked, r.secret = true, append([]byte{}, secret...)
	return nil
}

// spend takes rounds from what the file may ask for.
func (r *reader) spend(rounds int) error {
	if rounds > r.left {
		return fault.New(Costly, "the PKCS#12 file asks for more than %d rounds of its derivations", r.most).
			WithHint("write it anew with a usual number: openssl pkcs12 -export -iter 100000")
	}
	r.left -= rounds
	return nil
}

// unreadable gives an error without a code one.
func unreadable(err error) error {
	if _, ok := fault.Of(err); ok {
		return err
	}
	return fault.Wrap(err, Unreadable, "unreadable PKCS#12 file").
		WithHint("copy the file (.p12, .pfx) again from where it was made")
}

// unsupported names what is not read.
func unsupported(format string, args ...any) error {
	return fault.New(Unsupported, format, args...).
		WithHint("export certificates and keys alone, from the program that wrote the file")
}

const (
	oidData          pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" // 1.2.840.113549.1.7.1
	oidSignedData    pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" // 1.2.840.113549.1.7.2
	oidEnvelopedData pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" // 1.2.840.113549.1.7.3
	oidEncryptedData pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06" // 1.2.840.113549.1.7.6
)

// explicit is the tag of a constructed element of the context.
func explicit(number uint8) asn1.Tag { return asn1.Tag(number).ContextSpecific().Constructed() }

var errShape = errors.New("not the shape of a PFX")

// pfx reads a PFX (RFC 7292, section 4).
func (r *reader) pfx(der cryptobyte.String) error {
	var pfx, content cryptobyte.String
	var version int
	if !der.ReadASN1(&pfx, asn1.SEQUENCE) || !der.Empty() || !pfx.ReadASN1Integer(&version) {
		return errShape
	}
	if version != 3 {
		return unsupported("a PKCS#12 file of version %d; 3 is the only one in use", version)
	}
	kind, ok := readContent(&pfx, &content)
	switch {
	case !ok:
		return errShape
	case kind == oidSignedData:
		return unsupported("a PKCS#12 file that is protected by a signature, not by a passphrase")
	case kind != oidData:
		return errShape
	}
	var safes cryptobyte.String
	if !content.ReadASN1(&safes, asn1.OCTET_STRING) || !content.Empty() {
		return errShape
	}
	if err := r.integrity(pfx, safes); err != nil {
		return err
	}
	return r.safes(safes)
}

// readContent reads a ContentInfo (RFC 5652, section 3).
func readContent(s, content *cryptobyte.String) (pki.OID, bool) {
	var info, id cryptobyte.String
	ok := s.ReadASN1(&info, asn1.SEQUENCE) && info.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(content, explicit(0)) && info.Empty()
	return pki.OID(id), ok
}

// normal returns the only element of data, which was an octet string's contents,
// or encrypted, and so can have an encoding of its own.
func normal(data []byte) (cryptobyte.String, error) {
	der, err := ber.ToDER(data)
	if err != nil {
		return nil, err
	}
	var content cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&content, asn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("no list where one must be")
	}
	return content, nil
}
