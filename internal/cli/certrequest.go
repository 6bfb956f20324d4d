package cli

import (
	"context"
	"crypto"
	"errors"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/pki"
)

type certRequestCmd struct {
	Names   []string `arg:"" name:"NAME" help:"What is asked for: host names, addresses, e-mail addresses, URIs such as a SPIFFE ID."`
	Key     string   `placeholder:"FILE" help:"The private key to ask for. Without it, a new one is made."`
	KeyKind string   `enum:"auto,${cert_kinds}" default:"auto" placeholder:"KIND" help:"The new key's kind, as in key new; TLS does not take ecdsa-p224."`
	Out     string   `placeholder:"FILE" help:"The file to write. Without it, the name with .csr behind it."`
	KeyOut  string   `name:"key-out" placeholder:"FILE" help:"The file of the new key. Without it, that of the request with .key at its end."`
	sealing
	force
	terse
}

func (certRequestCmd) Help() string {
	return "signet cert request api.example.com 10.0.0.7\n" +
		"signet cert request api.example.com --key server.key --out server.csr"
}

// madeRequest is the answer for programs.
type madeRequest struct {
	File      string   `json:"file"`
	KeyFile   string   `json:"key_file"`
	Names     []string `json:"names"`
	Pin       string   `json:"pin"`
	Encrypted bool     `json:"encrypted"` // the new key
}

func (c *certRequestCmd) run(ctx context.Context, s *shell) error {
	files, err := c.files(s)
	if err != nil {
		return err
	}
	key, err := c.key(ctx, s)
	if err != nil {
		return err
	}
	request, err := requestFor(c.Names, key)
	if err != nil {
		return err
	}
	products := []product{{c.Out, request.PEM(), readable}}
	if c.Key == "" {
		text, err := c.seal(ctx, s, key, files.KeyFile)
		if err != nil {
			return err
		}
		products = append([]product{{files.KeyFile, text, atomicfile.Private}}, products...)
	}
	if err := c.save(s, products...); err != nil {
		return err
	}
	files.Names, files.Pin = namesAsked(request), pin(request.PublicKey())
	return c.tell(s, files)
}

// files says what is written where, if that may be.
func (c *certRequestCmd) files(s *shell) (*madeRequest, error) {
	if c.Out == "" {
		c.Out = strings.TrimSuffix(fileFor(c.Names[0]), ".pem") + ".csr"
	}
	answer := &madeRequest{File: c.Out, KeyFile: c.Key}
	switch {
	case c.Key != "" && (c.KeyOut != "" || c.Encrypt || c.KeyKind != "auto"):
		return nil, fault.New(Usage, "--key is a key that is there; --key-kind, --key-out and --encrypt are for a new one").WithHint("leave one of them out")
	case c.Key != "":
		return answer, c.mayWrite(s, []string{c.Key, c.PassphraseFile}, c.Out)
	case c.KeyOut == "":
		var err error
		if c.KeyOut, err = outBeside(c.Out, ".key"); err != nil {
			return nil, fault.New(Usage, "where does the new key go? --key-out is missing").WithHint("add --key-out FILE")
		}
	}
	if answer.KeyFile = c.KeyOut; sameFile(c.KeyOut, c.Out) {
		return nil, fault.New(Usage, "--key-out and --out are the same file").WithHint("name two: a request is public, and its key is not")
	}
	answer.Encrypted = c.Encrypt
	if errors.Is(c.free(c.KeyOut), FileExists) {
		return nil, fault.New(FileExists, "%s, where the new key would go, is there already, and was left as it is", c.KeyOut).WithHint("signet cert request %s --key %s      # asks for the key that is there", quote(c.Names[0]), quote(c.KeyOut))
	}
	return answer, c.mayWrite(s, []string{c.PassphraseFile}, c.KeyOut, c.Out)
}

// key is the one that is there, or a new one.
func (c *certRequestCmd) key(ctx context.Context, s *shell) (crypto.Signer, error) {
	if c.Key != "" {
		return s.loadKey(c.Key, c.asker(ctx, s, baseName(c.Key)))
	}
	if c.KeyKind == "auto" {
		return pki.NewKey()
	}
	return s.generateKey(ctx, keyKinds[c.KeyKind])
}

// requestFor asks for the names.
func requestFor(names []string, key crypto.Signer) (*pki.Request, error) {
	var sorted pki.Spec
	addNames(&sorted, names)
	return pki.RequestSpec{Name: sorted.Name, DNS: sorted.DNS, IPs: sorted.IPs, Emails: sorted.Emails, URIs: sorted.URIs}.Sign(key)
}

// namesAsked are the names that a request asks for.
func namesAsked(request *pki.Request) []string {
	names, _ := request.SubjectAltNames()
	return nameTexts(names)
}

func (c *certRequestCmd) tell(s *shell, answer *madeRequest) error {
	if s.json {
		return s.printJSON(answer)
	}
	var p page
	p.headline("Made: a certificate request for "+listing(c.Names, 3)+".", "")
	p.fact("file", "%s: for the authority", outTitle(answer.File))
	if c.Key == "" {
		p.fact("key", "%s", private(answer.KeyFile, "the private key, "+sealed(answer.Encrypted)+";"))
	}
	p.fact("names", "%s", listing(answer.Names, 20))
	p.fact("pin", "%s", answer.Pin)
	if err := s.print(p.String()); err != nil {
		return err
	}
	s.steps("next", "signet cert sign "+quote(answer.File)+" --ca ca.pem      # at the authority")
	return nil
}
