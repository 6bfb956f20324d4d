package pki

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// MaxInput is the largest input that the parsers of this package read, in
// bytes; revocation lists have a bound of their own.
const MaxInput = 16 << 20

// kind is a kind of value that a file can hold several of.
type kind[T any] struct {
	name          string          // such as certificate
	labels        map[string]bool // of its PEM blocks; true if data of another kind may follow in the block
	read          func(*der) T
	missing       fault.Code
	damaged       fault.Code
	whereMissing  string // the hint of each
	whereDamaged  string
	bound         int // of the input, in bytes
	most          int // values of one input; 0: as many as there is room for
	whereTooLarge string
}

var certificates = kind[*Certificate]{
	name: "certificate",
	// What OpenSSL calls trusted has its own data behind the certificate.
	labels:        map[string]bool{"CERTIFICATE": false, "X509 CERTIFICATE": false, "TRUSTED CERTIFICATE": true},
	read:          (*der).certificate,
	missing:       NoCertificate,
	damaged:       CertUnreadable,
	whereMissing:  "name a file with a -----BEGIN CERTIFICATE----- block, or a certificate in DER",
	whereDamaged:  "copy the certificate again from where it was made; if that is damaged too, ask its issuer for a new one",
	bound:         MaxInput,
	most:          MaxCertificates,
	whereTooLarge: "name the certificate's or key's own file",
}

// MaxCertificates is how many certificates of one input are read: each takes several
// kilobytes, and the largest lists of roots have some hundred.
const MaxCertificates = 4096

// ParseCertificates reads every certificate of data, PEM or DER, in its order.
// PEM blocks of other types are passed over; a certificate block that cannot be
// read is an error that says which, and where it stands; so is data without any
// certificate. One that stands there twice is returned twice: what a chain holds
// is for its reader to judge.
func ParseCertificates(data []byte) ([]*Certificate, error) { return certificates.all(data) }

// all reads every value of data.
func (k *kind[T]) all(data []byte) ([]T, error) {
	switch {
	case len(data) > k.bound:
		return nil, fault.New(InputTooLarge, "%d bytes are more than the %d that are read", len(data), k.bound).
			WithHint("%s", k.whereTooLarge)
	case len(data) == 0:
		return nil, k.none("the input is empty")
	case isDER(data):
		return k.row(data)
	case bytes.Contains(data, pemBegin):
		return k.blocks(data)
	}
	return nil, k.none("the input is neither PEM nor DER")
}

// isDER tells a long SEQUENCE from text, which may begin with the same byte, and
// may stand in its midst.
func isDER(data []byte) bool {
	return data[0] == byte(asn1.SEQUENCE) && (len(data) > 1 && data[1] >= 0x80 || !bytes.Contains(data, pemBegin))
}

// row reads values in DER one behind the other.
func (k *kind[T]) row(data []byte) ([]T, error) {
	var values []T
	d := newDER(data)
	for d.more() {
		values = append(values, k.read(&d))
		if err := k.tooMany(len(values)); err != nil {
			return nil, err
		}
	}
	if err := d.err(); err != nil {
		return nil, k.unreadable(err)
	}
	return values, nil
}

// blocks reads the values of PEM data.
func (k *kind[T]) blocks(data []byte) ([]T, error) {
	var values []T
	count := 0
	for number, section := range sections(data) {
		count = number
		mayFollow, ours := k.labels[section.label]
		if !ours {
			continue
		}
		if section.block == nil {
			return nil, fault.New(k.damaged, "%s is a %s, but not valid PEM", section.place(number), k.name).WithHint("%s", k.whereDamaged)
		}
		value, err := k.one(section.block.Bytes, mayFollow)
		if err != nil {
			return nil, fault.Wrap(err, k.damaged, "%s", section.place(number)).WithHint("%s", k.whereDamaged)
		}
		values = append(values, value)
		if err := k.tooMany(len(values)); err != nil {
			return nil, err
		}
	}
	if len(values) == 0 {
		return nil, fault.New(k.missing, "there is no %s among its %d PEM blocks", k.name, count).WithHint("%s", k.whereMissing)
	}
	return values, nil
}

// tooMany refuses more values than are read of one input.
func (k *kind[T]) tooMany(count int) error {
	if k.most == 0 || count <= k.most {
		return nil
	}
	return fault.New(InputTooLarge, "there are more than %d of the kind %s, as many as are read at once", k.most, k.name).WithHint("%s", k.whereTooLarge)
}

// one reads one value in DER, behind which nothing follows but what may.
func (k *kind[T]) one(raw []byte, mayFollow bool) (value T, err error) {
	d := newDER(raw)
	parsed := k.read(&d)
	if mayFollow {
		err = d.err()
	} else {
		err = d.end("the " + k.name)
	}
	if err != nil {
		return value, k.unreadable(err)
	}
	return parsed, nil
}

func (k *kind[T]) unreadable(err error) error {
	return fault.Wrap(err, k.damaged, "unreadable %s", k.name).WithHint("%s", k.whereDamaged)
}

func (k *kind[T]) none(why string) error {
	return fault.New(k.missing, "there is no %s: %s", k.name, why).WithHint("%s", k.whereMissing)
}

func tooLarge(have int) error {
	return fault.New(InputTooLarge, "%d bytes are more than the %d that are read", have, MaxInput).
		WithHint("name the certificate's or key's own file")
}

func noCertificate(format string, args ...any) error {
	return fault.New(NoCertificate, format, args...).WithHint("%s", certificates.whereMissing)
}
