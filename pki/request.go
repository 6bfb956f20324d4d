package pki

import (
	"crypto"
	"encoding/pem"
	"sync"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// Request is a parsed certificate request (PKCS#10, RFC 2986): as much as can be
// read. What it asks for is its sender's wish; that its sender holds the key is
// for CheckSignature to say. A Request is immutable and safe for concurrent use.
type Request struct {
	raw []byte
	signed
	version    int
	subject    Name
	publicKey  *PublicKey
	attributes []RequestAttribute

	decode    sync.Once
	requested *extensionSet
	refused   error
}

// RequestAttribute is what a request says beside subject and key.
type RequestAttribute struct {
	ID     OID
	Values [][]byte // one element in DER each
}

const requestHint = "make a new request where the key is"

var requests = kind[*Request]{
	name:          "certificate request",
	labels:        map[string]bool{"CERTIFICATE REQUEST": false, "NEW CERTIFICATE REQUEST": false},
	read:          (*der).request,
	missing:       NoRequest,
	damaged:       RequestInvalid,
	whereMissing:  "name a file with a -----BEGIN CERTIFICATE REQUEST----- block, or a request in DER",
	whereDamaged:  requestHint,
	bound:         MaxInput,
	whereTooLarge: "name the request's own file",
}

// ParseRequests reads every certificate request of data, PEM or DER, in its
// order, as ParseCertificates does certificates. It checks no signature.
func ParseRequests(data []byte) ([]*Request, error) { return requests.all(data) }

const maxRequest = 64 << 10

// ParseRequest checks a request in DER of at most 64 KiB and returns the public
// key whose private part its sender holds; its bounds are those of ParseKey.
// Names and extensions that it asks for are not copied.
func ParseRequest(der []byte) (crypto.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, fault.New(InputTooLarge, "a request of %d bytes; %d are the most", len(der), maxRequest).
			WithHint(requestHint)
	}
	request, err := requests.one(der, false)
	if err != nil {
		return nil, err
	}
	return request.provenKey()
}

// provenKey returns the key that a certificate can be issued for.
func (r *Request) provenKey() (crypto.PublicKey, error) {
	// Before the signature: checking it takes long with a hostile key.
	if problem := keyProblem(r.publicKey.look()); problem != "" {
		return nil, fault.New(RequestInvalid, "the request is for %s", problem).WithHint(requestHint)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fault.Wrap(err, RequestInvalid, "the request's signature is not its key's").WithHint(requestHint)
	}
	return r.publicKey.Key()
}

func (d *der) request() *Request {
	r := new(Request)
	var content, info der
	r.raw, content = d.whole(asn1.SEQUENCE, "certificate request")
	r.signed, info = content.signed("certificate request's contents")
	content.end("the certificate request")

	r.version = info.small("version") + 1
	r.subject = info.name("subject")
	r.publicKey = info.publicKey()
	if info.has(constructed(0)) { // some programs leave out the empty set
		attributes := info.read(constructed(0), "attributes")
		for attributes.more() {
			r.attributes = append(r.attributes, attributes.requestAttribute())
		}
	}
	info.end("the certificate request's contents")
	return r
}

func (d *der) requestAttribute() RequestAttribute {
	item := d.sequence("attribute of a request")
	a := RequestAttribute{ID: item.oid("attribute of a request")}
	values := item.read(asn1.SET, "values of an attribute")
	for values.more() {
		value, _, _ := values.element("value of an attribute")
		a.Values = append(a.Values, value)
	}
	item.end("an attribute of a request")
	return a
}

// Raw returns the request in DER. The caller must not change it.
func (r *Request) Raw() []byte { return r.raw }

// Version returns 1, the only one that there is.
func (r *Request) Version() int { return r.version }

// Subject returns the name that the request asks for.
func (r *Request) Subject() Name { return r.subject }

// PublicKey returns the key that is to be certified.
func (r *Request) PublicKey() *PublicKey { return r.publicKey }

