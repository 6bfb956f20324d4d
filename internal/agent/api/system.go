package api

import (
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// System is how a trust domain is doing: what "signet status" tells.
type System struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Revision    int64                `json:"revision"`
	Now         time.Time            `json:"now"`
	Started     time.Time            `json:"started"` // of the authority
	Identities  int                  `json:"identities"`
	Rules       int                  `json:"rules"`
	Entries     int64                `json:"audit_entries"`
	Conns       int                  `json:"connections"` // each once, as far as proxies tell
	Proxies     []ProxyState         `json:"proxies"`     // but for those that are revoked
	Barred      []spiffeid.ID        `json:"revoked_proxies,omitempty"`
	Lives       []Life               `json:"certificates"`    // the newest of each identity in each hands
	Alone       bool                 `json:"alone,omitempty"` // as in History: it is one proxy
}

// ProxyState is one proxy as the authority sees it.
type ProxyState struct {
	ID        spiffeid.ID   `json:"id"`
	Created   time.Time     `json:"created"`
	Connected bool          `json:"connected"`
	Since     time.Time     `json:"since,omitzero"` // when it was last heard of; zero: never since the authority started
	Stale     bool          `json:"stale"`          // it has been cut off for so long that it says so itself
	Revision  int64         `json:"revision"`       // that it has in force
	Answered  bool          `json:"answered"`       // it has told its connections
	Conns     int           `json:"connections"`
	Holds     []spiffeid.ID `json:"holds"` // identities that were granted to it
	// Rival is where a second process of its name was a moment ago, which was refused.
	Rival string `json:"rival,omitempty"`
}

// StaleAfter is how long an authority may be silent until a proxy is stale, unless
// its configuration says otherwise.
const StaleAfter = 30 * time.Second

// Life is that of a certificate.
type Life struct {
	What   LifeOf      `json:"what"`
	ID     spiffeid.ID `json:"id,omitzero"`
	Holder spiffeid.ID `json:"holder,omitzero"` // the proxy that has it; zero: ID itself
	Title  string      `json:"title,omitempty"` // of an authority's
	From   time.Time   `json:"from"`
	Until  time.Time   `json:"until"`
}

// LifeOf says whose certificate it is.
type LifeOf string

// The kinds of holders.
const (
	RootLife         LifeOf = "root"
	IntermediateLife LifeOf = "intermediate"
	ProxyLife        LifeOf = "proxy"
	ServiceLife      LifeOf = "service"
	OperatorLife     LifeOf = "operator"
)

// Left is the part of its life that a certificate has left: 1 is all, 0 is none.
func (l Life) Left(now time.Time) float64 {
	whole := l.Until.Sub(l.From)
	if whole <= 0 || !now.Before(l.Until) {
		return 0
	}
	return min(float64(l.Until.Sub(now))/float64(whole), 1)
}
