package testpki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"slices"
	"time"

	"github.com/signet-tls/signet/pki"
)

// draft is a certificate before it is signed, field by field, so that it can
// break any rule.
type draft struct {
	Above               *draft // who signs it; nil: it signs itself
	Version             int
	Serial              *big.Int
	Subject             pki.Name
	Issuer              *pki.Name // nil: the subject of who signs it
	NotBefore, NotAfter time.Time
	Beginning, End      []byte // in place of these, in DER
	Key                 crypto.Signer
	SPKI                []byte // in place of the key's, in DER
	Extensions          []pki.Extension

	Signer crypto.Signer      // nil: the key of who signs it
	Hash   crypto.Hash        // 0: SHA-256
	Inner  []byte             // the algorithm that is signed, if another than the one beside the signature
	Damage func(whole []byte) // done to the signed certificate
}

// set puts the extension in place of its like.
func (d *draft) set(id pki.OID, critical bool, value []byte) {
	d.drop(id)
	d.Extensions = append(d.Extensions, pki.Extension{ID: id, Critical: critical, Value: value})
}

func (d *draft) drop(id pki.OID) {
	d.Extensions = slices.DeleteFunc(d.Extensions, func(e pki.Extension) bool { return e.ID == id })
}

// value returns the extension's contents.
func (d *draft) value(id pki.OID) []byte {
	for _, e := range d.Extensions {
		if e.ID == id {
			return e.Value
		}
	}
	return nil
}

// clone is a draft that can be changed by itself.
func (d *draft) clone() *draft {
	again := *d
	again.Extensions = slices.Clone(d.Extensions)
	return &again
}

// sign returns the certificate (RFC 5280, section 4.1).
func (d *draft) sign() (*pki.Certificate, error) {
	above := d.Above
	if above == nil {
		above = d
	}
	issuer, signer := above.Subject, above.Key
	if d.Issuer != nil {
		issuer = *d.Issuer
	}
	if d.Signer != nil {
		signer = d.Signer
	}
	public := d.SPKI
	if public == nil {
		var err error
		if public, err = x509.MarshalPKIXPublicKey(d.Key.Public()); err != nil {
			return nil, err
		}
	}
	algorithm := signing(signer.Public(), d.Hash)
	inner := algorithm
	if d.Inner != nil {
		inner = d.Inner
	}
	beginning, end := d.Beginning, d.End
	if beginning == nil {
		beginning = moment(d.NotBefore)
	}
	if end == nil {
		end = moment(d.NotAfter)
	}
	fields := [][]byte{integer(d.Serial), inner, issuer.DER(), der(sequence, beginning, end), d.Subject.DER(), public}
	if d.Version > 1 {
		fields = slices.Insert(fields, 0, der(0xa0, integer(big.NewInt(int64(d.Version-1)))))
	}
	if len(d.Extensions) > 0 {
		fields = append(fields, der(0xa3, der(sequence, extensions(d.Extensions)...)))
	}
	tbs := der(sequence, fields...)
	signature, err := signWith(signer, d.Hash, tbs)
	if err != nil {
		return nil, err
	}
	whole := der(sequence, tbs, algorithm, der(bitString, []byte{0}, signature))
	if d.Damage != nil {
		d.Damage(whole)
	}
	return pki.ParseCertificate(whole)
}

func signWith(signer crypto.Signer, hash crypto.Hash, data []byte) ([]byte, error) {
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		return signer.Sign(rand.Reader, data, crypto.Hash(0))
	}
	if hash == 0 {
		hash = crypto.SHA256
	}
	digest := hash.New()
	digest.Write(data)
	return signer.Sign(rand.Reader, digest.Sum(nil), hash)
}

// signing is the algorithm of a key's signatures (RFC 3279, 4055, 5758, 8410).
func signing(public crypto.PublicKey, hash crypto.Hash) []byte {
	switch public.(type) {
	case *rsa.PublicKey:
		id := map[crypto.Hash]string{0: "2a864886f70d01010b", crypto.SHA1: "2a864886f70d010105", crypto.MD5: "2a864886f70d010104"}[hash]
		return der(sequence, object(id), der(null))
	case *ecdsa.PublicKey:
		id := map[crypto.Hash]string{0: "2a8648ce3d040302", crypto.SHA1: "2a8648ce3d0401"}[hash]
		return der(sequence, object(id))
	}
	return der(sequence, object("2b6570"))
}

func object(contents string) []byte { return der(objectID, Must(hex.DecodeString(contents))) }

func extensions(list []pki.Extension) [][]byte {
	var all [][]byte
	for _, e := range list {
		id, critical := der(objectID, []byte(e.ID)), []byte(nil)
		if e.Critical {
			critical = []byte{1, 1, 0xff}
		}
		all = append(all, der(sequence, id, critical, der(octetString, e.Value)))
	}
	return all
}

// moment is a time as RFC 5280, section 4.1.2.5, has it.
func moment(t time.Time) []byte {
	if t = t.UTC(); t.Year() < 2050 {
		return der(utcTime, []byte(t.Format("060102150405Z")))
	}
	return der(generalizedTime, []byte(t.Format("20060102150405Z")))
}

// The tags of what certificates are made of.
const (
	boolean         = 0x01
	integerTag      = 0x02
	bitString       = 0x03
	octetString     = 0x04
	null            = 0x05
	objectID        = 0x06
	printableString = 0x13
	sequence        = 0x30
	utcTime         = 0x17
	generalizedTime = 0x18
)

// der is one element in DER, whose contents are these.
func der(tag byte, contents ...[]byte) []byte {
	content := bytes.Join(contents, nil)
	out := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}

// integer is a number in two's complement.
func integer(n *big.Int) []byte {
	content := n.Bytes()
	if n.Sign() < 0 { // -n is 2^bits - n
		bits := uint(n.BitLen()/8+1) * 8
		content = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), bits)).Bytes()
	} else if len(content) == 0 || content[0] >= 0x80 {
		content = append([]byte{0}, content...)
	}
	return der(integerTag, content)
}
