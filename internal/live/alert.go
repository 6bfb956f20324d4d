package live

import (
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
)

// Alerts by which a peer is told why a live connection ends (RFC 8446, section 6.2).
const (
	alertNone               = 0
	alertCertificateRevoked = 44
	alertAccessDenied       = 49
)

// Alert is the alert for a cause, 0 where there is none. It tells the peer no more than
// that.
func Alert(cause error) uint8 {
	ours, ok := fault.Of(cause)
	if !ok {
		return alertNone
	}
	switch ours.Detail.(type) {
	case api.Revocation:
		return alertCertificateRevoked
	case policy.Decision:
		return alertAccessDenied
	}
	return alertNone
}
