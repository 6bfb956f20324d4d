package proxy

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	BackendUnreachable fault.Code = "backend_unreachable"
	ProgramGone        fault.Code = "program_gone"
	AdminRequest       fault.Code = "admin_request_unreadable"
	UserRefused        fault.Code = "user_refused"
	NotPostgres        fault.Code = "not_postgres"
	PostgresWantsTLS   fault.Code = "postgres_wants_tls"
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
		{Code: AdminRequest, Meaning: "What came to the proxy's admin socket is not a question of its.",
			Cause: "Another program, or a signet command of another version.",
			Next:  "Use the signet command of the proxy's version."},
		{Code: UserRefused, Meaning: "The user who runs the program may not connect to the door's Unix socket.",
			Cause: "The program runs as another user than those whom the door lets in.",
			Next:  "Name the user in the door's list of users, in the proxy's configuration."},
		{Code: NotPostgres, Meaning: "The program at a door for PostgreSQL did not begin as a PostgreSQL client does.",
			Cause: "Another protocol, or a client that begins with TLS at once.",
			Next:  "Connect with a PostgreSQL client, and sslmode=prefer or disable: TLS begins behind the door."},
		{Code: PostgresWantsTLS, Meaning: "A PostgreSQL client insists on TLS on the way to its door, which is on its own machine.",
			Cause: "sslmode=require, verify-ca or verify-full.",
			Next:  "Connect with sslmode=disable, or prefer: TLS begins behind the door."},
	}
}
