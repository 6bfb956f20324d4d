package signet

import "fmt"

// alertWords are what is known of an alert: its name, what it means behind "the
// peer refused us:", and what usually lies behind it.
type alertWords struct{ name, meaning, cause string }

// alerts are what an end may say (RFC 8446, section 6; those that TLS 1.3 has
// given up: RFC 5246, section 7.2; 52: RFC 9147, section 4; 117: RFC 9846,
// section 6; 121: RFC 9849, section 5).
var alerts = map[uint8]alertWords{
	0:   {"close_notify", "the end, before anything was said", "the program there gave up, or is being stopped"},
	10:  {"unexpected_message", "a message came out of turn", "one of the two TLS libraries is broken, or somebody in between changes the traffic"},
	20:  {"bad_record_mac", "a record was altered", "a broken device or an attacker in between"},
	21:  {"decryption_failed", "a record could not be decrypted", "a broken device or an attacker in between"},
	22:  {"record_overflow", "a record was too long", "one of the two TLS libraries is broken, or somebody in between changes the traffic"},
	30:  {"decompression_failure", "a record could not be decompressed", "the other end's TLS library is very old"},
	40:  {"handshake_failure", "no version, cipher suite and group suited both ends", "one end is too old or too strict; an older server also says it for a certificate that it misses"},
	41:  {"no_certificate", "a certificate is missing", "the other end speaks SSL 3, and no certificate was shown"},
	42:  {"bad_certificate", "the certificate is not accepted", "its signer is not trusted, it has another name, its dates are over, it is revoked, or policy says no: Go's TLS has this alert for all of them"},
	43:  {"unsupported_certificate", "the certificate is of a kind that is not supported", "its key is of a kind or length that is not known there, or it is not meant for this end of a connection (extended key usage)"},
	44:  {"certificate_revoked", "the certificate was revoked", "its authority has revoked it, or one above it"},
	45:  {"certificate_expired", "the certificate has expired", "it was not renewed, it is not valid yet, or a clock is wrong"},
	46:  {"certificate_unknown", "the certificate is not accepted", "a rule of the other end's own, or a reason that it does not tell"},
	47:  {"illegal_parameter", "a value was not allowed where it stood", "one of the two TLS libraries is broken, or somebody in between changes the traffic"},
	48:  {"unknown_ca", "the certificate's authority is not trusted", "the other end does not have the root, or an intermediate was not sent along"},
	49:  {"access_denied", "the certificate is good, its owner has no access", "policy says no"},
	50:  {"decode_error", "a message could not be read", "one of the two TLS libraries is broken, or somebody in between changes the traffic"},
	51:  {"decrypt_error", "a signature or a key exchange did not hold", "a certificate's key is not the one in use, or an attacker in between"},
	52:  {"too_many_cids_requested", "too many connection IDs were asked for", "one of the two DTLS libraries is broken"},
	60:  {"export_restriction", "a key was of a forbidden length", "the other end's TLS library is from before the year 2000"},
	70:  {"protocol_version", "no TLS version is common to both ends", "one end is too old"},
	71:  {"insufficient_security", "stronger cipher suites are wanted", "the other end's settings are stricter than these"},
	80:  {"internal_error", "something failed that has nothing to do with the other end", "a certificate or key cannot be read there, memory is short, or a program's own check failed"},
	86:  {"inappropriate_fallback", "an older TLS version was asked for than both ends know", "somebody in between makes newer versions fail"},
	90:  {"user_canceled", "the user canceled", "a person, or a program that is being stopped"},
	100: {"no_renegotiation", "a second handshake on the connection is refused", "a server asks for a certificate only after the first request"},
	109: {"missing_extension", "a message lacked an extension that it must have", "one end's TLS library is broken, or its settings leave out key shares or signature algorithms"},
	110: {"unsupported_extension", "an extension came that was not asked for", "one of the two TLS libraries is broken, or somebody in between changes the traffic"},
	111: {"certificate_unobtainable", "the certificate could not be fetched", "the place that a client's certificate was said to be at does not answer"},
	112: {"unrecognized_name", "no host of this name is served here", "the name is misspelt, its DNS points to another server, or the server has no certificate for it"},
	113: {"bad_certificate_status_response", "the stapled OCSP answer is not accepted", "it is too old, of another certificate, or says revoked"},
	114: {"bad_certificate_hash_value", "the certificate is not the one that was announced", "the file at the announced place was replaced"},
	115: {"unknown_psk_identity", "the session or shared key is not known", "the server has forgotten the session, or the keys of the two ends differ"},
	116: {"certificate_required", "a certificate is wanted, and none was shown", "the client has none, or none by the authorities that the server named"},
	117: {"general_error", "it failed, and no other alert fits", "a reason that TLS has no name for"},
	120: {"no_application_protocol", "no application protocol (ALPN) is common to both ends", "the port serves another protocol than the one that was asked for"},
	121: {"ech_required", "an encrypted ClientHello is wanted", "the name's DNS has newer keys than were used"},
}

// Name is the alert's name in its standard, such as bad_certificate, or "" for a
// number that has none.
func (a Alert) Name() string { return alerts[a.Number].name }

// String says it in a line: "received alert 42 bad_certificate".
func (a Alert) String() string {
	if name := a.Name(); name != "" {
		return fmt.Sprintf("%s alert %d %s", a.Direction, a.Number, name)
	}
	return fmt.Sprintf("%s unknown alert %d", a.Direction, a.Number)
}

// words says in a sentence's end what an alert means, and its number and name.
func (a Alert) words() string {
	if known, ok := alerts[a.Number]; ok {
		return fmt.Sprintf("%s (alert %d %s)", known.meaning, a.Number, known.name)
	}
	return fmt.Sprintf("for a reason that TLS has no name for (unknown alert %d)", a.Number)
}

// next says what usually lies behind it, and where the reason stands: at whoever
// sent it.
func (a Alert) next() string {
	where := "the reason stands in the peer's log"
	if a.Direction == Sent {
		where = bothEnds
	}
	if known, ok := alerts[a.Number]; ok {
		return where + "; usually: " + known.cause
	}
	return where
}
