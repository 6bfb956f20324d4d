package cli

import (
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

type enrollCmd struct {
	terse
}

func (enrollCmd) Help() string {
	return "signet enroll\nsignet enroll --data /var/lib/signet"
}

// maxTokenInput is more than any token has, in bytes.
const maxTokenInput = 4 << 10

func (c *enrollCmd) run(ctx context.Context, s *shell) error {
	input, err := s.read(standardInput, maxTokenInput)
	if err != nil {
		return err
	}
	token, err := api.ParseToken(string(input))
	if err != nil {
		return err
	}
	dir, err := s.dataFolder(token.ID.TrustDomain())
	if err != nil {
		return err
	}
	if err := mayJoin(dir, token.ID); err != nil {
		return err
	}
	key, err := pendingKey(dir, token)
	if err != nil {
		return err
	}
	home, err := agent.Enroll(ctx, token, key, nil)
	if err != nil {
		forgetRefused(dir, token, err)
		if errors.Is(err, control.TokenUsed) && agent.IsHome(dir) {
			return fault.New(control.TokenUsed, "this host has joined already, as %s, and the token is used up", token.ID).
				WithHint("nothing is to be done\nsignet token new %s --again     # for another certificate, if it is needed", token.ID.Path())
		}
		return err
	}
	if err := agent.SaveHome(dir, home); err != nil {
		return err
	}
	os.Remove(pendingPath(dir, token)) // it stands in the identity now
	return s.enrolled(dir, home)
}

// mayJoin refuses a folder that is not free for an identity, or its own already,
// before the token is used.
func mayJoin(dir string, id spiffeid.ID) error {
	if _, err := os.Stat(filepath.Join(dir, markerFile)); err == nil {
		return taken("%s is an authority's data folder", dir)
	}
	if agent.IsHome(dir) {
		home, err := agent.LoadHome(dir)
		if err == nil && home.ID() != id { // what is damaged is made whole
			return taken("%s is the folder of %s; this token is for %s", dir, home.ID(), id)
		}
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreadableData(err, dir)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") { // which a kill may leave of an enrolment
			return taken("%s holds %s, which is not Signet's", dir, fault.Printable(entry.Name(), 64))
		}
	}
	return nil
}

func taken(format string, args ...any) error {
	return fault.New(HostTaken, format, args...).
		WithHint("run it again with another folder, and the same token: signet enroll --data DIR")
}

// pendingPath is where the key of an enrolment is kept until it has succeeded: a
// token is good for one key, and its answer may be lost.
func pendingPath(dir string, token api.Token) string {
	hash, _ := api.HashSecret(token.Secret) // ParseToken has looked at it
	return filepath.Join(dir, ".enroll-"+hash[:16]+".key")
}

// pendingKey returns the key that this token was tried with, or a new one.
func pendingKey(dir string, token api.Token) (crypto.Signer, error) {
	path := pendingPath(dir, token)
	if data, err := (kept{}).ReadFile(path); err == nil {
		if key, err := pki.ParseKey(data); err == nil {
			return key, nil
		}
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	block, err := pki.MarshalKey(key, pki.PKCS8)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Write(path, pem.EncodeToMemory(block), atomicfile.Private); err != nil {
		return nil, fault.Wrap(err, FolderUnwritable, "the host folder cannot be written").WithHint("make %s writable, or name another with --data", dir)
	}
	return key, nil
}

// forgetRefused removes the key of a token that will never do.
func forgetRefused(dir string, token api.Token, err error) {
	for _, code := range []fault.Code{control.TokenUsed, control.TokenUnknown, control.TokenExpired, control.TokenCancelled, control.TokenVoid, api.TokenMalformed, agent.RootMismatch, api.IdentityRevoked} {
		if errors.Is(err, code) {
			os.Remove(pendingPath(dir, token))
			os.Remove(dir) // if there is nothing else in it
		}
	}
}

// joined is the answer for programs.
type joined struct {
	ID        spiffeid.ID `json:"id"`
	NotAfter  time.Time   `json:"not_after"`
	Authority string      `json:"authority"`
	Data      string      `json:"data"`
	Replaced  int         `json:"replaced,omitempty"` // earlier certificates of the identity, which are dead now
}

// enrolled says who this host is now.
func (s *shell) enrolled(dir string, home agent.Home) error {
	id, leaf := home.ID(), home.Credential.Leaf()
	if s.json {
		return s.printJSON(joined{id, leaf.NotAfter(), home.Authority, dir, home.Replaced})
	}
	var p page
	p.headline("Enrolled: this is "+id.Path()+" of "+id.TrustDomain().String()+".", "")
	p.fact("identity", "%s; certificate good for %s", id, verify.Span(time.Until(leaf.NotAfter()).Round(time.Minute)))
	p.fact("key", "made here; it never leaves this host")
	p.fact("authority", "%s, which has the root that the token names", home.Authority)
	p.fact("data", "%s", tilde(dir))
	if home.Replaced > 0 {
		p.fact("replaces", "%s that %s had: dead from now on", count(home.Replaced, "certificate", "certificates"), id.Path())
	}
	return s.print(p.String())
}
