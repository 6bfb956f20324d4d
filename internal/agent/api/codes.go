package api

import "github.com/signet-tls/signet/fault"

// Codes that the authority, its agents and its operators share.
const (
	IdentityUnknown      fault.Code = "identity_unknown"
	ConnectionCut        fault.Code = "connection_cut"
	IdentityRevoked      fault.Code = "identity_revoked"
	TokenMalformed       fault.Code = "token_malformed"
	CertificateWithdrawn fault.Code = "certificate_withdrawn"
	ProxyTwice           fault.Code = "proxy_twice"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: IdentityUnknown, Meaning: "No identity of this trust domain has that name.",
			Cause: "A typing error, or the identity was never enrolled.",
			Next:  "Use one of the names that the message lists."},
		{Code: ConnectionCut, Meaning: "An operator ended the connection, and changed no rule: it may come back.",
			Cause: "Somebody used signet cut; signet why CONN says who, and why.",
			Next:  "Connect again; signet deny FROM TO keeps it out."},
		{Code: IdentityRevoked, Meaning: "The identity was revoked: its certificates are dead and it gets no new one.",
			Cause: "An operator revoked it; signet why CONN tells who, when and why.",
			Next:  "It comes back when an operator restores it, with a new key: signet restore WHO."},
		{Code: CertificateWithdrawn, Meaning: "This certificate counts no longer, though its identity may have others.",
			Cause: "It was revoked before the identity was restored, another host joined in its place, or its proxy may not hold the identity any more.",
			Next:  "Ask an operator what happened; then join again: signet token new WHO --again | signet enroll"},
		{Code: ProxyTwice, Meaning: "Two processes are the same proxy: the one that was there first and answers stays, the other is refused.",
			Cause: "A host folder was copied, or a machine was cloned with its folder in it.",
			Next:  "Stop one of the two, and enroll it under a name of its own; if nobody of yours made the copy, revoke the proxy."},
		{Code: TokenMalformed, Meaning: "What was given is not a token, or not a whole one.",
			Cause: "A part of the line was lost on its way, or it is something else.",
			Next:  "Give the whole line: signet token new WHO | signet enroll"},
	}
}
