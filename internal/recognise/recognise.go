// Package recognise tells what a file holds: any bytes become a list of objects,
// each with its kind and its place, however broken it is. It decides nothing
// about trust.
package recognise

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"unicode/utf16"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Kind is what an object is. Programs read it, so that it is never renamed.
type Kind string

// The kinds.
const (
	Certificate  Kind = "certificate"
	PrivateKey   Kind = "private_key"
	PublicKey    Kind = "public_key"
	Request      Kind = "request"
	CRL          Kind = "crl"
	OCSPRequest  Kind = "ocsp_request"
	OCSPResponse Kind = "ocsp_response"
	PKCS7        Kind = "pkcs7"
	PKCS12       Kind = "pkcs12"
	Signature    Kind = "signature"
	Parameters   Kind = "parameters" // of a key
	Foreign      Kind = "foreign"    // of another program, recognised and not read
	Unknown      Kind = "unknown"
)

// Place is where in its file an object stands.
type Place struct {
	Block  int    // number of the PEM block, 0 in DER
	Label  string // of the PEM block
	Line   int    // of the block's first line, 0 in DER
	Offset int    // of the first byte, as the file has it
	Length int    // of the object in DER, 0 if it could not be decoded
	Entry  int    // number in the PKCS#7 or PKCS#12 that stands at this place, 0 outside of one
}

// Object is one thing in a file.
type Object struct {
	Kind  Kind
	Place Place
	Title string // what it is, where that is not to be seen from what is set below
	Notes []string

	// One of them is set, by the kind, or Err says why it is not.
	Certificate  *pki.Certificate
	PrivateKey   *pki.PrivateKey
	PublicKey    *pki.PublicKey
	Request      *pki.Request
	List         *pki.RevocationList
	OCSPRequest  *pki.OCSPRequest
	OCSPResponse *pki.OCSPResponse
	Err          error

	inside []*Object // of PKCS7 and PKCS12: what stands behind it in the list

	// Relations, by Relate.

	Same      *Object   // the first copy of this certificate
	Issuer    *Object   // the certificate whose key signed this one; itself, for a root
	Disowned  *Object   // the issuer's certificate by its name, whose key did not sign this: it is altered, or forged
	Unchecked bool      // an issuer may be there, and was not looked for: too many signatures
	Key       *Object   // of a certificate: its private key
	Of        []*Object // of a private key: its certificates
}

// MaxObjects bounds how many objects of one file are told apart.
const MaxObjects = 1000

// Options say what a reader may do.
type Options struct {
	// Passphrase opens what is encrypted; nil: that is described from outside.
	Passphrase pki.Passphrase
}

// Read returns the objects of a file. It fails if there is none, or if the file is
// too large or has too many; an object that is broken carries its own error.
func Read(data []byte, options Options) ([]*Object, error) {
	if most := Most(data); int64(len(data)) > most {
		return nil, fault.New(pki.InputTooLarge, "more than %d bytes, which are the most that are read", most).
			WithHint("name the file of the certificate or key alone")
	}
	r := reader{Options: options}
	text, note := plainText(data)
	binary := bytes.IndexByte(text[:min(len(text), 512)], 0) >= 0
	switch {
	case binary && foreign(text, &r): // that may have PEM somewhere in it
	case bytes.Contains(text, pemBegin):
		r.blocks(text)
	case sequence(data) && firstLine(data) == "":
		r.der(data, 0)
	case foreign(text, &r):
	default:
		switch decoded := withoutArmour(text); {
		case sequence(decoded):
			r.der(decoded, 0)
			note = "base64 without the lines -----BEGIN and -----END; most programs do not read it like this"
		case bytes.HasPrefix(decoded, pemBegin):
			r.blocks(decoded)
			note = "PEM in base64 once more, as Kubernetes keeps it: base64 -d makes a file of it that other programs read"
		default:
			return nil, nothing(data)
		}
	}
	if r.full {
		return nil, fault.New(pki.InputTooLarge, "more than %d objects, which are the most that are told apart in one file", MaxObjects).
			WithHint("split the file; a bundle of authorities has a few hundred")
	}
	if note != "" && len(r.objects) > 0 {
		r.objects[0].Notes = append(r.objects[0].Notes, note)
	}
	return r.objects, nil
}

