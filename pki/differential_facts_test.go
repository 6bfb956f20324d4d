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
var differentialPasswords = []string{"password", "", "123456", "cryptography", "a123456"}

func ourFacts(t *testing.T, kind string, data []byte) readings {
	t.Helper()
	read := map[string]func([]byte) (readings, error){
		"cert": certFacts, "csr": requestFacts, "crl": listFacts, "key": keyFacts, "public": publicFacts, "pkcs7": bundleFacts, "pkcs12": storeFacts,
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
var places = regexp.MustCompile(`^.*(cannot be read|unreadable [^:]+|part \d+|certificate \d+): | at byte \d+$`)

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
	answer := signedFacts(c)
	answer["version"], answer["serial"], answer["cryptography"] = c.Version(), fmt.Sprintf("%x", c.SerialNumber()), "accept"
	answer["not_before"], answer["not_after"] = asn1Time(c.NotBefore()), asn1Time(c.NotAfter())
	answer["expired"] = c.NotAfter().Before(differentialNow)
	answer["subject"], answer["issuer"] = values(c.Subject()), values(c.Issuer())
	answer["names"] = []any{directoryText(c.Subject()), directoryText(c.Issuer())}
	answer["subject_der"], answer["issuer_der"] = sum(c.Subject().DER()), sum(c.Issuer().DER())
	answer["subject_hash"] = c.Subject().Hash()
	answer["key_type"], answer["key_bits"], answer["public"] = publicKeyFacts(c.PublicKey())
	answer["signature_algorithm"], answer["extension_count"] = c.SignatureAlgorithm().String(), len(c.Extensions())
	answer["pem"], answer["der"] = sum(c.PEM()), sum(c.Raw())
	s1, fingerprint, s512 = sha1.Sum(c.Raw()), c.Fingerprint(), sha512.Sum512(c.Raw())
	answer["sha1"], answer["sha256"], answer["sha512"] = colons(s1[:]), colons(fingerprint[:]), colons(s512[:])
	return answer, nil
}

// publicKeyFacts are errors for a key that is of no known kind.
func publicKeyFacts(k *pki.PublicKey) (kind, bits, public any) {
	if _, err := k.Key(); err != nil && k.Kind() == "" {
		return "error", "error", "error"
	}
	kind, bits = typeAndBits(k)
	return kind, bits, spkiSum(k)
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
		check := any("error: not RSA")
		if kind == "RSA" {
			_, err := key.Signer()
			if check = true; err != nil {
				check = "error: " + err.Error()
			}
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
	list, names := []string{}, []any{}
	for _, c := range certs {
		list = append(list, sum(c.Raw()))
		names = append(names, []any{directoryText(c.Subject()), directoryText(c.Issuer()), fmt.Sprintf("%x", c.SerialNumber())})
	}
	return readings{"certificates": list, "names": names}, nil
}

func storeFacts(data []byte) (readings, error) {
	var first error
	for _, password := range differentialPasswords {
		store, err := pkcs12.Parse(data, func() ([]byte, error) { return []byte(password), nil })
		if err != nil {
			first = better(first, err)
			continue
		}
		return entryFacts(store), nil
	}
	return nil, first
}

func entryFacts(store *pkcs12.Store) readings {
	certs, names, subjects := []string{}, []string{}, []string{}
	answer := readings{"key": nil, "leaf": nil}
	for _, e := range store.Entries {
		switch {
		case e.Certificate != nil:
			certs, names = append(certs, sum(e.Certificate.Raw())), append(names, e.Name)
			subjects = append(subjects, e.Certificate.Subject().String())
		case e.Key != nil:
			answer["key"] = spkiSum(e.Key.Public())
		}
	}
	if c, err := store.Credential(); err == nil {
		answer["leaf"] = sum(c.Leaf().Raw())
	}
	slices.Sort(certs)
	slices.Sort(names)
	slices.Sort(subjects)
	answer["certificates"], answer["names"], answer["subjects"] = certs, names, subjects
	return answer
}
