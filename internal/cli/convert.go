package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/pem"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
)

type convertCmd struct {
	In  string `arg:"" name:"FILE" help:"What to convert: certificates, keys, requests and revocation lists in PEM, DER, PKCS#8, PKCS#1, SEC 1, PKCS#12 or PKCS#7."`
	Out string `arg:"" name:"OUT-FILE" help:"The file to write. Its ending says in which form: .pem (all), .crt (certificates), .csr (requests), .crl (revocation lists), .key, .der or .cer (one object), .p12 or .pfx, .p7b."`
	To  string `enum:"auto,pem,der,pkcs8,pkcs1,sec1,pkcs12,pkcs7" default:"auto" placeholder:"FORM" help:"The form, where the ending does not say it: pem, der, pkcs8, pkcs1, sec1, pkcs12 or pkcs7."`
	sealing
	force
	terse
}

func (convertCmd) Help() string {
	return "signet convert server.pem server.p12\nsignet convert store.pfx server.pem --passphrase-file words\nsignet convert ca.crl ca-crl.der"
}

// endings are the forms by the file's ending. Those for certificates, requests or
// lists alone leave all else out.
var endings = map[string]string{
	".pem": "pem", ".crt": "certificates", ".csr": "requests", ".crl": "lists", ".key": "pkcs8", ".der": "der", ".cer": "der",
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
		return fault.New(Usage, "the ending of %s does not say in which form to write", outTitle(c.Out)).
			WithHint("add --to pem, or another form: signet convert --help")
	}
	if err := c.mayWrite(s, []string{c.In, c.PassphraseFile}, c.Out); err != nil {
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
	if err := c.save(s, product{c.Out, answer.data, mode}); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(answer)
	}
	var p page
	p.headline("Written: "+outTitle(c.Out)+".", "")
	p.fact("holds", "%s", strings.Join(answer.Holds, "; "))
	if answer.secret && c.Out != standardOutput {
		p.fact("mode", "readable by you alone")
	}
	if len(answer.LeftOut) > 0 {
		p.fact("left out", "%s", strings.Join(answer.LeftOut, "; "))
	}
	return s.print(p.String())
}

// gathered is what a file holds that can be written again.
type gathered struct {
	certs  []*pki.Certificate
	public []public // the certificates among them
	keys   []crypto.Signer
	other  []string // what it holds beside
}

// public is an object that is no secret.
type public struct {
	kind  recognise.Kind
	title string
	object
}

// object is what can be written in PEM and in DER.
type object interface {
	PEM() []byte
	Raw() []byte
}

// inOrder puts the certificates of PKCS#7, which has them in no order, and those of
// PKCS#12 as servers send them: each in front of the one that signed it.
func inOrder(objects []*recognise.Object) []*recognise.Object {
	if !slices.ContainsFunc(objects, func(o *recognise.Object) bool { return o.Kind == recognise.PKCS7 || o.Kind == recognise.PKCS12 }) {
		return objects
	}
	recognise.Relate(objects)
	above := func(o *recognise.Object) (count int) { // certificates that stand above it
		if o.Certificate == nil {
			return -1 // all else goes last
		}
		for ; o.Issuer != nil && o.Issuer != o && count < len(objects); o = o.Issuer {
			count++
		}
		return count
	}
	return slices.SortedStableFunc(slices.Values(objects), func(a, b *recognise.Object) int { return above(b) - above(a) })
}

