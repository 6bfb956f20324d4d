package cli

import (
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// fileCmds are the commands of detached signatures.
type fileCmds struct {
	Sign   fileSignCmd   `cmd:"" help:"sign a file, with the signature in a file of its own"`
	Verify fileVerifyCmd `cmd:"" help:"is this file as its signer left it?"`
}

type fileSignCmd struct {
	File string `arg:"" name:"FILE" help:"The file to sign, of any size; with an Ed25519 key of at most 64 MiB. - is standard input."`
	Key  string `required:"" placeholder:"FILE" help:"The private key."`
	Out  string `placeholder:"FILE" help:"The signature. Without it, the file's name with .sig behind it."`
	secret
	force
	terse
}

func (fileSignCmd) Help() string { return "signet file sign release.tar.gz --key release.key" }

// signedFile is the answer for programs.
type signedFile struct {
	File      string `json:"file"`
	Signature string `json:"signature"`
	Pin       string `json:"pin"` // of the key
}

func (c *fileSignCmd) run(ctx context.Context, s *shell) error {
	if c.Out == "" {
		c.Out = signatureOf(c.File)
	}
	if err := c.mayWrite(s, []string{c.File, c.Key, c.PassphraseFile}, c.Out); err != nil {
		return err
	}
	key, err := s.loadKey(c.Key, c.asker(ctx, s, baseName(c.Key)))
	if err != nil {
		return err
	}
	public, err := publicKeyOf(key)
	if err != nil {
		return err
	}
	signature, err := stream(s, c.File, func(file io.Reader) ([]byte, error) { return pki.SignFile(key, file) })
	if err != nil {
		return err
	}
	if err := c.save(s, product{c.Out, signature, readable}); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(signedFile{c.File, c.Out, pin(public)})
	}
	var p page
	p.headline("Signed: "+baseName(c.File)+".", "")
	p.fact("signature", "%s", outTitle(c.Out))
	p.fact("by", "%s (%s)", public.Title(), pin(public))
	if err := s.print(p.String()); err != nil {
		return err
	}
	s.steps("next", "signet file verify "+quote(c.File)+" --sig "+quote(c.Out)+" --key "+quote(c.Key)+"      # others need the public half alone, or a certificate of it")
	return nil
}

// signatureOf is where a file's signature is, if nobody says.
func signatureOf(file string) string {
	if file == "-" {
		return "stdin.sig"
	}
	return file + ".sig"
}

// stream hands a file to work, without keeping it.
func stream[T any](s *shell, path string, work func(io.Reader) (T, error)) (T, error) {
	return waiting(s, func() (result T, err error) {
		if path == standardInput {
			if err := s.takeInput(); err != nil {
				return result, err
			}
			return work(s.stdin)
		}
		file, err := os.Open(path)
		if err != nil {
			return result, unreadableFile(err, path)
		}
		defer file.Close()
		result, err = work(file)
		if _, ours := fault.Of(err); err != nil && !ours {
			return result, unreadableFile(err, path)
		}
		return result, err
	})
}

