package pki_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
)

// What tools/facts.py says, said by this package: the same accessors, in the
// same form.

// differentialNow is the fixed time of the peer.
var differentialNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// differentialPasswords are tried in this order.
var differentialPasswords = []string{"", "password", "123456", "cryptography", "a123456"}

func ourFacts(t *testing.T, kind string, data []byte) readings {
	t.Helper()
	read := map[string]func([]byte) (readings, error){
		"cert": certFacts, "key": keyFacts, "public": publicFacts, "pkcs7": bundleFacts, "pkcs12": storeFacts,
	}[kind]
	answer, err := read(data)
	if err != nil {
		e, ok := fault.Of(err)
		if !ok {
			t.Errorf("%s: %v is no fault", kind, err)
			return readings{"accept": false}
		}
		return readings{"accept": false, "why": string(e.Code) + ": " + cause(e.Message)}
	}
	answer["accept"] = true
	return answer
}

// places are what differs between two errors of one cause.
var places = regexp.MustCompile(`^.*(cannot be read|unreadable certificate|part \d+|certificate \d+): | at byte \d+$`)

// cause returns what a message says is wrong, without where.
func cause(message string) string {
	return regexp.MustCompile(`[0-9]+`).ReplaceAllString(places.ReplaceAllString(message, ""), "N")
}

// better returns the error that says more: not that of a passphrase.
func better(a, b error) error {
	if a == nil || errors.Is(a, pki.PassphraseWrong) {
		return b
	}
	return a
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

func colons(digest []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", digest), " ", ":")
}

func certFacts(data []byte) (readings, error) {
	certs, err := pki.ParseCertificates(data)
	if err != nil {
		return nil, err
	}
	c := certs[0]
	s1, s512 := sha1.Sum(c.Raw()), sha512.Sum512(c.Raw())
	fingerprint := c.Fingerprint()
	answer := readings{
		"version": c.Version(), "serial": fmt.Sprintf("%x", c.SerialNumber()),
		"not_before": asn1Time(c.NotBefore()), "not_after": asn1Time(c.NotAfter()), "expired": c.NotAfter().Before(differentialNow),
		"subject": values(c.Subject()), "issuer": values(c.Issuer()),
		"subject_der": sum(c.Subject().DER()), "issuer_der": sum(c.Issuer().DER()),
		"subject_hash": c.Subject().Hash(),
		"key_type":     "error", "key_bits": "error",
		"signature_oid":   c.SignatureAlgorithm().ID.String(),
		"extension_count": len(c.Extensions()), "extensions": "error",
		"pem": sum(c.PEM()), "der": sum(c.Raw()),
		"sha1": colons(s1[:]), "sha256": colons(fingerprint[:]), "sha512": colons(s512[:]),
	}
	if _, err := c.PublicKey().Key(); err == nil || c.PublicKey().Kind() != "" {
		answer["key_type"], answer["key_bits"] = typeAndBits(c.PublicKey())
	}
	list := []any{}
	for _, e := range c.Extensions() {
		list = append(list, []any{e.ID.String(), e.Critical, sum(e.Value)})
	}
	answer["extensions"] = list
	return answer, nil
}

// asn1Time is a time as pyOpenSSL prints it.
func asn1Time(t time.Time) string { return t.Format("20060102150405Z") }

func values(name pki.Name) []string {
	list := []string{}
	for a := range name.Attributes() {
		list = append(list, hex.EncodeToString(a.Raw))
	}
	return list
}

// fixedSizes are OpenSSL's for kinds whose name says it.
var fixedSizes = map[string]int{"Ed25519": 256, "X25519": 253, "Ed448": 456, "X448": 448}

// curve are the kinds that OpenSSL sums up.
var curve = regexp.MustCompile(`^(P-|sec[pt]|brainpool|on a curve)`)

// spkiSum digests a public key, if there is one: not of keys that are described only.
func spkiSum(k *pki.PublicKey) string {
	if len(k.Raw()) == 0 {
		return "error"
	}
	return sum(k.Raw())
}

func typeAndBits(k *pki.PublicKey) (string, int) {
	kind, bits := k.Kind(), k.Size()
	if fixed, ok := fixedSizes[kind]; ok {
		return kind, fixed
	}
	if curve.MatchString(kind) {
		kind = "EC"
	}
	return kind, bits
}

func keyFacts(data []byte) (readings, error) {
	var first error
	for _, password := range differentialPasswords {
		key, err := pki.ParsePrivateKey(data, func() ([]byte, error) { return []byte(password), nil })
		if err != nil {
			first = better(first, err)
			continue
		}
		if key.Locked() {
			_, err := key.Signer()
			return nil, err
		}
		kind, bits := typeAndBits(key.Public())
		check := any("error")
		if _, err := key.Signer(); kind == "RSA" && (err == nil || errors.Is(err, pki.KeyWeak)) {
			check = true
		}
		return readings{"type": kind, "bits": bits, "public": spkiSum(key.Public()), "check": check}, nil
	}
	return nil, first
}

func publicFacts(data []byte) (readings, error) {
	key, err := pki.ParsePublicKey(data)
	if err != nil {
		return nil, err
	}
	kind, bits := typeAndBits(key)
	return readings{"type": kind, "bits": bits, "public": spkiSum(key)}, nil
}

func bundleFacts(data []byte) (readings, error) {
	m, err := pkcs7.Parse(data)
	if err != nil {
		return nil, err
	}
	certs, err := m.Certificates()
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, c := range certs {
		list = append(list, sum(c.Raw()))
	}
	return readings{"certificates": list}, nil
}

func storeFacts(data []byte) (readings, error) {
	var first error
	for _, password := range differentialPasswords {
		store, err := pkcs12.Parse(data, func() ([]byte, error) { return []byte(password), nil })
		if err != nil {
			first = better(first, err)
			continue
		}
		certs, names := []string{}, []string{}
		answer := readings{"key": nil}
		for _, e := range store.Entries {
			switch {
			case e.Certificate != nil:
				certs, names = append(certs, sum(e.Certificate.Raw())), append(names, e.Name)
			case e.Key != nil:
				answer["key"] = spkiSum(e.Key.Public())
			}
		}
		slices.Sort(certs)
		slices.Sort(names)
		answer["certificates"], answer["names"] = certs, names
		return answer, nil
	}
	return nil, first
}
