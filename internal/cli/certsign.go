package cli

import (
	"context"
	"crypto"
	"encoding/hex"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

type certSignCmd struct {
	Request string `arg:"" name:"REQUEST" help:"The request, PEM or DER."`
	issuing
	Name           []string `xor:"names" placeholder:"NAME" help:"What the certificate says, whatever is asked for; once for each name."`
	NamesOfRequest bool     `xor:"names" help:"It says what is asked for. Without either, the command shows what that is, and signs nothing."`
	Kind           string   `enum:"server,client,workload" default:"server" placeholder:"KIND" help:"What the certificate is for, as in cert new: server, client or workload."`
	For            lifetime `placeholder:"SPAN" help:"How long it is good, such as 90d or 12h. Without it: 90 days, a workload a day."`
	Out            string   `placeholder:"FILE" help:"The file to write: the certificate, and those between it and the root. Without it, the request's with .pem at its end."`
	pointers
	secret
	force
	terse
}

func (certSignCmd) Help() string {
	return "signet cert sign server.csr --ca ca.pem\n" +
		"signet cert sign server.csr --ca ca.pem --names-of-request\n" +
		"signet cert sign server.csr --ca ca.pem --name api.example.com --for 30d"
}

func (c *certSignCmd) run(ctx context.Context, s *shell) error {
	if err := c.issuing.given(); err != nil {
		return err
	}
	if c.Out == "" {
		var err error
		if c.Out, err = outBeside(c.Request, ".pem"); err != nil {
			return err
		}
	}
	if err := c.mayWrite(s, []string{c.Request, c.CA, c.CAKey, c.PassphraseFile}, c.Out); err != nil {
		return err
	}
	request, err := s.oneRequest(c.Request)
	if err != nil {
		return err
	}
	spec, key, err := c.granted(request)
	if err != nil {
		return inFile(err, c.Request)
	}
	authority, err := c.authority(ctx, s, c.secret)
	if err != nil {
		return err
	}
	cert, err := authority.Issue(spec, key)
	if err != nil {
		return err
	}
	signed := &pki.Credential{Chain: append([]*pki.Certificate{cert}, authority.ChainBelowRoot()...)}
	if err := c.save(s, product{c.Out, signed.ChainPEM(), readable}); err != nil {
		return err
	}
	return c.tell(s, request, signed.Chain)
}

// oneRequest reads the only request of a file.
func (s *shell) oneRequest(path string) (*pki.Request, error) {
	data, err := s.read(path, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	requests, err := pki.ParseRequests(data)
	if err != nil {
		return nil, inFile(err, path)
	}
	if len(requests) > 1 {
		return nil, fault.New(TooMany, "%s holds %d requests, and one is signed at a time", baseName(path), len(requests)).
			WithHint("put each into a file of its own")
	}
	return requests[0], nil
}

// granted is the certificate that the request comes to, and its key. No name is copied
// that nobody has allowed.
func (c *certSignCmd) granted(request *pki.Request) (spec pki.Spec, key crypto.PublicKey, err error) {
	all := func(pki.GeneralName) bool { return c.NamesOfRequest }
	spec, key, refused, err := request.Spec(profiles[c.Kind], all)
	if err != nil {
		return spec, nil, err
	}
	asked := namesAsked(request)
	switch {
	case c.NamesOfRequest && len(refused) == len(asked):
		return spec, nil, c.noneFits(request, asked)
	case c.NamesOfRequest:
	case len(c.Name) == 0:
		return spec, nil, c.undecided(request, asked)
	case spec.Profile == pki.Workload && len(c.Name) > 1:
		return spec, nil, fault.New(Usage, "a workload has one name, and here are %d", len(c.Name)).WithHint("name its SPIFFE ID alone")
	case spec.Profile == pki.Workload:
		spec.ID, err = spiffeid.Parse(c.Name[0])
	case spec.Profile == pki.Client:
		err = unclear(c.Name, func(name string) string {
			return "signet cert sign " + quote(c.Request) + " " + c.issuing.words() + " --kind client --name " + name
		})
		fallthrough
	default:
		addNames(&spec, c.Name)
	}
	spec.Lifetime = time.Duration(c.For)
	c.pointers.add(&spec)
	return spec, key, err
}

// undecided says which names the request asks for, and how to go on.
func (c *certSignCmd) undecided(request *pki.Request, asked []string) error {
	again := "signet cert sign " + quote(c.Request) + " " + c.issuing.words()
	if len(asked) == 0 {
		return fault.New(NamesUndecided, "the request, of the subject %q, asks for no names, and nobody has said what it gets", request.Subject()).
			WithHint("%s --name api.example.com", again)
	}
	names, _ := request.SubjectAltNames()
	return fault.New(NamesUndecided, "the request asks for %s; nobody has said that it may have them", listing(asked, 20)).
		WithHint("%s --names-of-request      # all of them\n%s --name %s      # this one alone", again, again, quote(names[0].Value()))
}

// noneFits says why a request gets none of the names that it asks for.
func (c *certSignCmd) noneFits(request *pki.Request, asked []string) error {
	if len(asked) == 0 {
		return c.undecided(request, asked)
	}
	return fault.New(NamesUndecided, "the request asks for %s, and nothing of it is a name of %s", listing(asked, 20), article(c.Kind)).
		WithHint("add --kind client or --kind workload if that is what it is, or say with --name what it gets")
}

// signedRequest is the answer for programs.
type signedRequest struct {
	File      string    `json:"file"`
	Names     []string  `json:"names,omitempty"`
	LeftOut   []string  `json:"left_out,omitempty"` // which the request asks for
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SignedBy  string    `json:"signed_by"`
	SHA256    string    `json:"sha256"`
	Pin       string    `json:"pin"`
}

func (c *certSignCmd) tell(s *shell, request *pki.Request, chain []*pki.Certificate) error {
	leaf := chain[0]
	given := allNames(leaf)
	leftOut := slices.DeleteFunc(namesAsked(request), func(name string) bool { return slices.Contains(given, name) })
	sum := leaf.Fingerprint()
	if s.json {
		return s.printJSON(signedRequest{c.Out, given, leftOut, leaf.Serial(), leaf.NotBefore(), leaf.NotAfter(),
			leaf.IssuerTitle(), hex.EncodeToString(sum[:]), pin(leaf.PublicKey())})
	}
	var p page
	p.headline("Signed: "+certificateWords(&recognise.Object{Certificate: leaf})+", good for "+lifespan(leaf)+".", "")
	p.fact("file", "%s: %s", outTitle(c.Out), contents(chain))
	p.fact("names", "%s", listing(given, 20))
	if len(leftOut) > 0 {
		p.fact("left out", "%s, which the request asks for", listing(leftOut, 20))
	}
	p.issued(leaf)
	if err := s.print(p.String()); err != nil {
		return err
	}
	s.steps("next", "signet inspect --lint "+quote(c.Out))
	return nil
}
