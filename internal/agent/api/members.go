package api

import (
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Paths of what operators ask about who there is.
const (
	PathTokens     = "/v1/tokens"       // GET ?all=true → Tokens
	PathCancel     = "/v1/cancel-token" // POST CancelRequest → Tokens: those that were taken back
	PathIdentities = "/v1/identities"   // GET ?name=NAME… → Identities
	PathGrant      = "/v1/grant"        // POST GrantRequest → Change
	PathUngrant    = "/v1/ungrant"      // POST GrantRequest → Change
	PathRestore    = "/v1/restore"      // POST RevokeRequest → Change
	PathRemove     = "/v1/remove"       // POST RevokeRequest → Change
)

// Tokens are some that were made.
type Tokens struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Now         time.Time            `json:"now"`
	Tokens      []TokenInfo          `json:"tokens"`
}

// TokenInfo is what can be told of a token: all but its secret.
type TokenInfo struct {
	ID       string        `json:"id"` // the beginning of its secret's hash
	Who      spiffeid.ID   `json:"who"`
	By       spiffeid.ID   `json:"by"`
	Expires  time.Time     `json:"expires"`
	Holds    []spiffeid.ID `json:"holds,omitempty"`    // that a proxy gets when it joins
	Replaces bool          `json:"replaces,omitempty"` // who joins takes the place of who is there
	Code     string        `json:"code,omitempty"`     // why it cannot be used any more
	Reason   string        `json:"reason,omitempty"`   // the same in words
}

// CancelRequest names tokens: one by its ID, or all for somebody.
type CancelRequest struct {
	Which   string `json:"which"`
	Because string `json:"because,omitempty"`
}

// GrantRequest names a proxy, and the identity that it may hold or may not.
type GrantRequest struct {
	Proxy    string `json:"proxy"`
	Identity string `json:"identity"`
	Because  string `json:"because,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"` // change nothing
}

// Identities are those that there are.
type Identities struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Revision    int64                `json:"revision"`
	Now         time.Time            `json:"now"`
	Identities  []IdentityInfo       `json:"identities"`
}

// IdentityInfo is what is known of one.
type IdentityInfo struct {
	ID           spiffeid.ID   `json:"id"`
	Kind         string        `json:"kind"`
	Created      time.Time     `json:"created,omitzero"`
	Holds        []spiffeid.ID `json:"holds,omitempty"`     // of a proxy
	HeldBy       []spiffeid.ID `json:"held_by,omitempty"`   // proxies
	Certificates int           `json:"certificates"`        // that count
	NotAfter     time.Time     `json:"not_after,omitzero"`  // of the last of them
	Connected    bool          `json:"connected,omitempty"` // of a proxy
	Token        time.Time     `json:"token,omitzero"`      // until when somebody can join by an open token
	Revoked      *Revocation   `json:"revoked,omitempty"`
	Restored     *Revocation   `json:"restored,omitempty"` // who took the latest revocation back
	Was          *Revocation   `json:"was,omitempty"`      // that revocation
}

// Withdrawn says in words why certificates count no longer, by the Cause of a
// Revocation.
func Withdrawn(cause string) string {
	switch cause {
	case "restored":
		return "it was revoked, before its identity was restored"
	case "replaced":
		return "another host has joined in the place of its own"
	case "removed":
		return "its identity was removed"
	}
	return "its proxy may not hold that identity any more"
}