var pemBegin = []byte("-----BEGIN ")

// Most is how many bytes are read of a file that begins like this: more of one
// that begins with a revocation list.
func Most(data []byte) int64 {
	if kindOf(data) == CRL || bytes.HasPrefix(data, []byte("-----BEGIN X509 CRL-----")) {
		return pki.MaxCRL
	}
	return pki.MaxInput
}

type reader struct {
	Options
	objects []*Object
	full    bool // there are more objects than are told apart
}

// add reports whether there is room for more.
func (r *reader) add(o *Object) bool {
	if r.full = len(r.objects) == MaxObjects; r.full {
		return false
	}
	r.objects = append(r.objects, o)
	for n, inner := range o.inside {
		inner.Place = o.Place
		inner.Place.Entry = n + 1
		if !r.add(inner) {
			return false
		}
	}
	return true
}

func (r *reader) blocks(text []byte) {
	for number, block := range pki.Blocks(text) {
		place := Place{Block: number, Label: block.Label, Line: block.Line, Offset: block.Offset}
		if !r.add(r.block(block, place)) {
			return
		}
	}
}

// labels has the kinds by the labels of PEM blocks (RFC 7468, and those of older
// programs).
var labels = map[string]Kind{
	"CERTIFICATE": Certificate, "X509 CERTIFICATE": Certificate, "TRUSTED CERTIFICATE": Certificate,
	"PRIVATE KEY": PrivateKey, "ENCRYPTED PRIVATE KEY": PrivateKey, "RSA PRIVATE KEY": PrivateKey,
	"EC PRIVATE KEY": PrivateKey, "DSA PRIVATE KEY": PrivateKey, "ANY PRIVATE KEY": PrivateKey,
	"PUBLIC KEY": PublicKey, "RSA PUBLIC KEY": PublicKey,
	"CERTIFICATE REQUEST": Request, "NEW CERTIFICATE REQUEST": Request,
	"X509 CRL": CRL, "PKCS7": PKCS7, "CMS": PKCS7, "PKCS #7 SIGNED DATA": PKCS7, "PKCS12": PKCS12,
	"EC PARAMETERS": Parameters, "DH PARAMETERS": Parameters, "X9.42 DH PARAMETERS": Parameters, "DSA PARAMETERS": Parameters,
	"OCSP REQUEST": OCSPRequest, "OCSP RESPONSE": OCSPResponse,
}

// block reads one PEM block. What its bytes are counts more than what its label
// says, which is often wrong.
func (r *reader) block(block pki.Block, place Place) *Object {
	o := &Object{Kind: labels[block.Label], Place: place}
	if title, ok := foreignLabels[block.Label]; ok {
		o.Kind, o.Title = Foreign, title
		return o
	}
	if o.Kind == "" {
		o.Kind = Unknown
	}
	if block.Decoded == nil {
		o.Err = badArmour(block)
		return o
	}
	if o.Kind == PrivateKey && encryptedInPEM(block.Decoded) {
		o.PrivateKey, o.Err = pki.ParsePrivateKey(block.Text, r.Passphrase)
		return o
	}
	der := block.Decoded.Bytes
	o.Place.Length = len(der)
	switch sniffed := kindOf(der); {
	case sniffed == Unknown || sniffed == o.Kind:
	case o.Kind == Parameters && sniffed == PublicKey: // two numbers are either
	case o.Kind == Unknown:
		o.Kind = sniffed
	case sniffed != Signature && sniffed != Parameters:
		o.Notes = append(o.Notes, "its label says "+fault.Printable(block.Label, 40)+", and is wrong")
		o.Kind = sniffed
	}
	if block.Label == "TRUSTED CERTIFICATE" {
		der, _ = first(der) // OpenSSL's own data follow
	}
	r.parse(o, der)
	return o
}

