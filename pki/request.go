package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/signet-tls/signet/fault"
)

// NewRequest returns a PKCS#10 request in DER that proves possession of the key
// and asks for no name: the signer decides what its certificate will say.
func NewRequest(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing a request")
	}
	return der, nil
}

// ParseRequest checks a request in DER and returns the public key whose private
// part its sender holds. Names and extensions that it asks for are not copied.
func ParseRequest(der []byte) (crypto.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, fault.New(InputTooLarge, "a request of %d bytes; %d are the most", len(der), maxRequest)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fault.Wrap(err, RequestInvalid, "unreadable request")
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fault.Wrap(err, RequestInvalid, "the request's signature is not its key's")
	}
	return request.PublicKey, nil
}

const maxRequest = 64 << 10

// publicKeyBits returns the subjectPublicKey bits of a SubjectPublicKeyInfo
// (RFC 5280, section 4.1.2.7).
func publicKeyBits(spki []byte) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	return info.PublicKey.Bytes, nil
}
