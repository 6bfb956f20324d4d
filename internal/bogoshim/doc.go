// Package bogoshim holds Signet's connections to BoGo, the tests of TLS that
// BoringSSL has for itself and others: its runner is a TLS library that breaks the
// protocol on purpose, and it says by flags what the other end must do. That end is
// here: the tests of this package run the runner, which runs them again as its peer.
package bogoshim
