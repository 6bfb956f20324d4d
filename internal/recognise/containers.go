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
	if err != nil && !errors.Is(err, pki.NoCertificate) {
		o.Err = err
		return
	}
	o.Title = "a PKCS#7 bundle"
	if len(message.Signers) > 0 {
		o.Title = "a PKCS#7 (CMS) message with a signature"
	}
	for _, cert := range certs {
		o.inside = append(o.inside, &Object{Kind: Certificate, Place: o.Place, Certificate: cert})
	}
	if len(message.CRLs) > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("it holds %d revocation lists too", len(message.CRLs)))
	}
}

// store reads PKCS#12. Without a passphrase most of it stays shut.
func (r *reader) store(o *Object, der []byte) {
	store, err := pkcs12.Parse(der, r.Passphrase)
	if err != nil {
		o.Err = err
		return
	}
	o.Title = "a PKCS#12 file"
	if store.Integrity != "" {
		o.Notes = append(o.Notes, "its integrity is shown by "+store.Integrity)
	}
	shut := 0
	for _, entry := range store.Entries {
		inner := &Object{Place: o.Place, Certificate: entry.Certificate, PrivateKey: entry.Key}
		switch {
		case entry.Refused != nil && r.Passphrase == nil:
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
	}
}
