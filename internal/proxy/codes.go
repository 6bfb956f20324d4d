package proxy

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	BackendUnreachable fault.Code = "backend_unreachable"
	CertificateExpired fault.Code = "own_certificate_expired"
	ShuttingDown       fault.Code = "shutting_down"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: BackendUnreachable, Meaning: "The service behind the proxy does not answer.",
			Cause: "The program is not running, or listens elsewhere.",
			Next:  "Start the program, or correct its address in the proxy's configuration."},
		{Code: CertificateExpired, Meaning: "The connection ended because this end's own certificate did, and was not renewed.",
			Cause: "The authority was not reachable for half of the certificate's life.",
			Next:  "Bring the authority back; certificates renew by themselves."},
		{Code: ShuttingDown, Meaning: "The connection ended because its proxy was stopped.",
			Cause: "Somebody stopped the proxy.",
			Next:  "Start it again."},
	}
}
