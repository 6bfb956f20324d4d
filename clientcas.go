package signet

import (
	"crypto/x509"

	"github.com/signet-tls/signet/pki"
)

// maxNames bounds the names of ClientCAs, in bytes: a handshake's message has 64
// KiB at most, and they are not all that is in it.
const maxNames = 32 << 10

func size(names []pki.Name) (bytes int) {
	for _, name := range names {
		bytes += len(name.DER())
	}
	return bytes
}

// namesOf brings names to clients: crypto/tls sends the subjects of a pool, and
// asks nothing else of one whose certificates it does not verify.
func namesOf(authorities []pki.Name) *x509.CertPool {
	if len(authorities) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, name := range authorities {
		pool.AddCert(&x509.Certificate{Raw: name.DER(), RawSubject: name.DER()})
	}
	return pool
}
