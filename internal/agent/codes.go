package agent

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	NoTruthYet         fault.Code = "no_truth_yet"
	CertificatePending fault.Code = "certificate_pending"
	AuthorityFailed    fault.Code = "authority_failed"
	OutboxFull         fault.Code = "events_lost"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NoTruthYet, Meaning: "The proxy has not heard from its authority since it started, so it lets nobody pass.",
			Cause: "The authority is not running, or not reachable from the proxy.",
			Next:  "Start the authority, or look at the proxy's log for why it cannot be reached."},
		{Code: CertificatePending, Meaning: "The proxy has no certificate for the identity yet.",
			Cause: "It has just started, the authority is not reachable, or the identity was revoked.",
			Next:  "Try again in a moment; if it stays so, look at the proxy's log."},
		{Code: AuthorityFailed, Meaning: "The authority gave an answer that cannot be used.",
			Cause: "Proxy and authority are of different versions, or one of them has a defect.",
			Next:  "Run both with the same version of signet."},
		{Code: OutboxFull, Meaning: "Events were dropped because the authority took none for too long.",
			Cause: "The authority is gone or overloaded.",
			Next:  "The gap stays, and signet conns tells its size; connections were not affected."},
	}
}
