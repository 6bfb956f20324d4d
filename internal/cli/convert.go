package cli

import (
	"bytes"
	"context"
	"crypto"
	"encoding/pem"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
)

type convertCmd struct {
	In  string `arg:"" name:"FILE" help:"What to convert: certificates and keys in PEM, DER, PKCS#8, PKCS#1, SEC 1, PKCS#12 or PKCS#7."`
	Out string `arg:"" name:"OUT-FILE" help:"The file to write. Its ending says in which form: .pem (all), .crt (certificates), .key, .der or .cer (one object), .p12 or .pfx, .p7b."`
	To  string `enum:"auto,pem,der,pkcs8,pkcs1,sec1,pkcs12,pkcs7" default:"auto" placeholder:"FORM" help:"The form, where the ending does not say it: pem, der, pkcs8, pkcs1, sec1, pkcs12 or pkcs7."`
	sealing
	force
	terse
}

func (convertCmd) Help() string {
	return "signet convert server.pem server.p12\nsignet convert store.pfx server.pem --passphrase-file words"
}

// endings are the forms by the file's ending. Those for certificates alone leave
// keys out.
var endings = map[string]string{
	".pem": "pem", ".crt": "certificates", ".key": "pkcs8", ".der": "der", ".cer": "der",
	".p12": "pkcs12", ".pfx": "pkcs12", ".p7b": "pkcs7", ".p7c": "pkcs7",
}

// converted is the answer for programs.
type converted struct {
	File    string   `json:"file"`
	Form    string   `json:"form"`
	Holds   []string `json:"holds"`
	LeftOut []string `json:"left_out,omitempty"`

	data   []byte
	secret bool
}

func (c *convertCmd) run(ctx context.Context, s *shell) error {
	form := c.To
	if form == "auto" {
		form = endings[strings.ToLower(filepath.Ext(c.Out))]
	}
	if form == "" {
		return fault.New(Usage, "the ending of %s does not say in which form to write", baseName(c.Out)).
			WithHint("add --to pem, or another form: signet convert --help")
	}
	if err := c.free(c.Out); err != nil {
		return err
	}
	g, err := c.gather(ctx, s)
	if err != nil {
		return err
	}
	answer, err := c.write(ctx, s, form, g)
	if err != nil {
		return err
	}
	mode := fs.FileMode(readable)
	if answer.secret {
		mode = atomicfile.Private
	}
	if err := c.save(product{c.Out, answer.data, mode}); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(answer)
	}
	var p page
	p.headline("Written: "+c.Out+".", "")
	p.fact("holds", "%s", strings.Join(answer.Holds, "; "))
	if answer.secret {
		p.fact("mode", "readable by you alone")
	}
	if len(answer.LeftOut) > 0 {
		p.fact("left out", "%s", strings.Join(answer.LeftOut, "; "))
	}
	return s.print(p.String())
}

// gathered is what a file holds that can be written again.
type gathered struct {
	certs []*pki.Certificate
	keys  []crypto.Signer
	other []string // what it holds beside
}

