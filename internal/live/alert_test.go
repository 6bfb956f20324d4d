package live

import (
	"errors"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestAlerts tells a peer that it was revoked, or refused by the rules, and nothing else.
func TestAlerts(t *testing.T) {
	from, to := testpki.Must(spiffeid.Parse("spiffe://test.signet/a")), testpki.Must(spiffeid.Parse("spiffe://test.signet/orders"))
	_, denied := testpki.Must(agent.NewView(&api.Slice{Revision: 1})).Decide(from, to)
	for _, test := range []struct {
		cause error
		want  uint8
	}{
		{denied, alertAccessDenied},
		{fault.New(api.IdentityRevoked, "gone").WithDetail(api.Revocation{Revision: 5}), alertCertificateRevoked},
		{fault.New(ShuttingDown, "stopped"), alertNone},
		{fault.New(PeerExpired, "expired"), alertNone},
		{errors.New("broken"), alertNone},
	} {
		if have := Alert(test.cause); have != test.want {
			t.Errorf("%v: alert %d, want %d", test.cause, have, test.want)
		}
	}
}
