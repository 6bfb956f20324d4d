package pki

import (
	"slices"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Renew issues a certificate like old with a new key: see Renewal.
func (c *Credential) Renew(old *Certificate, now time.Time) (*Credential, error) {
	spec, err := Renewal(old)
	if err != nil {
		return nil, err
	}
	spec.Now = now
	return c.New(spec)
}

// Renewal returns the Spec of a certificate like old, for New or SelfSigned: the
// same subject, names, purpose, constraints and URLs, and as long a life as
// old's, or the longest that its profile has. Serial number and key are new, and
// extensions that Signet does not write itself are not taken over. A certificate
// that no profile can make again without a loss is refused.
func Renewal(old *Certificate) (Spec, error) {
	if err := old.Malformed(); err != nil {
		return Spec{}, err
	}
	spec := Spec{Subject: old.Subject()}
	steps := []func(*Certificate) error{spec.renewProfile, spec.renewNames, spec.renewAuthority, spec.renewURLs}
	for _, step := range steps {
		if err := step(old); err != nil {
			return Spec{}, err
		}
	}
	spec.Lifetime = min(old.NotAfter().Sub(old.NotBefore())-Backdate, profiles[spec.Profile].longest)
	if spec.Lifetime <= 0 {
		return Spec{}, notRenewed(old, "it was good for less than %s", Backdate)
	}
	return spec, nil
}

// renewProfile finds the profile whose purposes are the old certificate's.
func (s *Spec) renewProfile(old *Certificate) error {
	purposes, _ := old.ExtKeyUsage()
	switch {
	case old.IsAuthority() && old.SelfIssued():
		s.Profile = Root
	case old.IsAuthority():
		s.Profile = Intermediate
	case !old.ID().IsZero():
		s.Profile = Workload
	case slices.Contains(purposes, OIDServerAuth):
		s.Profile = Server
	default:
		s.Profile = Client
	}
	profile := profiles[s.Profile]
	if !sameOIDs(purposes, profile.extended) {
		return notRenewed(old, "its purposes are not those of a new certificate of the kind %s", s.Profile)
	}
	return nil
}

// sameOIDs reports whether both have the same members.
func sameOIDs(a, b []OID) bool {
	holds := func(list []OID) func(OID) bool { return func(id OID) bool { return !slices.Contains(list, id) } }
	return !slices.ContainsFunc(a, holds(b)) && !slices.ContainsFunc(b, holds(a))
}

func (s *Spec) renewNames(old *Certificate) error {
	names, _ := old.SubjectAltNames()
	for _, name := range names {
		switch text := string(name.Raw); name.Kind {
		case DNSName:
			s.DNS = append(s.DNS, text)
		case EmailName:
			s.Emails = append(s.Emails, text)
		case IPName:
			address, _ := name.Address()
			s.IPs = append(s.IPs, address)
		case URIName:
			if s.Profile == Workload {
				s.ID, _ = spiffeid.Parse(text) // the certificate's only URI, by Certificate.ID
			} else {
				s.URIs = append(s.URIs, text)
			}
		default:
			return notRenewed(old, "it has a name of the form %s", name.Kind)
		}
	}
	return nil
}

func (s *Spec) renewAuthority(old *Certificate) error {
	constraints, _ := old.BasicConstraints()
	if s.Profile == Intermediate {
		if s.PathLen = constraints.PathLen; s.PathLen < 0 {
			return notRenewed(old, "it has no path length, and a new one is given one")
		}
	}
	s.Constraints, _ = old.NameConstraints()
	return nil
}

func (s *Spec) renewURLs(old *Certificate) error {
	points, _ := old.DistributionPoints()
	for _, point := range points {
		if point.Name == nil || len(point.Issuer) > 0 || point.Reasons != 0 {
			return notRenewed(old, "its revocation list is another authority's, or for some reasons alone")
		}
		for _, name := range point.Name.Full {
			s.CRLs = append(s.CRLs, string(name.Raw))
		}
	}
	places, _ := old.AuthorityInfo()
	for _, place := range places {
		switch place.Method {
		case OIDAccessOCSP:
			s.OCSP = append(s.OCSP, string(place.Location.Raw))
		case OIDAccessIssuers:
			s.Issuers = append(s.Issuers, string(place.Location.Raw))
		}
	}
	s.MustStaple = old.MustStaple()
	return nil
}

func notRenewed(old *Certificate, format string, args ...any) error {
	return specInvalid("%s cannot be renewed as it is: "+format, append([]any{old.Title()}, args...)...).
		WithHint("make a new certificate, and say what it is for")
}
