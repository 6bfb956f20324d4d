package revocation

import (
	"context"
	"time"
)

// Fetcher brings what is at a URL that a certificate names. This package and verify
// open no socket and no file: they are handed one; package revocation/fetch has
// one for HTTP. It must be safe for concurrent use.
type Fetcher interface {
	Fetch(ctx context.Context, request Request) ([]byte, error)
}

// Request is for one thing at one URL.
type Request struct {
	Kind Kind
	URL  string
	Body []byte // what is sent: an OCSP request in DER; nil: nothing

	// Check says until when an answer may be given again to who asks the same,
	// the zero time for not at all, or why it is none. What was kept is shown to it
	// again, and asked for anew where it no longer passes. It may be called more
	// than once, but not at the same time.
	Check func(answer []byte) (until time.Time, err error)
}

// Kind is what is asked for.
type Kind int

// The kinds.
const (
	List     Kind = iota // a revocation list
	Response             // an OCSP response
	Issuer               // an issuer's certificate
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"revocation list", "OCSP response", "issuer's certificate"}[k]
}
