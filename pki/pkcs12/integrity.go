package pkcs12

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/pbe"
	"github.com/signet-tls/signet/pki"
)

type digest struct {
	name string
	new  func() hash.Hash
}

const (
	oidPBMAC1 pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e" // 1.2.840.113549.1.5.14
	oidSHA256 pki.OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x01" // 2.16.840.1.101.3.4.2.1
)

// digests are those of the classic MAC, by which it is named.
var digests = map[pki.OID]digest{
	"\x2b\x0e\x03\x02\x1a":                 {"SHA-1", sha1.New},                // 1.3.14.3.2.26
	"\x60\x86\x48\x01\x65\x03\x04\x02\x04": {"SHA-224", sha256.New224},         // 2.16.840.1.101.3.4.2.4
	oidSHA256:                              {"SHA-256", sha256.New},            // 2.16.840.1.101.3.4.2.1
	"\x60\x86\x48\x01\x65\x03\x04\x02\x02": {"SHA-384", sha512.New384},         // 2.16.840.1.101.3.4.2.2
	"\x60\x86\x48\x01\x65\x03\x04\x02\x03": {"SHA-512", sha512.New},            // 2.16.840.1.101.3.4.2.3
	"\x60\x86\x48\x01\x65\x03\x04\x02\x05": {"SHA-512/224", sha512.New512_224}, // 2.16.840.1.101.3.4.2.5
	"\x60\x86\x48\x01\x65\x03\x04\x02\x06": {"SHA-512/256", sha512.New512_256}, // 2.16.840.1.101.3.4.2.6
}

// hmacs are those that PBMAC1 names, for the derivation and for the code.
var hmacs = map[pki.OID]digest{
	oidHMACSHA1:                        {"SHA-1", sha1.New},
	"\x2a\x86\x48\x86\xf7\x0d\x02\x08": {"SHA-224", sha256.New224}, // 1.2.840.113549.2.8
	oidHMACSHA256:                      {"SHA-256", sha256.New},
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0a": {"SHA-384", sha512.New384}, // 1.2.840.113549.2.10
	"\x2a\x86\x48\x86\xf7\x0d\x02\x0b": {"SHA-512", sha512.New},    // 1.2.840.113549.2.11
}

const (
	oidHMACSHA1   pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x07"     // 1.2.840.113549.2.7
	oidHMACSHA256 pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x09"     // 1.2.840.113549.2.9
	oidPBKDF2     pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c" // 1.2.840.113549.1.5.12
)

// mac is how a file shows that it is whole.
type mac struct {
	name   string
	rounds int
	code   []byte
	key    func(passphrase []byte) ([]byte, error)
	hash   func() hash.Hash
}

var errMAC = errors.New("no valid code of integrity")

// integrity reads the MacData behind the content and checks it.
func (r *reader) integrity(rest, safes cryptobyte.String) error {
	if rest.Empty() {
		return nil
	}
	m, err := readMAC(rest)
	if err != nil {
		return err
	}
	r.store.Integrity = fmt.Sprintf("%s with %d rounds", m.name, m.rounds)
	if m.rounds == 1 {
		r.store.Integrity = m.name + " with 1 round"
	}
	if r.passphrase == nil {
		return r.unasked(m, safes)
	}
	if err := r.ask(); err != nil {
		return err
	}
	if err := r.verify(m, safes); err != nil || r.store.Verified {
		return err
	}
	return wrongPassphrase()
}

// unasked tries the empty passphrase, as long as that costs little.
func (r *reader) unasked(m *mac, safes []byte) error {
	if m.rounds > r.left/2 { // for its two forms
		return nil
	}
	r.secret = []byte{}
	err := r.verify(m, safes)
	if r.store.Verified {
		r.asked, r.passphrase = true, func() ([]byte, error) { return nil, nil }
	}
	return err
}

// verify checks the code of integrity with the passphrase.
func (r *reader) verify(m *mac, safes []byte) error {
	for {
		if err := r.spend(m.rounds); err != nil {
			return err
		}
		key, err := m.key(r.secret)
		if err != nil {
			return err
		}
		code := hmac.New(m.hash, key)
		code.Write(safes)
		if hmac.Equal(code.Sum(nil), m.code) {
			r.store.Verified, r.store.Unprotected = true, len(r.secret) == 0
			return nil
		}
		if r.secret == nil || len(r.secret) > 0 {
			return nil
		}
		r.secret = nil // some programs write no bytes where the passphrase is empty
	}
}