// encryptedInPEM reports whether the block is encrypted as OpenSSL once did.
func encryptedInPEM(block *pem.Block) bool {
	return block.Headers["DEK-Info"] != "" || block.Headers["Proc-Type"] != ""
}

// der reads objects that stand one behind the other.
func (r *reader) der(data []byte, offset int) {
	for len(data) > 0 {
		if !sequence(data) {
			if len(bytes.Trim(data, "\x00\r\n \x1a")) > 0 {
				r.add(&Object{Kind: Unknown, Place: Place{Offset: offset, Length: len(data)},
					Err: fault.New(Unrecognised, "%d bytes that are no DER: %s", len(data), opening(data)).WithHint("the file may have been joined with another, or damaged")})
			}
			return
		}
		whole, rest := first(data)
		o := &Object{Kind: kindOf(whole), Place: Place{Offset: offset, Length: len(whole)}}
		r.parse(o, whole)
		if !r.add(o) {
			return
		}
		offset += len(whole)
		data = rest
	}
}

// parse reads an object of the kind that it seems to be.
func (r *reader) parse(o *Object, der []byte) {
	if missing := cutBy(der); missing > 0 {
		o.Err = fault.New(CutShort, "cut short: %d bytes of %d are missing", missing, len(der)+missing).
			WithHint("copy the file again from where it was made")
		return
	}
	switch o.Kind {
	case Certificate:
		o.Certificate, o.Err = pki.ParseCertificate(der)
	case PrivateKey:
		o.PrivateKey, o.Err = pki.ParsePrivateKey(der, r.Passphrase)
	case PublicKey:
		o.PublicKey, o.Err = pki.ParsePublicKey(der)
	case Request, CRL, OCSPRequest, OCSPResponse:
		o.Err = o.message(der)
	case PKCS7:
		r.bundle(o, der)
	case PKCS12:
		r.store(o, der)
	case Signature:
		o.Title = "a signature of the form that ECDSA and DSA have"
	case Parameters:
		o.Title = parametersTitle(o.Place.Label)
	case Unknown:
		o.Err = fault.New(Unrecognised, "DER of no kind that is known here: %s", opening(der)).
			WithHint("openssl asn1parse -inform DER -in FILE    # shows its structure")
	}
}

func parametersTitle(label string) string {
	switch {
	case strings.HasPrefix(label, "EC"):
		return "the curve of an elliptic curve key, without the key; a key file does not need it"
	case strings.Contains(label, "DH"):
		return "parameters of a Diffie-Hellman exchange, which TLS 1.3 does not use"
	}
	return "parameters of a key, without the key"
}

// maxOdd bounds the files that are converted before they are read, in bytes: what
// an editor or a shell has spoilt is small, and converting takes several copies.
const maxOdd = 1 << 20

// plainText makes ASCII of UTF-16, which PowerShell writes, and leaves out the
// mark with which Windows begins UTF-8.
func plainText(data []byte) (text []byte, note string) {
	if rest, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		return rest, ""
	}
	if len(data) < 4 || len(data) > maxOdd || !bytes.HasPrefix(data, []byte("\xff\xfe")) || data[3] != 0 {
		return data, ""
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
	}
	return []byte(string(utf16.Decode(units))), "the file is in UTF-16, as PowerShell's > writes it; other programs do not read it like this"
}

// withoutArmour decodes base64 that lacks PEM's first and last line, or returns
// nil.
func withoutArmour(text []byte) []byte {
	if len(text) < 16 || len(text) > maxOdd {
		return nil
	}
	decoded, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	if err != nil {
		return nil
	}
	return decoded
}
