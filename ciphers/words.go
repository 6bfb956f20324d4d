package ciphers

import (
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
)

const none = "None"

// match is a condition on suites.
type match func(s suite) bool

// words are OpenSSL's for kinds of suites (openssl-ciphers(1)).
var words = map[string]match{
	"ALL":                 func(s suite) bool { return s.enc != none },
	"COMPLEMENTOFALL":     func(s suite) bool { return s.enc == none },
	"COMPLEMENTOFDEFAULT": func(s suite) bool { return !s.normal && s.enc != none },
	"HIGH":                func(s suite) bool { return s.enc != none && !s.medium() },
	"MEDIUM":              suite.medium,
	"FIPS":                func(s suite) bool { return s.fips },
	"CBC":                 func(s suite) bool { return s.mac != "AEAD" && s.enc != none && s.enc != "RC4" },

	"eNULL": enc(none), "NULL": enc(none),
	"aNULL": au(none),
	"kRSA":  kx("RSA"), "aRSA": au("RSA"), "RSA": both(kx("RSA"), au("RSA")),
	"kDHE": kx("DH"), "kEDH": kx("DH"), "DH": kx("DH"),
	"DHE": both(kx("DH"), named), "EDH": both(kx("DH"), named), "ADH": both(kx("DH"), au(none)),
	"kECDHE": kx("ECDH"), "kEECDH": kx("ECDH"), "ECDH": kx("ECDH"),
	"ECDHE": both(kx("ECDH"), named), "EECDH": both(kx("ECDH"), named), "AECDH": both(kx("ECDH"), au(none)),
	"aDSS": au("DSS"), "DSS": au("DSS"), "aECDSA": au("ECDSA"), "ECDSA": au("ECDSA"),
	"PSK": func(s suite) bool { return strings.HasSuffix(s.kx, "PSK") }, "aPSK": au("PSK"),
	"kPSK": kx("PSK"), "kRSAPSK": kx("RSAPSK"), "kECDHEPSK": kx("ECDHEPSK"), "kDHEPSK": kx("DHEPSK"),
	"SRP": kx("SRP"), "kSRP": kx("SRP"), "aSRP": au("SRP"),

	"TLSv1.2": version("TLSv1.2"), "TLSv1.0": version("TLSv1"), "TLSv1": version("TLSv1"), "SSLv3": version("SSLv3"),

	"AES": aes(0), "AES128": aes(128), "AES256": aes(256),
	"AESGCM": enc("AESGCM"), "AESCCM": enc("AESCCM", "AESCCM8"), "AESCCM8": enc("AESCCM8"),
	"ARIA": enc("ARIAGCM"), "ARIAGCM": enc("ARIAGCM"), "ARIA128": both(enc("ARIAGCM"), long(128)), "ARIA256": both(enc("ARIAGCM"), long(256)),
	"CAMELLIA": enc("Camellia"), "CAMELLIA128": both(enc("Camellia"), long(128)), "CAMELLIA256": both(enc("Camellia"), long(256)),
	"CHACHA20": enc("CHACHA20/POLY1305"), "3DES": enc("3DES"), "RC4": enc("RC4"),

	"SHA": mac("SHA1"), "SHA1": mac("SHA1"), "SHA256": mac("SHA256"), "SHA384": mac("SHA384"), "MD5": mac("MD5"),
}

// gone are words for what no OpenSSL has any more, so that strings of long ago
// can still be read: most say that it is not wanted.
var gone = strings.Fields(`LOW EXP EXPORT EXPORT40 EXPORT56 SSLv2 DES RC2 IDEA SEED KRB5 kKRB5 aKRB5 FZA
	kDHr kDHd kDH aDH kECDHr kECDHe aECDH kFZA aFZA eFZA
	GOST GOST94 GOST89 GOST89MAC kGOST aGOST aGOST01 aGOST94 aGOST12 kGOST18 GOST12 MAGMA KUZNYECHIK`)

func kx(name string) match        { return func(s suite) bool { return s.kx == name } }
func au(name string) match        { return func(s suite) bool { return s.au == name } }
func mac(name string) match       { return func(s suite) bool { return s.mac == name } }
func version(name string) match   { return func(s suite) bool { return s.version == name } }
func long(bits int) match         { return func(s suite) bool { return s.bits == bits } }
func enc(names ...string) match   { return func(s suite) bool { return slices.Contains(names, s.enc) } }
func both(one, other match) match { return func(s suite) bool { return one(s) && other(s) } }
func named(s suite) bool          { return s.au != none }
func (s suite) medium() bool      { return s.enc == "3DES" || s.enc == "RC4" }

// aes are those of a key's length, or of any.
func aes(bits int) match {
	return func(s suite) bool { return strings.HasPrefix(s.enc, "AES") && (bits == 0 || s.bits == bits) }
}

// matcher returns the condition of a name, or of several joined by +, which must
// all hold.
func matcher(name string) (match, error) {
	all := match(func(suite) bool { return true })
	for word := range strings.SplitSeq(name, "+") {
		one, err := matchWord(word)
		if err != nil {
			return nil, err
		}
		all = both(all, one)
	}
	return all, nil
}

func matchWord(word string) (match, error) {
	if known, ok := words[word]; ok {
		return known, nil
	}
	switch {
	case slices.Contains(gone, word):
		return func(suite) bool { return false }, nil
	case strings.HasPrefix(word, "TLS_") || word == "TLSv1.3":
		return nil, fault.New(NotConfigurable, "%s cannot be chosen: the suites of TLS 1.3 are always all on", fault.Printable(word, 100)).
			WithHint("leave it out")
	case slices.ContainsFunc(suites(), func(s suite) bool { return s.name == word }):
		return func(s suite) bool { return s.name == word }, nil
	}
	return nil, unknown(word)
}

// maxLevel is the highest level of security.
const maxLevel = 5

// allowed reports whether a level of security allows the suite
// (SSL_CTX_set_security_level(3)).
func (s suite) allowed(level int) bool {
	if level == 0 {
		return true
	}
	least := []int{0, 80, 112, 128, 192, 256}[level]
	strength := s.bits
	if s.enc == "3DES" {
		strength = 112
	}
	return strength >= least && s.au != none && !(least > 160 && s.mac == "SHA1") &&
		(level < 3 || strings.HasPrefix(s.kx, "ECDH") || strings.HasPrefix(s.kx, "DH"))
}
