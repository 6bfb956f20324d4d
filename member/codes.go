package member

import (
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
)

// Why a connection was not opened, or ended, for errors.Is; where the rules say so it
// is a code of package policy, and where TLS does one of signet or verify.
const (
	Revoked      = api.IdentityRevoked      // an operator revoked one of the two identities
	Withdrawn    = api.CertificateWithdrawn // one of the two certificates counts no longer
	Cut          = api.ConnectionCut        // an operator ended it, and it may come back
	NotHeld      = agent.NotHeld            // the host may not hold the program's identity
	RootsChanged = agent.RootsChanged       // they no longer vouch for the other end
	NoPolicyYet  = agent.NoTruthYet         // the authority has not been heard
	NoneYet      = agent.CertificatePending // the program has no certificate
	NoAddress    = live.NoAddress           // nobody says where the service listens
	Stale        = live.Stale               // the authority has been silent for too long
	TooMany      = live.TooManyConnections  // the service has as many connections as it may
	Stopped      = live.ShuttingDown        // Run has ended
	HostInUse    = agent.HomeInUse          // another process has the host folder
)
