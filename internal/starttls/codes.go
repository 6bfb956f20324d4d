package starttls

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unknown  fault.Code = "starttls_unknown"
	Refused  fault.Code = "starttls_refused"
	Failed   fault.Code = "starttls_failed"
	Injected fault.Code = "starttls_injected"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unknown, Meaning: "It is not known how TLS is asked for in this protocol.",
			Cause: "A mistyped name.",
			Next:  "Choose postgres, smtp, imap, ldap, pop3 or ftp."},
		{Code: Refused, Meaning: "The server does not go on in TLS.",
			Cause: "TLS is switched off in the server, or somebody in between has taken its offer out of what it says.",
			Next:  "Switch TLS on in the server; until then send nothing that others must not read."},
		{Code: Failed, Meaning: "The server did not speak the protocol in which TLS was to be asked for.",
			Cause: "Another protocol is spoken at the port, or TLS from its first byte.",
			Next:  "Check the port, and which protocol is spoken there."},
		{Code: Injected, Meaning: "Plain bytes came behind the server's word that TLS begins.",
			Cause: "Somebody in between adds to what the server says, so that it counts as said in TLS; or the server is broken.",
			Next:  "Do not use the connection; find out who changes the traffic."},
	}
}
