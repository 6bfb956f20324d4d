package pki

import (
	"crypto"
	"crypto/rand"
	"net/netip"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// NewRequest returns a PKCS#10 request in DER that proves possession of the key
// and asks for no name: the signer decides what its certificate will say.
func NewRequest(key crypto.Signer) ([]byte, error) {
	request, err := RequestSpec{}.Sign(key)
	if err != nil {
		return nil, err
	}
	return request.raw, nil
}

// RequestSpec says what a request asks for, where the authority wants to hear it.
type RequestSpec struct {
	Name       string // common name, at most 64 characters
	Subject    Name   // the whole subject, in place of Name
	DNS        []string
	IPs        []netip.Addr
	Emails     []string
	URIs       []string
	Challenge  string      // a password for the authority, readable by everybody on the way
	Extensions []Extension // further ones
}

// Sign makes the request and proves that its sender holds the key.
func (s RequestSpec) Sign(key crypto.Signer) (*Request, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	info, err := s.info(key.Public())
	if err != nil {
		return nil, err
	}
	algorithm, err := signingAlgorithm(key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "the request")
	}
	der, err := signTBS(rand.Reader, key, algorithm, info)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "the request")
	}
	return requests.one(der, false)
}

// check holds the names against the rules of a certificate's.
func (s RequestSpec) check() error {
	if s.Challenge != fault.Printable(s.Challenge, maxChallenge) {
		return requestSpecInvalid("a challenge password has at most %d characters, all of which can be printed", maxChallenge)
	}
	seen := map[OID]bool{OIDSubjectAltName: len(s.names()) > 0}
	for _, e := range s.Extensions {
		if seen[e.ID] {
			return requestSpecInvalid("the request asks twice for the extension %s", e.ID.Name())
		}
		seen[e.ID] = true
	}
	for _, uri := range s.URIs {
		if _, ok := parseURI(uri); !ok {
			return requestSpecInvalid("%q is not a URI with a scheme and a host", fault.Printable(uri, maxName))
		}
	}
	names := Spec{Profile: Client, Name: s.Name, Subject: s.Subject, DNS: s.DNS, IPs: s.IPs, Emails: s.Emails}
	if err := names.checkSubject(); err != nil {
		return err
	}
	return names.checkNames()
}

// maxChallenge is pkcs-9-ub-challengePassword (RFC 2985, appendix A).
const maxChallenge = 255

func requestSpecInvalid(format string, args ...any) error {
	return fault.New(SpecInvalid, format, args...).WithHint("correct the name, or leave it out of the request")
}

// info returns the part of the request that is signed (RFC 2986, section 4.1).
func (s RequestSpec) info(public crypto.PublicKey) ([]byte, error) {
	key, err := newPublicKey(public)
	if err != nil {
		return nil, err
	}
	subject := subjectOf(s.Name, s.Subject)
	extensions := slices.Clone(s.Extensions)
	if names := s.names(); len(names) > 0 {
		extensions = append([]Extension{altNamesExtension(names, subject)}, extensions...)
	}
	return encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(subject.DER())
		b.AddBytes(key.raw)
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			if s.Challenge != "" {
				addAttribute(b, OIDChallengePassword, func(b *cryptobyte.Builder) { addElement(b, asn1.UTF8String, []byte(s.Challenge)) })
			}
			if len(extensions) > 0 {
				addAttribute(b, OIDExtensionRequest, func(b *cryptobyte.Builder) { addExtensions(b, extensions) })
			}
		})
	}), nil
}

// addAttribute adds an attribute of one value.
func addAttribute(b *cryptobyte.Builder, id OID, value func(*cryptobyte.Builder)) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, id)
		b.AddASN1(asn1.SET, value)
	})
}

func (s RequestSpec) names() []GeneralName { return hostNames(s.DNS, s.IPs, s.Emails, s.URIs) }

// AllowNames returns a predicate that allows exactly these names: DNS names, IP
// addresses, e-mail addresses and URIs as text.
func AllowNames(names ...string) func(GeneralName) bool {
	return func(name GeneralName) bool {
		switch name.Kind {
		case DNSName, IPName, EmailName, URIName:
			return slices.Contains(names, name.Value())
		}
		return false
	}
}

// Spec returns what Credential.Issue needs for a certificate as the request asks
// for it, and the request's key, once its sender has proved to hold it. No name
// is copied that allow does not allow; those that it does not, and those that the
// profile has no room for, are returned as refused. The common name is copied if
// it is one of the names that are. Every other wish is passed over: the profile
// decides.
func (r *Request) Spec(profile Profile, allow func(GeneralName) bool) (spec Spec, key crypto.PublicKey, refused []GeneralName, err error) {
	if key, err = r.provenKey(); err != nil {
		return Spec{}, nil, nil, err
	}
	names, err := r.SubjectAltNames()
	if err != nil {
		return Spec{}, nil, nil, err
	}
	spec.Profile = profile
	for _, name := range names {
		if !allow(name) || !spec.take(name) {
			refused = append(refused, name)
		}
	}
	for _, common := range r.subject.Get(OIDCommonName) {
		if slices.Contains(spec.DNS, common) {
			spec.Name = common
		}
	}
	return spec, key, refused, nil
}

// take adds a name if the profile has room for it.
func (s *Spec) take(name GeneralName) bool {
	id, notSPIFFE := spiffeid.Parse(string(name.Raw))
	switch endpoint := s.Profile == Server || s.Profile == Client; {
	case endpoint && name.Kind == DNSName:
		s.DNS = append(s.DNS, string(name.Raw))
	case endpoint && name.Kind == IPName:
		address, _ := name.Address()
		s.IPs = append(s.IPs, address)
	case s.Profile == Client && name.Kind == EmailName:
		s.Emails = append(s.Emails, string(name.Raw))
	case s.Profile == Client && name.Kind == URIName && notSPIFFE != nil:
		s.URIs = append(s.URIs, string(name.Raw))
	case s.Profile == Workload && name.Kind == URIName && notSPIFFE == nil && s.ID.IsZero():
		s.ID = id
	default:
		return false
	}
	return true
}
