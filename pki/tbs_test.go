package pki_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// parts are a certificate's contents, field by field in DER, to make another of
// that breaks any rule.
type parts struct {
	version, serial, algorithm, issuer, begin, end, subject, key, ids []byte
	extensions                                                        [][]byte
	noList                                                            bool   // there is not even an empty list of extensions
	outer                                                             []byte // algorithm outside of what is signed, if another
	hash                                                              crypto.Hash
}

// take takes a certificate apart.
func take(cert *pki.Certificate) *parts {
	whole := cryptobyte.String(cert.RawTBS())
	var tbs, field, list cryptobyte.String
	whole.ReadASN1(&tbs, asn1.SEQUENCE)
	next := func(from *cryptobyte.String) []byte {
		var tag asn1.Tag
		from.ReadAnyASN1Element(&field, &tag)
		return bytes.Clone(field)
	}
	p := &parts{version: next(&tbs), serial: next(&tbs), algorithm: next(&tbs), issuer: next(&tbs), hash: crypto.SHA256}
	var validity cryptobyte.String
	tbs.ReadASN1(&validity, asn1.SEQUENCE)
	p.begin, p.end = next(&validity), next(&validity)
	p.subject, p.key = next(&tbs), next(&tbs)
	tbs.ReadASN1(&list, asn1.Tag(3).ContextSpecific().Constructed())
	list.ReadASN1(&list, asn1.SEQUENCE)
	for !list.Empty() {
		p.extensions = append(p.extensions, next(&list))
	}
	return p
}

// extensionDER is one extension in DER.
func extensionDER(id pki.OID, critical bool, value []byte) []byte {
	content := [][]byte{element(asn1.OBJECT_IDENTIFIER, []byte(id))}
	if critical {
		content = append(content, []byte{1, 1, 0xff})
	}
	return element(asn1.SEQUENCE, append(content, element(asn1.OCTET_STRING, value))...)
}

// drop removes the extension.
func (p *parts) drop(id pki.OID) {
	p.extensions = slices.DeleteFunc(p.extensions, func(e []byte) bool { return bytes.Contains(e, element(asn1.OBJECT_IDENTIFIER, []byte(id))) })
}

// set adds the extension, in place of its like.
func (p *parts) set(id pki.OID, critical bool, value ...byte) {
	p.drop(id)
	p.extensions = append(p.extensions, extensionDER(id, critical, value))
}

// names sets the subject alternative names; those of other forms stand beside
// the DNS name a.example.
func (p *parts) names(kind asn1.Tag, names ...string) {
	var list [][]byte
	if kind != 2 {
		list = append(list, element(asn1.Tag(2).ContextSpecific(), []byte("a.example")))
	}
	for _, name := range names {
		list = append(list, element(kind.ContextSpecific(), []byte(name)))
	}
	p.set(pki.OIDSubjectAltName, false, element(asn1.SEQUENCE, list...)...)
}

func (p *parts) from(at time.Time, life time.Duration) {
	p.begin, p.end = utc(at), utc(at.Add(life))
}

func utc(at time.Time) []byte { return element(asn1.UTCTime, []byte(at.UTC().Format("060102150405Z"))) }

// sign puts the parts together again.
func (p *parts) sign(key crypto.Signer) *pki.Certificate {
	contents := [][]byte{p.version, p.serial, p.algorithm, p.issuer, element(asn1.SEQUENCE, p.begin, p.end), p.subject, p.key, p.ids}
	if !p.noList {
		contents = append(contents, element(asn1.Tag(3).ContextSpecific().Constructed(), element(asn1.SEQUENCE, p.extensions...)))
	}
	tbs := element(asn1.SEQUENCE, contents...)
	digest := sha256.Sum256(tbs)
	sum := digest[:]
	if p.hash == crypto.SHA1 {
		short := sha1.Sum(tbs)
		sum = short[:]
	}
	signature := testpki.Must(key.Sign(rand.Reader, sum, p.hash))
	outer := p.algorithm
	if p.outer != nil {
		outer = p.outer
	}
	return testpki.Must(pki.ParseCertificate(element(asn1.SEQUENCE, tbs, outer, element(asn1.BIT_STRING, []byte{0}, signature))))
}

// spki is a public key in DER.
func spki(key crypto.Signer) []byte { return testpki.Must(x509.MarshalPKIXPublicKey(key.Public())) }

// explicitP256 writes out the curve of a P-256 key, as RFC 5480 forbids.
func explicitP256(spki []byte) []byte {
	parameters := testpki.Must(hex.DecodeString("3081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff" +
		"00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b031500" +
		"c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7" +
		"eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101"))
	algorithm := element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte("\x2a\x86\x48\xce\x3d\x02\x01")), parameters)
	return element(asn1.SEQUENCE, algorithm, spki[len(spki)-68:])
}

// secp256k1 is a key on a curve that TLS does not use: its generator.
func secp256k1() []byte {
	point := testpki.Must(hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"))
	algorithm := element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte("\x2a\x86\x48\xce\x3d\x02\x01")), element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x81\x04\x00\x0a")))
	return element(asn1.SEQUENCE, algorithm, element(asn1.BIT_STRING, []byte{0}, point))
}

// rsaWithExponent is a key with an exponent of the caller's.
func rsaWithExponent(exponent int) []byte {
	key := sharedRSA(2048)
	return testpki.Must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: key.N, E: exponent}))
}
