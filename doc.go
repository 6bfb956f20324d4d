// Package signet is TLS whose zero value is the safe one. A Client or Server
// says whom it believes and who its peer must be, verifies that before the
// first byte of data, on resumed connections too, and delivers the end of a
// stream only if the peer announced it.
package signet