func (c *convertCmd) gather(ctx context.Context, s *shell) (*gathered, error) {
	data, err := s.readAny(c.In)
	if err != nil {
		return nil, err
	}
	objects, err := recognise.Read(data, recognise.Options{Passphrase: c.asker(ctx, s, baseName(c.In))})
	if err != nil {
		return nil, inFile(err, c.In)
	}
	g := new(gathered)
	for _, o := range inOrder(objects) {
		switch {
		case o.Err != nil:
			return nil, inFile(atPlace(o), c.In)
		case o.Certificate != nil:
			g.certs = append(g.certs, o.Certificate)
			g.public = append(g.public, public{o.Kind, "the certificate of " + o.Certificate.Title(), o.Certificate})
		case o.Request != nil:
			g.public = append(g.public, public{o.Kind, "the request for " + cmp.Or(listing(namesAsked(o.Request), 3), o.Request.Subject().String(), "no name"), o.Request})
		case o.List != nil:
			g.public = append(g.public, public{o.Kind, "the revocation list of " + o.List.Issuer().String(), o.List})
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
	if len(g.public)+len(g.keys) == 0 {
		return nil, fault.New(NothingToConvert, "%s holds no certificate, key, request or revocation list, only %s", baseName(c.In), cmp.Or(strings.Join(g.other, ", "), "an empty frame")).
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
		err = answer.only(g, recognise.Certificate)
	case "requests":
		err = answer.only(g, recognise.Request)
	case "lists":
		err = answer.only(g, recognise.CRL)
	case "pkcs7":
		err = answer.bundle(g)
	case "der":
		err = answer.single(g)
	case "pkcs12":
		err = c.writePKCS12(ctx, s, g, answer)
	default:
		err = c.writeKey(ctx, s, form, g, answer)
	}
	return answer, err
}

// writePEM writes everything.
func (c *convertCmd) writePEM(ctx context.Context, s *shell, g *gathered, answer *converted) error {
	for _, object := range g.public {
		answer.hold(object)
	}
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

// missing are what is said of a file without an object of the kind that a form
// is for.
var missing = map[recognise.Kind]struct {
	code fault.Code
	hint string
}{
	recognise.Certificate: {pki.NoCertificate, "write a private key as .key, a request as .csr, a revocation list as .crl, or anything as .pem"},
	recognise.Request:     {pki.NoRequest, "signet cert request api.example.com      # makes one"},
	recognise.CRL:         {pki.NoCRL, "signet crl new --ca ca.pem      # makes one"},
}

// only writes the objects of some kinds.
func (a *converted) only(g *gathered, kinds ...recognise.Kind) error {
	a.leaveKeys(g)
	return a.pick(g, kinds...)
}

// pick holds the objects of some kinds, and leaves the others out.
func (a *converted) pick(g *gathered, kinds ...recognise.Kind) error {
	for _, object := range g.public {
		if slices.Contains(kinds, object.kind) {
			a.hold(object)
		} else {
			a.leave(object)
		}
	}
	if first := kinds[0]; len(a.Holds) == 0 {
		return fault.New(missing[first].code, "there is no %s, and the form is for nothing else", withoutArticle(kindNames[first])).WithHint("%s", missing[first].hint)
	}
	return nil
}

// bundle writes PKCS#7, which holds certificates and revocation lists.
func (a *converted) bundle(g *gathered) error {
	if err := a.only(g, recognise.Certificate, recognise.CRL); err != nil {
		return err
	}
	var lists [][]byte
	for _, object := range g.public {
		if object.kind == recognise.CRL {
			lists = append(lists, object.Raw())
		}
	}
	data, err := pkcs7.NewBundle(g.certs, lists...)
	a.data = pkcs7.PEM(data)
	return err
}

// single writes one object in DER: the only one that is public, or the key where
// there is none.
func (a *converted) single(g *gathered) error {
	switch {
	case len(g.public) == 1:
		a.hold(g.public[0])
		a.data = g.public[0].Raw()
		a.leaveKeys(g)
		return nil
	case len(g.public) > 1:
		return fault.New(TooMany, "DER holds one object, and here are %d", len(g.public)).WithHint("write .p7b, which is for several certificates, or .pem, which is for all")
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
	answer.leave(g.public...)
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
	if err := answer.pick(g, recognise.Certificate); err != nil {
		return err
	}
	passphrase, err := c.choose(ctx, s, baseName(c.Out))
	if err != nil {
		return err
	}
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

// hold adds an object in PEM.
func (a *converted) hold(object public) {
	a.Holds = append(a.Holds, object.title)
	a.data = append(a.data, object.PEM()...)
}

func (a *converted) leave(objects ...public) {
	for _, object := range objects {
		a.LeftOut = append(a.LeftOut, object.title)
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
