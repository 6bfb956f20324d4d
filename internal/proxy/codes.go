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
	UserRefused        fault.Code = "user_refused"
	NotPostgres        fault.Code = "not_postgres"
	PostgresWantsTLS   fault.Code = "postgres_wants_tls"
	Stale              fault.Code = "authority_silent"
	NoAddress          fault.Code = "no_address"
	NoAnswer           fault.Code = "no_answer"
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
		{Code: UserRefused, Meaning: "The user who runs the program may not connect to the door's Unix socket.",
			Cause: "The program runs as another user than those whom the door lets in.",
			Next:  "Name the user in the door's list of users, in the proxy's configuration."},
		{Code: NotPostgres, Meaning: "The program at a door for PostgreSQL did not begin as a PostgreSQL client does.",
			Cause: "Another protocol, or a client that begins with TLS at once.",
			Next:  "Connect with a PostgreSQL client, and sslmode=prefer or disable: TLS begins behind the door."},
		{Code: PostgresWantsTLS, Meaning: "A PostgreSQL client insists on TLS on the way to its door, which is on its own machine.",
			Cause: "sslmode=require, verify-ca or verify-full.",
			Next:  "Connect with sslmode=disable, or prefer: TLS begins behind the door."},
		{Code: NoAddress, Meaning: "It is not known where the service listens.",
			Cause: "Its door has no addresses of its own, and no proxy of the service has told the authority of one: none runs, or it listens on all addresses and does not say by which it is reached.",
			Next:  "Start the service's proxy; give its service advertise = \"HOST:PORT\", or the door addresses."},
		{Code: NoAnswer, Meaning: "The service's proxy did not finish the handshake in time.",
			Cause: "It hangs, or is overloaded, or something else listens there.",
			Next:  "Look at the proxy of the service; connect_timeout is the time that one address has."},
		{Code: Stale, Meaning: "The proxy has not heard from the authority for so long that it lets nobody pass.",
			Cause: "The authority is gone, or the way to it is cut, for longer than stale_after and stale_for together.",
			Next:  "Bring the authority back; or set when_stale = \"open\" where being served counts more."},
	}
}
