// Package spiffeid holds SPIFFE trust domains and IDs as small validated
// values (SPIFFE ID specification, sections 2.1 to 2.3).
package spiffeid

import (
	"net/url"
	"strings"

	"github.com/signet-tls/signet/fault"
)

// Bounds of the SPIFFE ID specification: a trust domain of at most 255 bytes,
// an ID of at most 2,048.
const (
	maxTrustDomain = 255
	maxID          = 2048
)

// scheme begins an ID.
const scheme = "spiffe://"

// Codes of this package.
const (
	InvalidTrustDomain fault.Code = "trust_domain_invalid"
	InvalidID          fault.Code = "spiffe_id_invalid"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: InvalidTrustDomain, Meaning: "The text is not a SPIFFE trust domain.",
			Cause: "An upper-case letter, a port or a scheme in the name.",
			Next:  "Write a name such as prod.example: lower-case letters, digits, dots, dashes and underscores, at most 255 bytes."},
		{Code: InvalidID, Meaning: "The text is not a SPIFFE ID.",
			Cause: "A missing spiffe://, an empty path segment, or a character that needs escaping.",
			Next:  "Write spiffe://<trust domain>/<path>, for example spiffe://prod.example/web."},
	}
}

const trustDomainHint = "write a name such as prod.example: lower-case letters, digits, dots, dashes and underscores"

// TrustDomain is a validated trust domain name, such as prod.example. The zero
// value names none.
type TrustDomain struct{ name string }

// ParseTrustDomain validates name.
func ParseTrustDomain(name string) (TrustDomain, error) {
	if name == "" || len(name) > maxTrustDomain {
		return TrustDomain{}, fault.New(InvalidTrustDomain, "a trust domain has 1 to %d bytes, this has %d", maxTrustDomain, len(name)).
			WithHint(trustDomainHint)
	}
	for _, r := range name {
		if !isLower(r) && !isDigit(r) && !strings.ContainsRune("-._", r) {
			return TrustDomain{}, fault.New(InvalidTrustDomain, "%q in the trust domain %q is not a lower-case letter, digit, dot, dash or underscore", r, clip(name)).
				WithHint(trustDomainHint)
		}
	}
	return TrustDomain{name}, nil
}

// String returns the name.
func (td TrustDomain) String() string { return td.name }

// IsZero reports whether td names no trust domain.
func (td TrustDomain) IsZero() bool { return td.name == "" }

// ID returns the ID of td with the given path, written without its leading
// slash: "web", "proxy/edge-3".
func (td TrustDomain) ID(path string) (ID, error) {
	return Parse(scheme + td.name + "/" + path)
}

// Named returns the ID that is meant by a path in td, as of ID, or by a whole URI, which
// may be of any trust domain: what Short writes it reads.
func (td TrustDomain) Named(text string) (ID, error) {
	if strings.Contains(text, "://") {
		return Parse(text)
	}
	return td.ID(text)
}

// MarshalText returns the trust domain's name, the form it has in JSON.
func (td TrustDomain) MarshalText() ([]byte, error) { return []byte(td.name), nil }

// UnmarshalText parses a trust domain; the empty text is the zero value.
func (td *TrustDomain) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*td = TrustDomain{}
		return nil
	}
	*td, err = ParseTrustDomain(string(text))
	return err
}

// ID is a validated SPIFFE ID. The zero value names nobody.
type ID struct {
	uri  string
	path int // where its path begins in it, after the slash
}

// Parse validates text as a SPIFFE ID with a path.
func Parse(text string) (ID, error) {
	if len(text) > maxID {
		return ID{}, invalidID("a SPIFFE ID has at most %d bytes, this has %d", maxID, len(text))
	}
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return ID{}, invalidID("%q does not begin with spiffe://", clip(text))
	}
	name, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" {
		return ID{}, invalidID("%q has no path after its trust domain", clip(text))
	}
	if _, err := ParseTrustDomain(name); err != nil {
		return ID{}, fault.Wrap(err, InvalidID, "%q", clip(text))
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return ID{}, invalidID("%q has an empty or a dot segment in its path", clip(text))
		}
		for _, r := range segment {
			if !isLower(r) && !isUpper(r) && !isDigit(r) && !strings.ContainsRune("-._", r) {
				return ID{}, invalidID("%q in the path of %q is not a letter, digit, dot, dash or underscore", r, clip(text))
			}
		}
	}
	return ID{text, len(text) - len(path)}, nil
}

// TrustDomain returns the ID's trust domain.
func (id ID) TrustDomain() TrustDomain {
	if id.IsZero() {
		return TrustDomain{}
	}
	return TrustDomain{id.uri[len(scheme) : id.path-1]}
}

// Path returns the ID's path without its leading slash.
func (id ID) Path() string { return id.uri[id.path:] }

// IsZero reports whether id names nobody.
func (id ID) IsZero() bool { return id.uri == "" }

// String returns the ID as a URI, or "" for the zero value.
func (id ID) String() string { return id.uri }

// URL returns the ID as the URI of a certificate's subject alternative name.
func (id ID) URL() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: id.TrustDomain().name, Path: "/" + id.Path()}
}

// Short returns the path for an ID of td, and the whole URI for all others.
func (id ID) Short(td TrustDomain) string {
	if id.TrustDomain() == td {
		return id.Path()
	}
	return id.uri
}

// MarshalText returns the ID as a URI, the form it has in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText parses an ID; the empty text is the zero value.
func (id *ID) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	*id, err = Parse(string(text))
	return err
}

func invalidID(format string, args ...any) *fault.Error {
	return fault.New(InvalidID, format, args...).
		WithHint("write spiffe://<trust domain>/<path>, for example spiffe://prod.example/web")
}

func clip(text string) string { return fault.Printable(text, 80) }

func isLower(r rune) bool { return r >= 'a' && r <= 'z' }
func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }
func isDigit(r rune) bool { return r >= '0' && r <= '9' }
