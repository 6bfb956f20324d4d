package signet

import "github.com/signet-tls/signet/fault"

// Codes of this package. Refusals of a certificate have the codes of package
// verify.
const (
	// Truncated says that a stream ended without the peer's close_notify: what
	// arrived is unaltered, but not known to be all. Every end of a connection
	// that its peer did not announce has this code.
	Truncated fault.Code = "truncated"

	// Unread says that a connection was shut down before all of the peer's data
	// was read.
	Unread fault.Code = "unread_data"

	PeekTooFar         fault.Code = "peek_too_far"
	BindingUnavailable fault.Code = "binding_unavailable"
	ConfigInvalid      fault.Code = "config_invalid"
	AddressInvalid     fault.Code = "address_invalid"
	Unreachable        fault.Code = "unreachable"
	Timeout            fault.Code = "timeout"
	NotTLS             fault.Code = "not_tls"
	HandshakeCut       fault.Code = "handshake_cut"
	HandshakeFailed    fault.Code = "handshake_failed"
	HandshakeTooLarge  fault.Code = "handshake_too_large"
	CrowdedOut         fault.Code = "crowded_out"
	VersionMismatch    fault.Code = "tls_version_mismatch"
	CipherMismatch     fault.Code = "tls_cipher_mismatch"
	NoMasterSecret     fault.Code = "no_extended_master_secret"
	RecordAltered      fault.Code = "record_altered"
	ProtocolBroken     fault.Code = "protocol_broken"
	RefusedByPeer      fault.Code = "refused_by_peer"
	ClientCertRequired fault.Code = "client_cert_required"
	NotSupported       fault.Code = "not_supported"
	NotAuthorized      fault.Code = "not_authorized"
	PlaintextRefused   fault.Code = "plaintext_refused"
	ConnectionFailed   fault.Code = "connection_failed"
	SessionForeign     fault.Code = "session_foreign"
	SessionsInvalid    fault.Code = "sessions_invalid"
	HostUnknown        fault.Code = "host_unknown"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Truncated, Meaning: "The stream ended without the peer saying that this was all.",
			Cause: "The peer crashed, was cut off, was ended for cause, or somebody in between cut the connection.",
			Next:  "Treat what arrived as unfinished (it is unaltered) and fetch it again."},
		{Code: Unread, Meaning: "The connection was shut down before all that the peer had sent was read.",
			Cause: "The peer goes on sending, or the program did not read to the end.",
			Next:  "Read to io.EOF before the shutdown."},
		{Code: PeekTooFar, Meaning: "More was to be looked at ahead of reading than a connection keeps.",
			Cause: "A number that is negative, or above 16,384 bytes.",
			Next:  "Read what is before, or put a bufio.Reader over the connection."},
		{Code: BindingUnavailable, Meaning: "The connection has no key material or channel binding of the kind that was asked for; the message says why.",
			Cause: "tls-unique in TLS 1.3, tls-server-end-point with a certificate without a hash, or a reserved label.",
			Next:  "Use tls-exporter at both ends."},
		{Code: ConfigInvalid, Meaning: "The Client or Server lacks something, or contradicts itself; the message says what.",
			Cause: "A field was left at its zero value, which is never an open door.",
			Next:  "Set the field that the message names."},
		{Code: AddressInvalid, Meaning: "The address is not HOST:PORT.",
			Cause: "The port is missing, or a scheme was written in front.",
			Next:  "Write, for example, api.example.com:443 or [::1]:8443."},
		{Code: Unreachable, Meaning: "No connection could be made; nothing was sent.",
			Cause: "Nobody listens there, the name does not resolve, or a firewall refuses.",
			Next:  "Check that the peer runs and that the address is right."},
		{Code: Timeout, Meaning: "The peer did not answer in time.",
			Cause: "It is overloaded, not a TLS server, or a firewall drops the packets.",
			Next:  "Check that the peer runs and speaks TLS at this address."},
		{Code: NotTLS, Meaning: "The peer does not speak TLS.",
			Cause: "A plaintext port was named, or the protocol wants a command before TLS begins.",
			Next:  "Name the peer's TLS port."},
		{Code: HandshakeCut, Meaning: "The peer hung up during the handshake, without saying why.",
			Cause: "It is no TLS server, it crashed, or somebody in between cut the connection.",
			Next:  "Look into the peer's log."},
		{Code: HandshakeFailed, Meaning: "The two ends could not agree, or one broke the protocol; the message says how.",
			Cause: "No common version, cipher suite, group or application protocol; or bytes were altered on the way.",
			Next:  "Compare both ends' settings; look into the peer's log."},
		{Code: HandshakeTooLarge, Meaning: "The peer sent more than it may before it had proved who it is.",
			Cause: "It shows very many or very large certificates, or somebody tries to use up memory.",
			Next:  "If its certificates are that large, raise MaxHandshakeBytes."},
		{Code: CrowdedOut, Meaning: "A connection that had proved nothing yet made room for others.",
			Cause: "Somebody keeps many connections to the port open and does not finish their handshakes, or very many clients came at once.",
			Next:  "Find out who it is, and keep them from the port; clients connect again by themselves."},
		{Code: VersionMismatch, Meaning: "The two ends have no TLS version in common.",
			Cause: "The peer speaks TLS 1.1 or older only; between Signet's own ends it is TLS 1.3 alone.",
			Next:  "Upgrade the peer to TLS 1.3."},
		{Code: CipherMismatch, Meaning: "The two ends have no cipher suite, key exchange or kind of certificate in common.",
			Cause: "The peer has old ones alone: RC4, 3DES, CBC, or keys without forward secrecy; or it serves no host of this name.",
			Next:  "On the peer, switch on TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305."},
		{Code: NoMasterSecret, Meaning: "The peer speaks TLS 1.2 without the extended master secret (RFC 7627), so the connection is not bound to its handshake.",
			Cause: "A TLS library from before 2015.",
			Next:  "Upgrade the peer's TLS library, or have it speak TLS 1.3."},
		{Code: RecordAltered, Meaning: "Bytes were altered on their way; none of them was delivered.",
			Cause: "A broken device or an attacker between the two ends.",
			Next:  "Do not retry blindly: find out who changes the traffic."},
		{Code: ProtocolBroken, Meaning: "The peer sent what TLS does not allow, on a connection that stood; the message says what.",
			Cause: "Its TLS library is broken, or somebody tries to use up this end's time: by empty records, or new keys again and again.",
			Next:  "Upgrade the peer's TLS library; if that is not it, find out what the peer is."},
		{Code: RefusedByPeer, Meaning: "The peer refused us, by a TLS alert that the message names.",
			Cause: "It does not trust our certificate, or its policy says no; an alert cannot say more.",
			Next:  "The reason stands in the peer's log."},
		{Code: ClientCertRequired, Meaning: "The peer wants a client certificate and we showed none.",
			Cause: "Client.Identity is not set.",
			Next:  "Set Client.Identity."},
		{Code: NotSupported, Meaning: "The peer asked for what Signet does not do: a second handshake on one connection (renegotiation).",
			Cause: "A server of TLS 1.2 that asks for a certificate only after the first request, or a client that begins one.",
			Next:  "Have it ask in the first handshake; or have both ends speak TLS 1.3."},
		{Code: NotAuthorized, Meaning: "The peer proved who it is, and may not do this.",
			Cause: "The Authorize function said no.",
			Next:  "Ask whoever decides the policy."},
		{Code: PlaintextRefused, Meaning: "A plain http:// address was asked of a client that only speaks TLS.",
			Cause: "A wrong URL, or a redirect that would leave TLS.",
			Next:  "Use the https:// address."},
		{Code: ConnectionFailed, Meaning: "The connection broke.",
			Cause: "The network or this machine; the message has the system's reason.",
			Next:  "Try again."},
		{Code: SessionForeign, Meaning: "A session was resumed at a server to which it does not belong, so the connection was ended.",
			Cause: "The program replaced UnwrapSession in what a Server's TLSConfig returned.",
			Next:  "Leave it as it is; share Tickets among servers that are to resume each other's sessions."},
		{Code: SessionsInvalid, Meaning: "Exported sessions cannot be imported; nothing of them was used.",
			Cause: "They were altered, sealed under another key, or exported by a program that was built with another version of Go.",
			Next:  "Go on without them: connections then begin new sessions."},
		{Code: HostUnknown, Meaning: "The client wants a host that the server does not have.",
			Cause: "A name that is missing in Server.Hosts, or a client that sends none (SNI), such as one that dialed an IP address.",
			Next:  "Add the name to Hosts, or give that a server for \"*\"."},
	}
}