// Attributes returns all attributes, in their order. The caller must not change
// them.
func (r *Request) Attributes() []RequestAttribute { return r.attributes }

// CheckSignature reports whether the request was signed with the key that it is
// for.
func (r *Request) CheckSignature() error { return r.checkBy(r.publicKey) }

// PEM returns the request as one PEM block.
func (r *Request) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.raw})
}

// attribute returns the only value of an attribute, or nil where there is none;
// one of two kinds may stand for it.
func (r *Request) attribute(kinds ...OID) ([]byte, error) {
	var found []byte
	for _, a := range r.attributes {
		if a.ID != kinds[0] && a.ID != kinds[len(kinds)-1] {
			continue
		}
		if found != nil || len(a.Values) != 1 {
			return nil, fault.New(RequestInvalid, "the attribute %s has more or less than one value", a.ID.Name()).WithHint(requestHint)
		}
		found = a.Values[0]
	}
	return found, nil
}

// ChallengePassword returns the secret by which an authority may know the sender
// (RFC 2985, section 5.4.1), or "".
func (r *Request) ChallengePassword() (string, error) {
	whole, err := r.attribute(OIDChallengePassword)
	if whole == nil {
		return "", err
	}
	d := newDER(whole)
	_, tag, content := d.element("challenge password")
	text, ok := decodeText(tag, content.String)
	if !ok {
		return "", fault.New(RequestInvalid, "the challenge password is no text").WithHint(requestHint)
	}
	return text, nil
}

// extensions returns the extensions that the request asks for (RFC 2985, section
// 5.4.2), decoded.
func (r *Request) extensions() (*extensionSet, error) {
	r.decode.Do(func() {
		r.requested = new(extensionSet)
		whole, err := r.attribute(OIDExtensionRequest, oidMSExtensions)
		if whole == nil {
			r.refused = err
			return
		}
		d := newDER(whole)
		list := d.extensions("the request")
		if err := d.end("the extensions"); err != nil {
			r.refused = fault.Wrap(err, RequestInvalid, "the extensions that the request asks for").WithHint(requestHint)
			return
		}
		r.requested = newExtensionSet(list)
	})
	return r.requested, r.refused
}

// Extensions returns all extensions that the request asks for, in their order,
// none where they cannot be read. The caller must not change them.
func (r *Request) Extensions() []Extension {
	set, _ := r.extensions()
	return set.list
}

// Malformed returns why the extensions, or one that Signet knows, cannot be read,
// or nil.
func (r *Request) Malformed() error {
	set, err := r.extensions()
	if err != nil {
		return err
	}
	return set.malformed()
}

// requestedOf returns one of the extensions that the request asks for, or its
// zero value.
func requestedOf[T any](r *Request, id OID) (value T, err error) {
	set, err := r.extensions()
	if err != nil {
		return value, err
	}
	return find[T](set, id)
}

// SubjectAltNames are the names that the request asks for (RFC 5280, section
// 4.2.1.6).
func (r *Request) SubjectAltNames() ([]GeneralName, error) {
	return requestedOf[[]GeneralName](r, OIDSubjectAltName)
}

// KeyUsage is what it asks for, nil for nothing (RFC 5280, section 4.2.1.3).
func (r *Request) KeyUsage() (*KeyUsage, error) { return requestedOf[*KeyUsage](r, OIDKeyUsage) }

// ExtKeyUsage is what it asks for, nil for nothing (RFC 5280, section 4.2.1.12).
func (r *Request) ExtKeyUsage() ([]OID, error) { return requestedOf[[]OID](r, OIDExtKeyUsage) }

// BasicConstraints says whether it asks to be an authority (RFC 5280, section
// 4.2.1.9).
func (r *Request) BasicConstraints() (*BasicConstraints, error) {
	return requestedOf[*BasicConstraints](r, OIDBasicConstraints)
}
