package cli

import "github.com/signet-tls/signet/pki"

// pointers are the flags of a certificate that says where news of it are.
type pointers struct {
	CRLURL     []string `name:"crl-url" sep:"none" placeholder:"URL" help:"The certificate says that its issuer's revocation list is at this http URL. Once for each."`
	OCSPURL    []string `name:"ocsp-url" sep:"none" placeholder:"URL" help:"It says that its issuer's OCSP responder is at this http URL. Once for each."`
	IssuerURL  []string `name:"issuer-url" sep:"none" placeholder:"URL" help:"It says that its issuer's own certificate, in DER, is at this http URL. Once for each."`
	MustStaple bool     `help:"It promises that the server sends an OCSP response with it; clients may refuse it without one."`
}

func (f pointers) add(spec *pki.Spec) {
	spec.CRLs, spec.OCSP, spec.Issuers, spec.MustStaple = f.CRLURL, f.OCSPURL, f.IssuerURL, f.MustStaple
}

// limits are the flags of an authority that may not sign for every name.
type limits struct {
	PathLen int      `name:"path-len" placeholder:"N" help:"Of an intermediate: how many levels of authorities may stand below it. Without it none: it signs servers, clients and workloads alone."`
	Permit  []string `sep:"none" placeholder:"NAME" help:"Of an authority: of names of this kind, those below this one alone; such as DNS:example.com, IP:10.0.0.0/8, email:example.com, URI:demo.signet. Once for each."`
	Exclude []string `sep:"none" placeholder:"NAME" help:"Of an authority: no name below this one, written as with --permit. Once for each."`
}

func (f limits) add(spec *pki.Spec) (err error) {
	spec.PathLen = f.PathLen
	if len(f.Permit)+len(f.Exclude) == 0 {
		return nil
	}
	spec.Constraints = new(pki.NameConstraints)
	if spec.Constraints.Permitted, err = subtrees(f.Permit); err != nil {
		return err
	}
	spec.Constraints.Excluded, err = subtrees(f.Exclude)
	return err
}

func subtrees(names []string) ([]pki.Subtree, error) {
	var trees []pki.Subtree
	for _, name := range names {
		tree, err := pki.ParseSubtree(name)
		if err != nil {
			return nil, err
		}
		trees = append(trees, tree)
	}
	return trees, nil
}
