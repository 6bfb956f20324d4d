// Package record is one end of a TLS 1.3 connection after its handshake: the record
// layer, and what may be said on it (RFC 8446, sections 4.6, 5 and 6), without I/O.
// crypto/tls makes the handshake; bytes go in and come out of a Session. On Linux Loops
// carry connections with it, each joined with a plain one. Where crypto/tls and
// the RFC leave a choice, its choice is taken, alerts and limits included; where they
// differ, the RFC's:
//
//   - A change_cipher_spec after the handshake is refused (section 5).
//   - A record with nothing inside, no type either, is refused (section 5.4).
//   - An unknown KeyUpdateRequest is an illegal_parameter (section 4.6.3).
//   - A message that may not come is an unexpected_message as soon as its header is there,
//     whatever it has (section 4); an empty ticket is refused even if it is not to live
//     (section 4.6.1).
//   - Requests that come while nothing is sent are answered by one KeyUpdate (section
//     4.6.3).
package record
