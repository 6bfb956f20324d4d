package verify

import (
	"net/url"
	"slices"
	"strings"

	"github.com/signet-tls/signet/pki"
)

// hasURI reports whether a leaf has a URI, which is canonical, among its
// alternative names.
func hasURI(leaf *node, uri string) bool {
	return slices.ContainsFunc(leaf.names, func(name pki.GeneralName) bool {
		if name.Kind != pki.URIName {
			return false
		}
		have, ok := canonicalURI(string(name.Raw))
		return ok && have == uri
	})
}

// isURI reports whether a URI can be asked for: it is canonical, and no SPIFFE ID,
// which its own trust domain alone may vouch for.
func isURI(text string) bool {
	canonical, ok := canonicalURI(text)
	return ok && canonical == text && !strings.HasPrefix(text, "spiffe:")
}

// canonicalURI returns an absolute URI in the form in which two are compared
// (RFC 5280, section 7.4, steps 2 to 5), or false if it is none: scheme and host in
// small letters, percent-encoding only where it is needed, no dot segments, and for
// the schemes that RFC 5280 names no default port and no empty path.
func canonicalURI(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || u.Opaque == "" && u.Hostname() == "" || !isPlainURI(text) {
		return "", false
	}
	text = normalEscapes(text)
	scheme, rest, _ := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	end := strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	rest, tail := rest[:end], rest[end:]
	hierarchy, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return scheme + ":" + rest + tail, true
	}
	authority, path := hierarchy, ""
	if slash := strings.IndexByte(hierarchy, '/'); slash >= 0 {
		authority, path = hierarchy[:slash], withoutDots(hierarchy[slash:])
	}
	if defaultPorts[scheme] != "" && path == "" {
		path = "/"
	}
	return scheme + "://" + canonicalAuthority(authority, defaultPorts[scheme]) + path + tail, true
}

// defaultPorts are those of the schemes that RFC 5280 names.
var defaultPorts = map[string]string{"ldap": "389", "http": "80", "https": "443", "ftp": "21"}

func canonicalAuthority(authority, defaultPort string) string {
	at := strings.LastIndexByte(authority, '@') + 1
	user, host := authority[:at], authority[at:]
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		if port := host[colon+1:]; port == "" || port == defaultPort {
			host = host[:colon]
		}
	}
	return user + strings.ToLower(host)
}

// withoutDots removes the segments . and .. of an absolute path (RFC 3986, section
// 5.2.4).
func withoutDots(path string) string {
	segments := strings.Split(path, "/")
	kept := segments[:1:1]
	for i, segment := range segments[1:] {
		if segment == ".." && len(kept) > 1 {
			kept = kept[:len(kept)-1]
		}
		dots := segment == "." || segment == ".."
		switch {
		case !dots:
			kept = append(kept, segment)
		case i == len(segments)-2:
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}

// isPlainURI reports whether a text has the characters of a URI alone (RFC 3986,
// section 2), and whole escapes.
func isPlainURI(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '%':
			if _, err := url.PathUnescape(text[i:min(i+3, len(text))]); err != nil {
				return false
			}
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return false
		}
	}
	return true
}

// normalEscapes writes percent-encoded octets as themselves where they need no
// encoding, and else with capital digits (RFC 3986, section 6.2.2).
func normalEscapes(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		octet, _ := url.PathUnescape("%" + after[:2])
		if strings.ContainsFunc(octet, isUnreserved) {
			out.WriteString(octet)
		} else {
			out.WriteString("%" + strings.ToUpper(after[:2]))
		}
		text = after[2:]
	}
}

func isUnreserved(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c)
}
