package pki

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strconv"

	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"

	"github.com/signet-tls/signet/fault"
)

// What a file may ask for before it is opened. Each is far above what is in use,
// and low enough that a hostile file takes its reader some seconds at most, and
// 64 MiB.
const (
	maxRounds       = 5_000_000 // of PBKDF2; OWASP advises 600,000
	maxOldRounds    = 1_000_000 // of the older ways; 2,048 is usual, Java takes 10,000
	maxScryptMemory = 64 << 20  // bytes; OpenSSL's files need 16 MiB
	maxScryptWork   = 1 << 21   // N·r·p; OpenSSL's files need 2¹⁷
	maxSalt         = 1024      // bytes; 8 to 64 are in use
)

// Identifiers of RFC 8018, appendix A.2 and B.1, and RFC 7914, section 7.
const (
	oidPBKDF2     OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c" // 1.2.840.113549.1.5.12
	oidScrypt     OID = "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b" // 1.3.6.1.4.1.11591.4.11
	oidHMACSHA1   OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x07"     // 1.2.840.113549.2.7
	oidHMACSHA256 OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x09"     // 1.2.840.113549.2.9
)

type hmacHash struct {
	name string
	new  func() hash.Hash
}

var hmacs = map[OID]hmacHash{
	oidHMACSHA1:                        {"SHA-1", sha1.New},
	"\x2a\x86\x48\x86\xf7\x0d\x02\x08": {"SHA-224", sha256.New224}, // 1.2.840.113549.2.8
	oidHMACSHA256:                      {"SHA-256", sha256.New},
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0a": {"SHA-384", sha512.New384},         // 1.2.840.113549.2.10
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0b": {"SHA-512", sha512.New},            // 1.2.840.113549.2.11
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0c": {"SHA-512/224", sha512.New512_224}, // 1.2.840.113549.2.12
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0d": {"SHA-512/256", sha512.New512_256}, // 1.2.840.113549.2.13
}

// derivation is how a passphrase becomes a key.
type derivation struct {
	text    string // in words, with its cost
	refused error  // why it is not done, or nil
	key     func(passphrase []byte) ([]byte, error)
}

// derivation reads the parameters of one that gives a key of so many bytes.
func (d *der) derivation(id OID, size int) derivation {
	switch id {
	case oidPBKDF2:
		return d.pbkdf2(size)
	case oidScrypt:
		return d.scrypt(size)
	}
	name := "the key derivation " + id.String()
	return derivation{text: name, refused: unopened(name, notKnown)}
}

// costly is the reason why a derivation is not done.
func costly(what string, most int) error {
	return fault.New(KeyCostly, "the private key's encryption asks for %s; %d are the most", what, most).
		WithHint("write the file anew with a usual cost: openssl pkcs8 -topk8 -iter 600000")
}

// pbkdf2 reads PBKDF2-params (RFC 8018, appendix A.2).
func (d *der) pbkdf2(size int) derivation {
	params := d.sequence("parameters of PBKDF2")
	d.end("the parameters of PBKDF2")
	salt := params.salt()
	rounds := params.rounds()
	params.keyLength(size)
	prf := oidHMACSHA1 // the default
	if params.more() {
		prf = params.algorithm("algorithm of the PBKDF2's hash").ID
	}
	params.end("the parameters of PBKDF2")
	hash, ok := hmacs[prf]
	if !ok {
		name := "PBKDF2 with the function " + prf.String()
		return derivation{text: name, refused: unopened(name, notKnown)}
	}
	found := derivation{text: "PBKDF2 with " + strconv.Itoa(rounds) + " rounds of HMAC-" + hash.name}
	if rounds > maxRounds {
		found.refused = costly(strconv.Itoa(rounds)+" rounds of PBKDF2", maxRounds)
	}
	found.key = func(passphrase []byte) ([]byte, error) {
		return pbkdf2.Key(hash.new, string(passphrase), salt, rounds, size)
	}
	return found
}

// scrypt reads scrypt-params (RFC 7914, section 7.1).
func (d *der) scrypt(size int) derivation {
	params := d.sequence("parameters of scrypt")
	d.end("the parameters of scrypt")
	salt := params.salt()
	n, r, p := params.small("N of scrypt"), params.small("r of scrypt"), params.small("p of scrypt")
	params.keyLength(size)
	params.end("the parameters of scrypt")
	if d.err() == nil && (n < 2 || n&(n-1) != 0 || r < 1 || p < 1) {
		d.fail("no valid costs of scrypt")
	}
	found := derivation{text: "scrypt with N = " + strconv.Itoa(n) + ", r = " + strconv.Itoa(r) + ", p = " + strconv.Itoa(p)}
	// Each factor has 31 bits at most, so that two of them can be multiplied.
	width, lanes := int64(n)*int64(r), int64(r)*int64(p)
	switch {
	case max(width, lanes) > maxScryptMemory/128 || 128*(width+lanes) > maxScryptMemory:
		found.refused = costly(found.text+", which need more memory than is given, in bytes", maxScryptMemory)
	case width*int64(p) > maxScryptWork:
		found.refused = costly(found.text+", whose product is the work", maxScryptWork)
	}
	found.key = func(passphrase []byte) ([]byte, error) {
		return scrypt.Key(passphrase, salt, n, r, p, size)
	}
	return found
}

func (d *der) salt() []byte {
	salt := d.read(asn1.OCTET_STRING, "salt")
	if d.err() == nil && len(salt.String) > maxSalt {
		salt.fail("a salt of %d bytes, where %d are the most,", len(salt.String), maxSalt)
	}
	return salt.String
}

func (d *der) rounds() int {
	rounds := d.small("number of rounds")
	if d.err() == nil && rounds < 1 {
		d.fail("no rounds at all")
	}
	return rounds
}

// keyLength reads the optional length of the derived key, which can only be the
// cipher's.
func (d *der) keyLength(size int) {
	if d.has(asn1.INTEGER) && d.small("length of the key") != size && d.err() == nil {
		d.fail("another length of the key than the %d bytes of its cipher", size)
	}
}
