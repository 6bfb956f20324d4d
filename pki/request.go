package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"

	"github.com/signet-tls/signet/fault"
)

// NewRequest returns a PKCS#10 request in DER that proves possession of the key
// and asks for no name: the signer decides what its certificate will say.
func NewRequest(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing a request").WithHint(signingHint)
	}
	return der, nil
}

const maxRequest = 64 << 10

// ParseRequest checks a request in DER of at most 64 KiB and returns the public
// key whose private part its sender holds; its bounds are those of ParseKey.
// Names and extensions that it asks for are not copied.
func ParseRequest(der []byte) (crypto.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, fault.New(InputTooLarge, "a request of %d bytes; %d are the most", len(der), maxRequest).
			WithHint(requestHint)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fault.Wrap(err, RequestInvalid, "unreadable request").WithHint(requestHint)
	}
	// Before the signature: checking it takes seconds with a hostile key.
	d := newDER(request.RawSubjectPublicKeyInfo)
	if problem := keyProblem(d.publicKey().look()); problem != "" {
		return nil, fault.New(RequestInvalid, "the request is for %s", problem).WithHint(requestHint)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fault.Wrap(err, RequestInvalid, "the request's signature is not its key's").WithHint(requestHint)
	}
	return request.PublicKey, nil
}

const requestHint = "make a new request where the key is"