func (c *convertCmd) gather(ctx context.Context, s *shell) (*gathered, error) {
	data, err := s.read(c.In, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	objects, err := recognise.Read(data, recognise.Options{Passphrase: c.asker(ctx, s, baseName(c.In))})
	if err != nil {
		return nil, inFile(err, c.In)
	}
	g := new(gathered)
	for _, o := range objects {
		switch {
		case o.Err != nil:
			return nil, inFile(atPlace(o), c.In)
		case o.Certificate != nil:
			g.certs = append(g.certs, o.Certificate)
		case o.PrivateKey != nil:
			key, err := o.PrivateKey.Signer()
			if err != nil {
				return nil, inFile(err, c.In)
			}
			g.keys = append(g.keys, key)
		case o.Kind != recognise.PKCS7 && o.Kind != recognise.PKCS12: // which hold the others
			g.other = append(g.other, kindNames[o.Kind])
		}
	}
	if len(g.certs)+len(g.keys) == 0 {
		return nil, fault.New(NothingToConvert, "%s holds neither a certificate nor a private key, but %s", baseName(c.In), strings.Join(g.other, ", ")).
			WithHint("signet inspect %s", quote(c.In))
	}
	return g, nil
}

// write makes the new file.
func (c *convertCmd) write(ctx context.Context, s *shell, form string, g *gathered) (*converted, error) {
	answer := &converted{File: c.Out, Form: form, LeftOut: g.other}
	if c.Encrypt && form != "pem" && form != "pkcs8" && form != "pkcs12" {
		return nil, fault.New(Usage, "nothing that is written in this form can be encrypted").WithHint("write pem, pkcs8 or pkcs12, or leave --encrypt out")
	}
	var err error
	switch form {
	case "pem":
		err = c.writePEM(ctx, s, g, answer)
	case "certificates":
		err = answer.certificates(g, func() []byte { return chainPEM(g.certs) })
	case "pkcs7":
		err = answer.certificates(g, func() []byte { data, _ := pkcs7.NewBundle(g.certs); return pkcs7.PEM(data) })
	case "der":
		err = answer.single(g)
	case "pkcs12":
		err = c.writePKCS12(ctx, s, g, answer)
	default:
		err = c.writeKey(ctx, s, form, g, answer)
	}
	return answer, err
}

func chainPEM(certs []*pki.Certificate) (out []byte) {
	for _, cert := range certs {
		out = append(out, cert.PEM()...)
	}
	return out
}

func (c *convertCmd) writePEM(ctx context.Context, s *shell, g *gathered, answer *converted) error {
	answer.hold(g.certs...)
	answer.data = chainPEM(g.certs)
	for _, key := range g.keys {
		text, err := c.key(ctx, s, key)
		if err != nil {
			return err
		}
		answer.data = append(answer.data, text...)
		answer.holdKey(key)
	}
	return nil
}

// key returns a key in PKCS#8.
func (c *convertCmd) key(ctx context.Context, s *shell, key crypto.Signer) ([]byte, error) {
	how := c.sealing
	if !how.Encrypt { // the passphrase that is given opened the old file
		how.secret = secret{}
	}
	return how.seal(ctx, s, key, c.Out)
}

// certificates writes those alone.
func (a *converted) certificates(g *gathered, encode func() []byte) error {
	if len(g.certs) == 0 {
		return fault.New(pki.NoCertificate, "there is no certificate, and the form holds nothing else").WithHint("write a private key as .key or .pem")
	}
	a.hold(g.certs...)
	a.data = encode()
	a.leaveKeys(g)
	return nil
}

// single writes one object in DER: the certificate, or the key where there is
// none.
func (a *converted) single(g *gathered) error {
	switch {
	case len(g.certs) == 1:
		a.hold(g.certs[0])
		a.data = g.certs[0].Raw()
		a.leaveKeys(g)
		return nil
	case len(g.certs) > 1:
		return fault.New(TooMany, "DER holds one certificate, and here are %d", len(g.certs)).WithHint("write .p7b, which is DER with several, or .pem")
	}
	block, err := a.onlyKey(g, pki.PKCS8)
	if err == nil {
		a.data = block.Bytes
	}
	return err
}

// onlyKey returns the one key in a form.
func (a *converted) onlyKey(g *gathered, form pki.KeyForm) (*pem.Block, error) {
	switch len(g.keys) {
	case 0:
		return nil, fault.New(pki.KeyMissing, "there is no private key").WithHint("name the file that has it")
	case 1:
		a.holdKey(g.keys[0])
		return pki.MarshalKey(g.keys[0], form)
	}
	return nil, fault.New(TooMany, "there are %d private keys, and the form holds one", len(g.keys)).WithHint("write .pem, which holds several")
}

func (c *convertCmd) writeKey(ctx context.Context, s *shell, form string, g *gathered, answer *converted) error {
	block, err := answer.onlyKey(g, map[string]pki.KeyForm{"pkcs8": pki.PKCS8, "pkcs1": pki.PKCS1, "sec1": pki.SEC1}[form])
	if err != nil {
		return err
	}
	for _, cert := range g.certs {
		answer.LeftOut = append(answer.LeftOut, "the certificate of "+cert.Title())
	}
	if form == "pkcs8" {
		answer.data, err = c.key(ctx, s, g.keys[0])
		return err
	}
	answer.data = pem.EncodeToMemory(block)
	return nil
}

// writePKCS12 writes a key with its chain or, of certificates alone, a trust
// store. It is always under a passphrase: programs refuse it otherwise.
func (c *convertCmd) writePKCS12(ctx context.Context, s *shell, g *gathered, answer *converted) error {
	if len(g.keys) > 1 {
		return fault.New(TooMany, "there are %d private keys, and such a file is written with one", len(g.keys)).WithHint("convert each by itself")
	}
	passphrase, err := c.choose(ctx, s, baseName(c.Out))
	if err != nil {
		return err
	}
	answer.hold(g.certs...)
	if len(g.keys) == 0 {
		answer.data, err = pkcs12.EncodeTrust(anchors(g.certs), passphrase)
		return err
	}
	credential, err := pki.NewCredential(leafFirst(g), g.keys[0])
	if err != nil {
		return inFile(err, c.In)
	}
	answer.holdKey(g.keys[0])
	answer.data, err = pkcs12.Encode(credential, passphrase)
	return err
}

// anchors names each certificate of a trust store, no two alike.
func anchors(certs []*pki.Certificate) []pkcs12.Anchor {
	seen := map[string]int{}
	var all []pkcs12.Anchor
	for _, cert := range certs {
		name := strings.ToLower(cert.Title())
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s %d", name, seen[name])
		}
		all = append(all, pkcs12.Anchor{Certificate: cert, Name: name})
	}
	return all
}

// leafFirst puts the key's certificate in front of the others.
func leafFirst(g *gathered) []*pki.Certificate {
	block, err := pki.MarshalPublicKey(g.keys[0].Public())
	if err != nil {
		return g.certs
	}
	var chain, rest []*pki.Certificate
	for _, cert := range g.certs {
		if len(chain) == 0 && bytes.Equal(cert.PublicKey().Raw(), block.Bytes) {
			chain = append(chain, cert)
		} else {
			rest = append(rest, cert)
		}
	}
	return append(chain, rest...)
}

func (a *converted) hold(certs ...*pki.Certificate) {
	for _, cert := range certs {
		a.Holds = append(a.Holds, "the certificate of "+cert.Title())
	}
}

func (a *converted) holdKey(key crypto.Signer) {
	a.secret = true
	title := "a private key"
	if public, err := publicKeyOf(key); err == nil {
		title = "the private key, " + public.Title()
	}
	a.Holds = append(a.Holds, title)
}

func (a *converted) leaveKeys(g *gathered) {
	for range g.keys {
		a.LeftOut = append(a.LeftOut, "the private key, which "+baseName(a.File)+" is not for")
	}
}
