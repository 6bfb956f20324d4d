// Package ciphers speaks OpenSSL's language about cipher suites, groups and
// protocol versions: its names, and its strings that choose suites.
package ciphers

import (
	"crypto/tls"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// suite is a cipher suite of TLS up to 1.2, as OpenSSL has it.
type suite struct {
	id      uint16
	name    string
	version string // the least that has it: "SSLv3", "TLSv1", "TLSv1.2"
	kx, au  string // key exchange and authentication: "ECDH", "RSA"; "None"
	enc     string // the cipher, without its key's length: "AESGCM"; "None"
	bits    int    // the key's length
	mac     string // "SHA1", "SHA256"; "AEAD" where the cipher does it
	normal  bool   // part of OpenSSL's DEFAULT
	fips    bool
}

// suitesText is "openssl ciphers -V ALL:COMPLEMENTOFALL" of OpenSSL 3.0, without
// TLS 1.3, and with what crypto/tls knows that builds of OpenSSL leave out: the
// number, name, version, key exchange, authentication, cipher and MAC; d for
// DEFAULT and f for FIPS.
//
//go:embed suites.txt
var suitesText string

// suites is the table; it is never changed.
var suites = sync.OnceValue(func() []suite {
	lines := strings.Split(strings.TrimSpace(suitesText), "\n")
	table := make([]suite, len(lines))
	for i, line := range lines {
		cells := strings.Fields(line)
		id, err := strconv.ParseUint(cells[0], 16, 16)
		if err != nil {
			panic(fmt.Sprintf("suites.txt, line %d: %v", i+1, err))
		}
		enc, length, _ := strings.Cut(strings.TrimSuffix(cells[5], ")"), "(")
		bits, _ := strconv.Atoi(length) // None has no length
		table[i] = suite{uint16(id), cells[1], cells[2], cells[3], cells[4], enc, bits, cells[6],
			strings.Contains(cells[7], "d"), strings.Contains(cells[7], "f")}
	}
	return table
})

// goSuites are the numbers of the suites that crypto/tls knows, up to TLS 1.2.
var goSuites = sync.OnceValue(func() []uint16 {
	var ids []uint16
	for _, known := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.ContainsFunc(known.SupportedVersions, func(version uint16) bool { return version <= tls.VersionTLS12 }) {
			ids = append(ids, known.ID)
		}
	}
	return ids
})

// Name returns OpenSSL's name of a suite, such as ECDHE-RSA-AES128-GCM-SHA256;
// those of TLS 1.3 have the same everywhere. It is "" for a number without one.
func Name(id uint16) string {
	for _, s := range suites() {
		if s.id == id {
			return s.name
		}
	}
	for _, known := range tls.CipherSuites() {
		if known.ID == id {
			return known.Name
		}
	}
	return ""
}

// Bits returns the length of a suite's key in bits, or 0 for a number that has
// no Name.
func Bits(id uint16) int {
	for _, s := range suites() {
		if s.id == id {
			return s.bits
		}
	}
	switch id {
	case tls.TLS_AES_128_GCM_SHA256:
		return 128
	case tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256:
		return 256
	}
	return 0
}

// Version returns OpenSSL's name of a protocol version, such as TLSv1.3.
func Version(version uint16) string {
	return strings.TrimSuffix(strings.Replace(tls.VersionName(version), "TLS ", "TLSv", 1), ".0")
}

// groups are OpenSSL's names of what crypto/tls has; P-256 has two.
var groups = map[tls.CurveID]string{
	tls.CurveP256: "secp256r1", tls.CurveP384: "secp384r1", tls.CurveP521: "secp521r1", tls.X25519: "x25519",
	tls.X25519MLKEM768: "X25519MLKEM768", tls.SecP256r1MLKEM768: "SecP256r1MLKEM768", tls.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
}

// Group returns OpenSSL's name of a group of a key exchange, such as x25519 or
// secp256r1, or "" for one without.
func Group(id tls.CurveID) string { return groups[id] }
