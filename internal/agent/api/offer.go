package api

import "github.com/signet-tls/signet/spiffeid"

// Bounds of the registry.
const (
	MaxOffer     = 1000 // services, and the same of wants, of one proxy
	MaxAddresses = 64   // of one service, that a proxy is told
)

// Offer says what one proxy serves and where, and for which services its doors ask
// for addresses. It stands in the place of the one before.
type Offer struct {
	Services []Endpoint    `json:"services,omitempty"`
	Wants    []spiffeid.ID `json:"wants,omitempty"`
}

// Endpoint is where a service listens. Who connects there still asks for the
// service's certificate: a wrong address leads nowhere.
type Endpoint struct {
	ID      spiffeid.ID `json:"id"`
	Address string      `json:"address"` // HOST:PORT
}

// Where is where a service's proxies listen at present; nowhere if it is empty.
type Where struct {
	ID        spiffeid.ID `json:"id"`
	Addresses []string    `json:"addresses"`
}
