package pki

import "crypto/elliptic"

// algorithm is what the object identifier of a key's AlgorithmIdentifier stands
// for.
type algorithm struct {
	name   string
	bits   int    // where the algorithm fixes it
	reason string // why such a key is only described, or ""
}

// Reasons why a key is only described.
const (
	noSuchCrypto = "Go's cryptography does not have it"
	exchangeOnly = "it is for key exchange and signs nothing"
	withdrawn    = "NIST has withdrawn it (FIPS 186-5), and no TLS client takes it"
)

// Algorithms of keys (RFC 3279, RFC 4055, RFC 5480, RFC 8410; NIST's CSOR for
// the post-quantum ones; RFC 9215 for GOST).
const (
	oidDH  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01" // 1.2.840.113549.1.3.1
	oidDHX OID = "\x2a\x86\x48\xce\x3e\x02\x01"         // 1.2.840.10046.2.1
)

var algorithms = map[OID]algorithm{
	oidRSA:     {name: "RSA"},
	oidEC:      {name: "EC"}, // the curve says more
	oidEd25519: {name: string(Ed25519), bits: 256},

	oidRSAPSS:                              {name: "RSA-PSS", reason: "it is bound to RSASSA-PSS, and crypto/x509 takes no such key; an ordinary RSA key can sign by PSS too"},
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07": {name: "RSA-OAEP", reason: "it is bound to encryption and signs nothing"}, // 1.2.840.113549.1.1.7
	oidDSA:                                 {name: "DSA", reason: withdrawn},
	oidDH:                                  {name: "DH", reason: exchangeOnly},
	oidDHX:                                 {name: "DH", reason: exchangeOnly},
	"\x2b\x65\x6e":                         {name: "X25519", bits: 256, reason: exchangeOnly},            // 1.3.101.110
	"\x2b\x65\x6f":                         {name: "X448", bits: 448, reason: exchangeOnly},              // 1.3.101.111
	"\x2b\x65\x71":                         {name: "Ed448", bits: 456, reason: noSuchCrypto},             // 1.3.101.113
	"\x2b\x81\x04\x01\x0c":                 {name: "ECDH", reason: exchangeOnly},                         // 1.3.132.1.12
	"\x2b\x81\x04\x01\x0d":                 {name: "ECMQV", reason: exchangeOnly},                        // 1.3.132.1.13
	"\x2a\x85\x03\x02\x02\x13":             {name: "GOST R 34.10-2001", bits: 256, reason: noSuchCrypto}, // 1.2.643.2.2.19
	"\x2a\x85\x03\x07\x01\x01\x01\x01":     {name: "GOST R 34.10-2012", bits: 256, reason: noSuchCrypto}, // 1.2.643.7.1.1.1.1
	"\x2a\x85\x03\x07\x01\x01\x01\x02":     {name: "GOST R 34.10-2012", bits: 512, reason: noSuchCrypto}, // 1.2.643.7.1.1.1.2
	"\x60\x86\x48\x01\x65\x03\x04\x03\x11": {name: "ML-DSA-44", reason: noSuchCrypto},                    // 2.16.840.1.101.3.4.3.17
	"\x60\x86\x48\x01\x65\x03\x04\x03\x12": {name: "ML-DSA-65", reason: noSuchCrypto},                    // 2.16.840.1.101.3.4.3.18
	"\x60\x86\x48\x01\x65\x03\x04\x03\x13": {name: "ML-DSA-87", reason: noSuchCrypto},                    // 2.16.840.1.101.3.4.3.19
	"\x60\x86\x48\x01\x65\x03\x04\x03\x14": {name: "SLH-DSA-SHA2-128s", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.20
	"\x60\x86\x48\x01\x65\x03\x04\x03\x15": {name: "SLH-DSA-SHA2-128f", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.21
	"\x60\x86\x48\x01\x65\x03\x04\x03\x16": {name: "SLH-DSA-SHA2-192s", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.22
	"\x60\x86\x48\x01\x65\x03\x04\x03\x17": {name: "SLH-DSA-SHA2-192f", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.23
	"\x60\x86\x48\x01\x65\x03\x04\x03\x18": {name: "SLH-DSA-SHA2-256s", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.24
	"\x60\x86\x48\x01\x65\x03\x04\x03\x19": {name: "SLH-DSA-SHA2-256f", reason: noSuchCrypto},            // 2.16.840.1.101.3.4.3.25
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1a": {name: "SLH-DSA-SHAKE-128s", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.26
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1b": {name: "SLH-DSA-SHAKE-128f", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.27
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1c": {name: "SLH-DSA-SHAKE-192s", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.28
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1d": {name: "SLH-DSA-SHAKE-192f", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.29
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1e": {name: "SLH-DSA-SHAKE-256s", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.30
	"\x60\x86\x48\x01\x65\x03\x04\x03\x1f": {name: "SLH-DSA-SHAKE-256f", reason: noSuchCrypto},           // 2.16.840.1.101.3.4.3.31
	"\x60\x86\x48\x01\x65\x03\x04\x04\x01": {name: "ML-KEM-512", reason: exchangeOnly},                   // 2.16.840.1.101.3.4.4.1
	"\x60\x86\x48\x01\x65\x03\x04\x04\x02": {name: "ML-KEM-768", reason: exchangeOnly},                   // 2.16.840.1.101.3.4.4.2
	"\x60\x86\x48\x01\x65\x03\x04\x04\x03": {name: "ML-KEM-1024", reason: exchangeOnly},                  // 2.16.840.1.101.3.4.4.3
}

// algorithmOf describes any identifier: a foreign one by its numbers.
func algorithmOf(oid OID) algorithm {
	if known, ok := algorithms[oid]; ok {
		return known
	}
	return algorithm{name: "of the algorithm " + oid.String(), reason: "the algorithm is not known here"}
}

// curve is a named elliptic curve.
type curve struct {
	name  string
	bits  int
	curve elliptic.Curve // nil: only described
}

// curves has those of RFC 5480, section 2.1.1.1, RFC 5639, section 4.1, and
// SEC 2 that keys in the field are on.
var curves = map[OID]curve{
	"\x2b\x81\x04\x00\x21":             {string(P224), 224, elliptic.P224()}, // 1.3.132.0.33
	"\x2a\x86\x48\xce\x3d\x03\x01\x07": {string(P256), 256, elliptic.P256()}, // 1.2.840.10045.3.1.7
	"\x2b\x81\x04\x00\x22":             {string(P384), 384, elliptic.P384()}, // 1.3.132.0.34
	"\x2b\x81\x04\x00\x23":             {string(P521), 521, elliptic.P521()}, // 1.3.132.0.35

	"\x2b\x81\x04\x00\x0a":                 {"secp256k1", 256, nil},       // 1.3.132.0.10
	"\x2b\x81\x04\x00\x1c":                 {"secp128r1", 128, nil},       // 1.3.132.0.28
	"\x2b\x81\x04\x00\x08":                 {"secp160r1", 160, nil},       // 1.3.132.0.8
	"\x2b\x81\x04\x00\x1f":                 {"secp192k1", 192, nil},       // 1.3.132.0.31
	"\x2a\x86\x48\xce\x3d\x03\x01\x01":     {"P-192", 192, nil},           // 1.2.840.10045.3.1.1
	"\x2b\x81\x04\x00\x20":                 {"secp224k1", 224, nil},       // 1.3.132.0.32
	"\x2b\x81\x04\x00\x01":                 {"sect163k1", 163, nil},       // 1.3.132.0.1
	"\x2b\x81\x04\x00\x0f":                 {"sect163r2", 163, nil},       // 1.3.132.0.15
	"\x2b\x81\x04\x00\x1a":                 {"sect233k1", 233, nil},       // 1.3.132.0.26
	"\x2b\x81\x04\x00\x1b":                 {"sect233r1", 233, nil},       // 1.3.132.0.27
	"\x2b\x81\x04\x00\x10":                 {"sect283k1", 283, nil},       // 1.3.132.0.16
	"\x2b\x81\x04\x00\x11":                 {"sect283r1", 283, nil},       // 1.3.132.0.17
	"\x2b\x81\x04\x00\x24":                 {"sect409k1", 409, nil},       // 1.3.132.0.36
	"\x2b\x81\x04\x00\x25":                 {"sect409r1", 409, nil},       // 1.3.132.0.37
	"\x2b\x81\x04\x00\x26":                 {"sect571k1", 571, nil},       // 1.3.132.0.38
	"\x2b\x81\x04\x00\x27":                 {"sect571r1", 571, nil},       // 1.3.132.0.39
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x01": {"brainpoolP160r1", 160, nil}, // 1.3.36.3.3.2.8.1.1.1
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x03": {"brainpoolP192r1", 192, nil}, // 1.3.36.3.3.2.8.1.1.3
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x05": {"brainpoolP224r1", 224, nil}, // 1.3.36.3.3.2.8.1.1.5
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x07": {"brainpoolP256r1", 256, nil}, // 1.3.36.3.3.2.8.1.1.7
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x08": {"brainpoolP256t1", 256, nil}, // 1.3.36.3.3.2.8.1.1.8
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x09": {"brainpoolP320r1", 320, nil}, // 1.3.36.3.3.2.8.1.1.9
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b": {"brainpoolP384r1", 384, nil}, // 1.3.36.3.3.2.8.1.1.11
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x0c": {"brainpoolP384t1", 384, nil}, // 1.3.36.3.3.2.8.1.1.12
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d": {"brainpoolP512r1", 512, nil}, // 1.3.36.3.3.2.8.1.1.13
	"\x2b\x24\x03\x03\x02\x08\x01\x01\x0e": {"brainpoolP512t1", 512, nil}, // 1.3.36.3.3.2.8.1.1.14
	"\x2a\x81\x1c\xcf\x55\x01\x82\x2d":     {"SM2", 256, nil},             // 1.2.156.10197.1.301
}

// curveOf describes any identifier: a foreign one by its numbers.
func curveOf(oid OID) curve {
	if known, ok := curves[oid]; ok {
		return known
	}
	return curve{name: "on the curve " + oid.String()}
}
