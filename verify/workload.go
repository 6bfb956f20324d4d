package verify

import (
	"fmt"
	"strings"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// spiffeURIs are those of a certificate's URI names that are SPIFFE IDs by their
// scheme.
func spiffeURIs(m *node) []string {
	var all []string
	for _, name := range m.names {
		if uri := string(name.Raw); name.Kind == pki.URIName && strings.HasPrefix(uri, "spiffe:") {
			all = append(all, uri)
		}
	}
	return all
}

// badWorkload says why a leaf is no workload's: it has not exactly one URI, which is
// a SPIFFE ID with a path (SPIFFE X.509-SVID, sections 2 and 3.1). That of an
// authority is refused for being one.
func badWorkload(v *visit) string {
	switch uris := v.count(pki.URIName); {
	case v.isCA() || !v.cert.ID().IsZero():
		return ""
	case uris == 0:
		return fmt.Sprintf("%s has no SPIFFE ID", v.title())
	case uris > 1:
		return fmt.Sprintf("%s has %d URIs; a workload has exactly one, its SPIFFE ID", v.title(), uris)
	}
	return fmt.Sprintf("the URI of %s, %s, is no workload's SPIFFE ID", v.title(), listed(v.cert.NamesOf(pki.URIName)))
}

// badTrustDomain says why an authority's own SPIFFE ID is not one that may sign the
// leaf: it is that of a trust domain, without a path, and who signs a workload is of
// its trust domain (SPIFFE X.509-SVID, section 3.2). To have none is no fault.
func badTrustDomain(v *visit) string {
	ids := spiffeURIs(v.node)
	if len(ids) == 0 {
		return ""
	}
	domain, err := spiffeid.ParseTrustDomain(strings.TrimPrefix(ids[0], "spiffe://"))
	workload := v.below[0].cert.ID().TrustDomain()
	switch {
	case len(ids) > 1:
		return fmt.Sprintf("%s has %d SPIFFE IDs; an authority has one at most", v.title(), len(ids))
	case err != nil:
		return fmt.Sprintf("%s, the SPIFFE ID of %s, is not that of a trust domain", clip(ids[0]), v.title())
	case len(v.below) == 1 && !workload.IsZero() && domain != workload:
		return fmt.Sprintf("%s is of the trust domain %s and has signed %s, which is of %s", v.title(), domain, v.below[0].title(), workload)
	}
	return ""
}

// workloadIDs is whose certificate it is, and whose it must be.
func workloadIDs(v *visit) (have, want string) {
	if v.role == leaf {
		return listed(v.cert.NamesOf(pki.URIName)), "one SPIFFE ID with a path, and no other URI"
	}
	want = "none, or one without a path"
	if domain := v.below[0].cert.ID().TrustDomain(); len(v.below) == 1 && !domain.IsZero() {
		want = "none, or spiffe://" + domain.String()
	}
	return listed(spiffeURIs(v.node)), want
}
