package proxy

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	BackendUnreachable fault.Code = "backend_unreachable"
	ProgramGone        fault.Code = "program_gone"
	CertificateExpired fault.Code = "own_certificate_expired"
	PeerExpired        fault.Code = "peer_certificate_expired"
	ShuttingDown       fault.Code = "shutting_down"
	TooManyConnections fault.Code = "too_many_connections"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: BackendUnreachable, Meaning: "The service behind the proxy does not answer.",
			Cause: "The program is not running, or listens elsewhere.",
			Next:  "Start the program, or correct its address in the proxy's configuration."},
		{Code: ProgramGone, Meaning: "The plain program at one end broke the connection off before all was said, so the other end was told that it was cut.",
			Cause: "Somebody stopped the program, or it crashed.",
			Next:  "Look into the program's log; connect again."},
		{Code: CertificateExpired, Meaning: "The connection ended because this end's own certificate did, and was not renewed.",
			Cause: "The authority was not reachable for half of the certificate's life.",
			Next:  "Bring the authority back; certificates renew by themselves."},
		{Code: PeerExpired, Meaning: "The connection ended because the other end's certificate did, and the authority knows of no newer one in the same hands.",
			Cause: "A client without a proxy, whose certificate nobody renews, or an authority that could not be asked.",
			Next:  "The other end connects again, with a new certificate."},
		{Code: ShuttingDown, Meaning: "The connection ended because its proxy was stopped.",
			Cause: "Somebody stopped the proxy.",
			Next:  "Start it again."},
		{Code: TooManyConnections, Meaning: "The port carries as many connections as it may, in all or of this identity.",
			Cause: "A client opens connections and does not close them, or is busier than one port is meant for.",
			Next:  "Have the client close what it does not use, or spread the service over more ports."},
	}
}