func wrongPassphrase() error {
	return fault.New(pki.PassphraseWrong, "the passphrase does not open the PKCS#12 file, or that is altered").
		WithHint("try the passphrase again; if it is certainly right, copy the file again from where it was made")
}

// readMAC reads a MacData (RFC 7292, section 4).
func readMAC(s cryptobyte.String) (*mac, error) {
	var data, info, code, salt cryptobyte.String
	var algorithm pki.Algorithm
	rounds := 1
	if !s.ReadASN1(&data, asn1.SEQUENCE) || !s.Empty() ||
		!data.ReadASN1(&info, asn1.SEQUENCE) || !readAlgorithm(&info, &algorithm) ||
		!info.ReadASN1(&code, asn1.OCTET_STRING) || !info.Empty() ||
		!data.ReadASN1(&salt, asn1.OCTET_STRING) ||
		!data.Empty() && !data.ReadASN1Integer(&rounds) || !data.Empty() {
		return nil, errMAC
	}
	if algorithm.ID == oidPBMAC1 {
		return readPBMAC1(algorithm.Parameters, code)
	}
	with, ok := digests[algorithm.ID]
	if !ok {
		return nil, unsupported("a PKCS#12 file whose integrity is shown by %s", algorithm)
	}
	if rounds < 1 || len(salt) > maxSalt {
		return nil, errMAC
	}
	return &mac{"HMAC-" + with.name, rounds, code, func(passphrase []byte) ([]byte, error) {
		h := with.new()
		return pbe.Derive(h, pbe.MAC, pbe.Password(passphrase), salt, rounds, h.Size()), nil
	}, with.new}, nil
}

// readPBMAC1 reads PBMAC1-params (RFC 9579; RFC 8018, appendix A.5). A short key
// would let a forger guess it (RFC 9579, section 9).
func readPBMAC1(params, code cryptobyte.String) (*mac, error) {
	var list cryptobyte.String
	var derivation, scheme pki.Algorithm
	if !params.ReadASN1(&list, asn1.SEQUENCE) || !params.Empty() ||
		!readAlgorithm(&list, &derivation) || !readAlgorithm(&list, &scheme) || !list.Empty() {
		return nil, errMAC
	}
	with, ok := hmacs[scheme.ID]
	if !ok || derivation.ID != oidPBKDF2 {
		return nil, unsupported("a PKCS#12 file whose integrity is shown by PBMAC1 with %s and %s", derivation, scheme)
	}
	kdf, err := readPBKDF2(derivation.Parameters)
	if err != nil {
		return nil, err
	}
	prf, ok := hmacs[kdf.prf]
	if !ok {
		return nil, unsupported("a PKCS#12 file whose integrity is shown by PBMAC1 with %s", kdf.prf.Name())
	}
	if kdf.size < 20 || kdf.size > 64 {
		return nil, fmt.Errorf("a key of %d bytes for PBMAC1; 20 to 64 are allowed", kdf.size)
	}
	return &mac{"PBMAC1 with HMAC-" + with.name, kdf.rounds, code, func(passphrase []byte) ([]byte, error) {
		return pbkdf2.Key(prf.new, string(passphrase), kdf.salt, kdf.rounds, kdf.size)
	}, with.new}, nil
}

type pbkdf2Params struct {
	salt         []byte
	rounds, size int // size 0: not stated
	prf          pki.OID
}

// readPBKDF2 reads PBKDF2-params (RFC 8018, appendix A.2).
func readPBKDF2(params cryptobyte.String) (p pbkdf2Params, err error) {
	var list, salt cryptobyte.String
	p.prf = oidHMACSHA1
	prf := pki.Algorithm{ID: oidHMACSHA1}
	if !params.ReadASN1(&list, asn1.SEQUENCE) || !params.Empty() ||
		!list.ReadASN1(&salt, asn1.OCTET_STRING) || !list.ReadASN1Integer(&p.rounds) ||
		list.PeekASN1Tag(asn1.INTEGER) && !list.ReadASN1Integer(&p.size) ||
		!list.Empty() && !readAlgorithm(&list, &prf) || !list.Empty() ||
		p.rounds < 1 || len(salt) > maxSalt {
		return p, errors.New("no valid parameters of PBKDF2")
	}
	p.salt, p.prf = salt, prf.ID
	return p, nil
}

func readAlgorithm(s *cryptobyte.String, into *pki.Algorithm) bool {
	var algorithm, id cryptobyte.String
	if !s.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return false
	}
	into.ID = pki.OID(id)
	if !algorithm.Empty() {
		into.Parameters = algorithm
	}
	return true
}
