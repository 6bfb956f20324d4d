package identity

import (
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// usages are what a certificate must say that it may be used for.
var usages = map[verify.Purpose]struct {
	oids []pki.OID // one of them
	text string
}{
	verify.ServerAuth: {[]pki.OID{pki.OIDServerAuth}, "TLS servers (serverAuth)"},
	verify.ClientAuth: {[]pki.OID{pki.OIDClientAuth}, "TLS clients (clientAuth)"},
	verify.AnyPurpose: {[]pki.OID{pki.OIDServerAuth, pki.OIDClientAuth}, "TLS (serverAuth or clientAuth)"},
}

// fit says why no peer would accept a certificate of ours, or nil: it is out of its
// time, names nobody (RFC 9525, section 2), or is for something else.
func fit(leaf *pki.Certificate, purpose verify.Purpose, now time.Time) error {
	usage, ok := usages[purpose]
	if !ok {
		return unfit("an identity is for verify.ServerAuth, verify.ClientAuth or verify.AnyPurpose", "set Purpose to one of them")
	}
	names, namesErr := leaf.SubjectAltNames()
	purposes, purposesErr := leaf.ExtKeyUsage()
	switch {
	case leaf.Expired(now):
		return expired(leaf)
	case now.Before(leaf.NotBefore()):
		return unfit(leaf.Title()+" is not valid before "+leaf.NotBefore().UTC().Format(time.RFC1123), "check this machine's clock, or wait")
	case namesErr != nil || len(names) == 0:
		return unfit(leaf.Title()+" has no subject alternative name, so that nobody can tell whose it is", "have it issued again with the names that peers ask for")
	case purposesErr != nil || !slices.ContainsFunc(purposes, func(oid pki.OID) bool { return slices.Contains(usage.oids, oid) }):
		return unfit(leaf.Title()+" does not say that it is for "+usage.text, "have it issued again with this extended key usage, or set Purpose to what it is for")
	}
	return nil
}

func unfit(message, hint string) error { return fault.New(Unfit, "%s", message).WithHint("%s", hint) }

func expired(leaf *pki.Certificate) error {
	return fault.New(Expired, "our own certificate, %s, expired on %s", leaf.Title(), leaf.NotAfter().UTC().Format(time.RFC1123)).
		WithHint("have a new one issued; if that was done already, see that it is in the place of this one, and look into the program's log")
}
