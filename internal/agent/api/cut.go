package api

import (
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// CutRequest asks to end live connections, without changing a rule: one by the
// beginning of its ID, or all from one identity to another.
type CutRequest struct {
	Conn    string `json:"conn,omitempty"`
	From    string `json:"from,omitempty"` // as PairRequest
	To      string `json:"to,omitempty"`
	Because string `json:"because,omitempty"`
	Most    int    `json:"most,omitempty"` // more than so many are not ended, but refused; 0: however many
}

// Cut names connections that a proxy is to end.
type Cut struct {
	Conns  []string `json:"conns"`
	Reason string   `json:"reason"` // in words, for both ends
}

// CutDone is what a cut did.
type CutDone struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Now         time.Time            `json:"now"`
	Ended       []EndedConn          `json:"ended"`            // with how many of their proxies have confirmed it
	Remain      []EndedConn          `json:"remain,omitempty"` // were to be ended, and are live still
	Others      int                  `json:"others"`           // connections that go on
	Silent      []Missing            `json:"silent,omitempty"` // proxies that did not answer
	Alone       bool                 `json:"alone,omitempty"`  // as in History
}