// loadKey reads the private key of a file, for use.
func (s *shell) loadKey(path string, passphrase pki.Passphrase) (crypto.Signer, error) {
	data, err := s.read(path, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	return signerIn(data, path, passphrase)
}

// signerIn is loadKey of a file that has been read.
func signerIn(data []byte, path string, passphrase pki.Passphrase) (crypto.Signer, error) {
	key, err := pki.ParsePrivateKey(data, passphrase)
	if err != nil {
		return nil, unstored(inFile(err, path), data, path)
	}
	signer, err := key.Signer()
	if err != nil {
		return nil, inFile(err, path)
	}
	return signer, nil
}

type fileVerifyCmd struct {
	File  string `arg:"" name:"FILE" help:"The file. - is standard input."`
	Sig   string `placeholder:"FILE" help:"Its signature. Without it, the file's name with .sig behind it."`
	Key   string `xor:"signer" required:"" placeholder:"FILE" help:"The signer's public key."`
	Cert  string `xor:"signer" required:"" placeholder:"FILE" help:"The signer's certificate, and those between it and a root."`
	Roots string `placeholder:"FILE|DOMAIN" help:"Whom to believe about the certificate. Without it, the certificate itself is believed."`
	Name  string `placeholder:"NAME" help:"Who the signer must be, with --roots. Without it, any name that the roots vouch for."`
	terse
}

func (fileVerifyCmd) Help() string {
	return "signet file verify release.tar.gz --key release.pub\nsignet file verify release.tar.gz --sig release.sig --cert signer.pem --roots ca.pem"
}

// fileVerdict is the answer for programs.
type fileVerdict struct {
	File      string         `json:"file"`
	Signature string         `json:"signature"`
	Genuine   bool           `json:"genuine"`
	Code      fault.Code     `json:"code,omitempty"`
	Signer    string         `json:"signer"`
	Pin       string         `json:"pin"`
	Report    *verify.Report `json:"certificate,omitempty"` // with --roots
}

// maxSignature bounds a signature, in bytes: RSA with 16,384 bits makes 2,048.
const maxSignature = 4 << 10

func (c *fileVerifyCmd) run(_ context.Context, s *shell) error {
	if c.Roots != "" && c.Cert == "" {
		return fault.New(Usage, "--roots says whom to believe about a certificate, and there is none").WithHint("name the signer's with --cert")
	}
	if c.Name != "" && c.Roots == "" {
		return fault.New(Usage, "--name says who the signer must be, and nobody vouches for that").WithHint("say with --roots whom to believe, and name the signer's certificate with --cert")
	}
	if c.Sig == "" {
		c.Sig = signatureOf(c.File)
	}
	signature, err := s.read(c.Sig, maxSignature)
	if err != nil {
		return err
	}
	key, chain, err := c.signer(s)
	if err != nil {
		return err
	}
	if len(signature) > maxSignature {
		return fault.New(FileUnreadable, "%s is too large for a signature, which has at most %d bytes", baseName(c.Sig), maxSignature).
			WithHint("name the file that the signer gave with it, with --sig")
	}
	v := &fileVerdict{File: c.File, Signature: c.Sig, Signer: "the holder of " + baseName(c.Key), Pin: pin(key)}
	if chain != nil {
		v.Signer = chain[0].Title()
	}
	_, err = stream(s, c.File, func(file io.Reader) (any, error) { return nil, pki.VerifyFile(key, file, signature) })
	if err != nil && !errors.Is(err, pki.SignatureWrong) {
		return err
	}
	if v.Genuine = err == nil; !v.Genuine {
		v.Code = pki.SignatureWrong
	} else if c.Roots != "" {
		if err := c.judge(s, chain, v); err != nil {
			return err
		}
	}
	if err := c.tell(s, v); err != nil || v.Genuine {
		return err
	}
	return exitNo
}

// signer reads the key that must have made the signature, and its certificates.
func (c *fileVerifyCmd) signer(s *shell) (*pki.PublicKey, []*pki.Certificate, error) {
	path := c.Key + c.Cert // one of them
	data, err := s.read(path, pki.MaxInput)
	if err != nil {
		return nil, nil, err
	}
	if c.Cert != "" {
		chain, err := certificatesIn(data, path)
		if err != nil {
			return nil, nil, err
		}
		return chain[0].PublicKey(), chain, nil
	}
	key, err := pki.ParsePublicKey(data)
	if errors.Is(err, pki.KeyMissing) || errors.Is(err, pki.KeyUnreadable) {
		// Who signs may check with the private key.
		if private, privateErr := pki.ParsePrivateKey(data, nil); privateErr == nil && !private.Locked() {
			return private.Public(), nil, nil
		}
		if _, certErr := pki.ParseCertificates(data); certErr == nil {
			return nil, nil, fault.New(pki.KeyMissing, "%s is a certificate, not a public key", baseName(path)).WithHint("name it with --cert")
		}
	}
	return key, nil, inFile(err, path)
}

// judge holds the signer's certificate against the roots.
func (c *fileVerifyCmd) judge(s *shell, chain []*pki.Certificate, v *fileVerdict) error {
	b, err := s.basis(trust{Roots: c.Roots, Name: c.Name})
	if err != nil {
		return err
	}
	if b.name.IsZero() {
		switch names := leafNames(chain[0]); {
		case !b.roots.TrustDomain().IsZero():
			b.name = verify.Member(b.roots.TrustDomain())
		case len(names) > 0:
			b.name = verify.Host(names[0])
		default:
			return fault.New(verify.NameMissing, "the signer's certificate has no host name, and so is nobody's that %s could vouch for", b.origin).
				WithHint("have the signer show a certificate with a name")
		}
	}
	options := verify.Options{Roots: b.roots, Name: b.name}
	if uses, _ := chain[0].ExtKeyUsage(); slices.Contains(uses, pki.OIDClientAuth) && !slices.Contains(uses, pki.OIDServerAuth) {
		options.Purpose = verify.ClientAuth
	}
	proof, err := verify.Verify(chain, options)
	if v.Report = verify.ReportOf(err); v.Report != nil {
		v.Genuine, v.Code = false, v.Report.Code
		return nil
	}
	if err != nil {
		return err
	}
	v.Report = proof.Report()
	return nil
}

func (c *fileVerifyCmd) tell(s *shell, v *fileVerdict) error {
	if s.json {
		return s.printJSON(v)
	}
	var p page
	file := baseName(c.File)
	switch {
	case v.Genuine:
		p.headline("Yes: "+file+" is as "+v.Signer+" signed it.", "")
		p.row("signature", "made by this key over this file", "ok")
	case v.Report != nil:
		p.headline("No: "+v.Report.Headline+".", v.Code)
		p.row("signature", "made by this key over this file", "ok")
	default:
		p.headline("No: the signature was not made by "+v.Signer+" over "+file+".", v.Code)
		p.row("signature", "of another file, or by another key", "STOP")
	}
	p.row("key", v.Pin, "")
	switch {
	case v.Report != nil:
		for _, check := range v.Report.Checks {
			p.row(check.Name, check.Text, string(check.Verdict))
		}
	case c.Cert != "":
		p.row("signer", v.Signer+": whether to believe the certificate is not looked at without --roots", "not checked")
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	if !v.Genuine {
		s.steps("next", "do not use the file; get it and its signature again from where they were made")
	}
	return nil
}
