package recognise

import (
	"errors"
	"fmt"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
)

// bundle reads PKCS#7. Of a message without certificates it tells the kind.
func (r *reader) bundle(o *Object, der []byte) {
	message, err := pkcs7.Parse(der)
	if err != nil {
		o.Err = err
		return
	}
	if message.Kind != pkcs7.SignedData {
		o.Title = "a PKCS#7 (CMS) message of the kind " + string(message.Kind) + ", which holds no certificate in the open"
		return
	}
	certs, err := message.Certificates()
	switch {
	case err != nil && !errors.Is(err, pki.NoCertificate):
		o.Err = err
		return
	case len(message.Signers) > 0:
		o.Title = "a PKCS#7 (CMS) message with a signature"
	case len(certs)+len(message.CRLs)+message.Skipped == 0:
		o.Title, o.Err = "an empty PKCS#7 bundle", err
		return
	default:
		o.Title = "a PKCS#7 bundle"
	}
	for _, cert := range certs {
		o.inside = append(o.inside, &Object{Kind: Certificate, Certificate: cert})
	}
	for _, list := range message.CRLs {
		inner := &Object{Kind: CRL}
		r.parse(inner, list)
		o.inside = append(o.inside, inner)
	}
	if message.Skipped > 0 {
		o.Notes = append(o.Notes, plural(message.Skipped, "entry of another form is", "entries of other forms are")+" not read, such as attribute certificates")
	}
}

// store reads PKCS#12. Without a passphrase most of it stays shut.
func (r *reader) store(o *Object, der []byte) {
	store, err := pkcs12.Parse(der, r.Passphrase)
	if err != nil {
		o.Err = err
		return
	}
	opened := r.Passphrase != nil
	o.Title = "a PKCS#12 file"
	if store.Unprotected {
		opened = true
		o.Title += " under an empty passphrase"
		o.Notes = append(o.Notes, "whoever has the file can read all that is in it")
	}
	if store.Integrity != "" {
		o.Notes = append(o.Notes, "its integrity is shown by "+store.Integrity)
	}
	shut := 0
	for _, entry := range store.Entries {
		inner := &Object{Certificate: entry.Certificate, PrivateKey: entry.Key}
		switch {
		case entry.Refused != nil && !opened:
			shut++
			continue
		case entry.Refused != nil:
			inner.Kind, inner.Err = Unknown, entry.Refused
		case entry.Certificate != nil:
			inner.Kind = Certificate
		default:
			inner.Kind = PrivateKey
		}
		if entry.Name != "" {
			inner.Notes = append(inner.Notes, "its friendly name is "+fmt.Sprintf("%q", entry.Name))
		}
		o.inside = append(o.inside, inner)
	}
	if shut > 0 {
		o.Title = "a PKCS#12 file under a passphrase"
		o.Notes = append(o.Notes, "its certificates are encrypted too: add --passphrase to look inside")
	}
}
