package cli

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/pki"
)

// keyCmds are the commands of private keys.
type keyCmds struct {
	New keyNewCmd `cmd:"" help:"make a private key"`
}

// The kinds of key as the command line has them: all that are made, and those that
// TLS takes, so that they get certificates.
const (
	allKinds  = certKinds + ",ecdsa-p224"
	certKinds = "ecdsa-p256,ecdsa-p384,ecdsa-p521,ed25519,rsa-2048,rsa-3072,rsa-4096,rsa-8192"
)

// keyKinds are the same as package pki has them.
var keyKinds = map[string]pki.KeyKind{
	"ecdsa-p224": pki.P224,
	"ecdsa-p256": pki.P256,
	"ecdsa-p384": pki.P384,
	"ecdsa-p521": pki.P521,
	"ed25519":    pki.Ed25519,
	"rsa-2048":   pki.RSA(2048),
	"rsa-3072":   pki.RSA(3072),
	"rsa-4096":   pki.RSA(4096),
	"rsa-8192":   pki.RSA(8192),
}

// generateKey makes a key. A large RSA key takes half a minute: a person sees
// that, and Ctrl-C ends it.
func (s *shell) generateKey(ctx context.Context, kind pki.KeyKind) (crypto.Signer, error) {
	type result struct {
		key crypto.Signer
		err error
	}
	made := make(chan result, 1)
	go func() {
		key, err := pki.GenerateKey(kind)
		made <- result{key, err}
	}()
	slow := time.After(2 * time.Second)
	for {
		select {
		case r := <-made:
			return r.key, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-slow:
			if isTerminal(s.stderr) {
				fmt.Fprintf(s.stderr, "making a key, %s …", kind)
				defer fmt.Fprint(s.stderr, "\r\x1b[K")
			}
		}
	}
}

// sealing are the flags of every command that writes a private key.
type sealing struct {
	Encrypt bool `help:"Encrypt the new key under a passphrase, which is asked for twice."`
	secret
}

// seal returns the key in PEM, encrypted if that is wanted.
func (f sealing) seal(ctx context.Context, s *shell, key crypto.Signer, path string) ([]byte, error) {
	block, err := (*pem.Block)(nil), error(nil)
	switch {
	case f.Encrypt:
		var passphrase []byte
		if passphrase, err = f.choose(ctx, s, baseName(path)); err == nil {
			block, err = pki.EncryptKey(key, passphrase)
		}
	case f.given():
		err = fault.New(Usage, "a passphrase is given, and nothing is to be encrypted").WithHint("add --encrypt, or leave the passphrase out")
	default:
		block, err = pki.MarshalKey(key, pki.PKCS8)
	}
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

type keyNewCmd struct {
	Out  string `required:"" placeholder:"FILE" help:"The file to write, in PKCS#8, readable by you alone; - is standard output."`
	Kind string `enum:"${all_kinds}" default:"ecdsa-p256" placeholder:"KIND" help:"The new key's kind: ecdsa-p256 (all TLS software knows it), ecdsa-p384, ecdsa-p521, ed25519, rsa-2048, rsa-3072, rsa-4096, rsa-8192, or ecdsa-p224, which TLS does not take."`
	sealing
	force
	terse
}

func (keyNewCmd) Help() string {
	return "signet key new --out server.key\nsignet key new --kind rsa-3072 --encrypt --out ca.key"
}

// madeKey is the answer for programs.
type madeKey struct {
	File      string `json:"file"`
	Kind      string `json:"kind"`
	Bits      int    `json:"bits"`
	Pin       string `json:"pin"`
	Encrypted bool   `json:"encrypted"`
}

func (c *keyNewCmd) run(ctx context.Context, s *shell) error {
	if err := c.mayWrite(s, []string{c.PassphraseFile}, c.Out); err != nil {
		return err
	}
	key, err := s.generateKey(ctx, keyKinds[c.Kind])
	if err != nil {
		return err
	}
	public, err := publicKeyOf(key)
	if err != nil {
		return err
	}
	text, err := c.seal(ctx, s, key, c.Out)
	if err != nil {
		return err
	}
	if err := c.save(s, product{c.Out, text, atomicfile.Private}); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(madeKey{c.Out, public.Kind(), public.Size(), pin(public), c.Encrypt})
	}
	var p page
	p.headline("Made: "+public.Title()+".", "")
	p.fact("file", "%s", private(c.Out, "PKCS#8, "+sealed(c.Encrypt)+","))
	p.fact("pin", "%s", pin(public))
	return s.print(p.String())
}

// private says of a file with a secret what is in it, and who may read it.
func private(path, what string) string {
	if path == standardOutput {
		return strings.TrimRight("standard output: "+what, ",;")
	}
	return path + ": " + what + " readable by you alone"
}

// sealed says whether a key rests encrypted.
func sealed(encrypted bool) string {
	if encrypted {
		return "encrypted under the passphrase"
	}
	return "not encrypted"
}

// publicKeyOf returns the key's public half, described.
func publicKeyOf(key crypto.Signer) (*pki.PublicKey, error) {
	block, err := pki.MarshalPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return pki.ParsePublicKey(block.Bytes)
}

// pin is the key's pin as curl and HPKP write it.
func pin(key *pki.PublicKey) string {
	sum := key.Pin()
	return "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}
