package pkcs12

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// safes reads an AuthenticatedSafe (RFC 7292, section 4.1): lists of bags, each
// of them encrypted or not.
func (r *reader) safes(data []byte) error {
	list, err := normal(data)
	if err != nil {
		return err
	}
	for number := 1; !list.Empty(); number++ {
		if number > maxSafes {
			return fmt.Errorf("more than %d parts", maxSafes)
		}
		if err := r.safe(&list); err != nil {
			return wrap(err, "part %d", number)
		}
	}
	return nil
}

// wrap says where an error was, and keeps its code.
func wrap(err error, format string, args ...any) error {
	if e, ok := fault.Of(err); ok {
		return fault.Wrap(err, e.Code, format, args...)
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

func (r *reader) safe(list *cryptobyte.String) error {
	var content, bags cryptobyte.String
	kind, ok := readContent(list, &content)
	if !ok {
		return errors.New("no valid content")
	}
	switch kind {
	case oidData:
		if !content.ReadASN1(&bags, asn1.OCTET_STRING) || !content.Empty() {
			return errors.New("no valid data")
		}
		return r.bags(bags, 1)
	case oidEncryptedData:
		return r.encryptedSafe(content)
	case oidEnvelopedData:
		return r.add(Entry{Refused: unsupported("a part of the PKCS#12 file is encrypted for a public key, not by a passphrase")})
	}
	return unsupported("a part of the PKCS#12 file is of the kind %s", kind.Name())
}

// encryptedSafe reads EncryptedData (RFC 5652, section 8).
func (r *reader) encryptedSafe(content cryptobyte.String) error {
	whole := content
	var data, info, kind cryptobyte.String
	var version int
	var algorithm pki.Algorithm
	if !content.ReadASN1(&data, asn1.SEQUENCE) || !content.Empty() || !data.ReadASN1Integer(&version) ||
		!data.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1(&kind, asn1.OBJECT_IDENTIFIER) || pki.OID(kind) != oidData {
		return errors.New("no valid encrypted data")
	}
	header := info
	if !readAlgorithm(&info, &algorithm) {
		return errors.New("no valid encryption")
	}
	header = header[:len(header)-len(info)]
	sealed, ok := pieces(info)
	if !ok {
		return errors.New("no valid encrypted content")
	}
	if r.passphrase == nil {
		return r.add(Entry{Refused: encrypted()})
	}
	rounds, err := r.prepare(algorithm)
	if err != nil {
		return err
	}
	if isRC2[algorithm.ID] {
		return r.moduleSafe(whole, rounds)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(header)
		b.AddASN1OctetString(sealed)
	})
	bags, err := r.unseal(b.BytesOrPanic())
	switch {
	case errors.Is(err, pki.PassphraseWrong) && r.store.Verified:
		return errors.New("the encrypted part is not opened by the passphrase of the file")
	case errors.Is(err, pki.PassphraseWrong):
		return wrongPassphrase()
	case err != nil:
		return err
	}
	return r.bags(bags, 1)
}

// pieces reads the encrypted content, an octet string whose tag is another: the
// pieces of such a one cannot be told from other elements before it is read
// (X.690, section 8.14).
func pieces(info cryptobyte.String) ([]byte, bool) {
	var content cryptobyte.String
	if info.PeekASN1Tag(asn1.Tag(0).ContextSpecific()) {
		ok := info.ReadASN1(&content, asn1.Tag(0).ContextSpecific())
		return content, ok && info.Empty()
	}
	if !info.ReadASN1(&content, explicit(0)) || !info.Empty() {
		return nil, false
	}
	var joined []byte
	for !content.Empty() {
		var piece cryptobyte.String
		if !content.ReadASN1(&piece, asn1.OCTET_STRING) {
			return nil, false
		}
		joined = append(joined, piece...)
	}
	return joined, true
}

func encrypted() error {
	return fault.New(pki.KeyEncrypted, "a part of the PKCS#12 file is encrypted").
		WithHint("give its passphrase")
}

// prepare asks for the passphrase, and counts the rounds of the derivation.
func (r *reader) prepare(algorithm pki.Algorithm) (rounds int, err error) {
	if rounds, err = roundsOf(algorithm); err != nil {
		return rounds, err
	}
	if err := r.spend(rounds); err != nil {
		return rounds, err
	}
	return rounds, r.ask()
}

// unseal decrypts what has the shape of an encrypted key.
func (r *reader) unseal(info []byte) ([]byte, error) {
	data, err := pki.Unseal(info, r.secret)
	if errors.Is(err, pki.PassphraseWrong) && !r.store.Verified && r.secret != nil && len(r.secret) == 0 {
		r.secret = nil // as in integrity
		return pki.Unseal(info, nil)
	}
	return data, err
}

const (
	oidPBES2  pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"     // 1.2.840.113549.1.5.13
	oidScrypt pki.OID = "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"     // 1.3.6.1.4.1.11591.4.11
	oidRC2128 pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05" // 1.2.840.113549.1.12.1.5
	oidRC240  pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06" // 1.2.840.113549.1.12.1.6
)

// scryptRounds is what scrypt counts as; package pki bounds its own costs.
const scryptRounds = 1_000_000

// roundsOf returns how many rounds a derivation asks for. What it cannot read is
// refused by who decrypts.
func roundsOf(algorithm pki.Algorithm) (int, error) {
	params := cryptobyte.String(algorithm.Parameters)
	var list, salt cryptobyte.String
	if !params.ReadASN1(&list, asn1.SEQUENCE) {
		return 0, errors.New("no valid parameters of the encryption")
	}
	if algorithm.ID == oidPBES2 {
		var derivation pki.Algorithm
		switch {
		case !readAlgorithm(&list, &derivation):
			return 0, errors.New("no valid parameters of PBES2")
		case derivation.ID == oidScrypt:
			return scryptRounds, nil
		case derivation.ID != oidPBKDF2:
			return 0, unsupported("a part of the PKCS#12 file is encrypted by a key from %s", derivation)
		}
		kdf, err := readPBKDF2(derivation.Parameters)
		return kdf.rounds, err
	}
	var rounds int
	if !list.ReadASN1(&salt, asn1.OCTET_STRING) || !list.ReadASN1Integer(&rounds) || rounds < 1 || len(salt) > maxSalt {
		return 0, errors.New("no valid parameters of the encryption")
	}
	return rounds, nil
}
