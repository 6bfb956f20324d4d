package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// authorityCmds are the commands of the control plane.
type authorityCmds struct {
	Init  authorityInitCmd  `cmd:"" help:"make a trust domain's authority, and its first operator"`
	Serve authorityServeCmd `cmd:"" help:"run the authority"`

	Rotate  authorityRotateCmd  `cmd:"" help:"a new root or intermediate, step by step: prepare, activate, retire"`
	Backup  authorityBackupCmd  `cmd:"" help:"all that the authority knows, and its keys, encrypted, in one file"`
	Restore authorityRestoreCmd `cmd:"" help:"an authority from a backup, in an empty folder"`

	Operator authorityOperatorCmd `cmd:"" help:"make an operator where none is left, while the authority stands still"`
}

type authorityInitCmd struct {
	Domain             string `arg:"" name:"TRUST-DOMAIN" help:"The name of the trust domain, in the form of a host's name: prod.example."`
	OfflineRoot        string `placeholder:"FILE" help:"Put the root's key into this new file, encrypted, and not into the data folder: carry it away. The authority does not need it to run."`
	RootPassphraseFile string `placeholder:"FILE" help:"The first line of this file is the passphrase of --offline-root."`
	clustered
	secret
	terse
}

func (authorityInitCmd) Help() string {
	return "signet authority init prod.example\nsignet authority init prod.example --offline-root root.pem\nsignet authority init prod.example --etcd https://etcd:2379 --etcd-cert me.pem --etcd-roots ca.pem"
}

func (c *authorityInitCmd) run(ctx context.Context, s *shell) error {
	domain, err := spiffeid.ParseTrustDomain(c.Domain)
	if err != nil {
		return err
	}
	if c.RootPassphraseFile != "" && c.OfflineRoot == "" {
		return fault.New(Usage, "--root-passphrase-file is given, and --offline-root is not").WithHint("add --offline-root FILE, or leave it out")
	}
	p := plane{planeConfig: planeConfig{domain: domain, logger: slog.New(slog.DiscardHandler)}}
	if p.dir, err = s.dataFolder(domain); err != nil {
		return err
	}
	if p.etcd, err = c.cluster(); err != nil {
		return err
	}
	made, err := ca.New(domain, time.Now()) // before the folder is taken: not every domain can have one
	if err != nil {
		return err
	}
	kept, err := c.kept(ctx, s)
	if err != nil {
		return err
	}
	if err := p.open(ctx); err != nil {
		return err
	}
	defer p.close()
	if p.founded() {
		return fault.New(AuthorityExists, "%s holds the authority of %s already", p.dir, domain).
			WithHint("signet authority serve      # runs it; for another one, name another folder with --data")
	}
	if err := p.found(ctx, made, kept, func(*control.Tx) {}); err != nil {
		return err
	}
	if err := p.makeAuthority(); err != nil {
		return err
	}
	if err := p.writeFolder(ctx, nil); err != nil {
		return err
	}
	return p.founding(s, kept, c.secret)
}

// kept asks how the keys are to be kept.
func (c *authorityInitCmd) kept(ctx context.Context, s *shell) (kept ca.Kept, err error) {
	if c.OfflineRoot != "" {
		if err := (force{}).mayWrite(s, []string{c.PassphraseFile, c.RootPassphraseFile}, c.OfflineRoot); err != nil {
			if errors.Is(err, FileExists) {
				return kept, fault.New(FileExists, "%s is there already, and was left as it is", c.OfflineRoot).WithHint("name a new file with --offline-root")
			}
			return kept, err
		}
		if c.OfflineRoot == standardOutput {
			return kept, fault.New(Usage, "the root's key goes to a file, not to standard output").WithHint("name a file on what you carry away")
		}
	}
	if kept.Passphrase, err = c.orCredential().choose(ctx, s, "the authority's keys"); err != nil || c.OfflineRoot == "" {
		return kept, err
	}
	kept.RootFile, err = filepath.Abs(c.OfflineRoot)
	if err == nil {
		kept.RootPassphrase, err = secret{PassphraseFile: c.RootPassphraseFile}.choose(ctx, s, "the root's key in "+c.OfflineRoot)
	}
	return kept, err
}

// founded is the answer for programs.
type founded struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Root        string               `json:"root"` // SHA-256, in hexadecimal
	RootFile    string               `json:"root_file,omitempty"`
	Data        string               `json:"data"`
	Etcd        string               `json:"etcd,omitempty"` // where the truth lives, if not in Data
	Operator    string               `json:"operator"`
}

// founding says what was made.
func (s *plane) founding(sh *shell, kept ca.Kept, sealed secret) error {
	sum := s.ca.Root().Fingerprint()
	fingerprint := hex.EncodeToString(sum[:])
	if sh.json {
		return sh.printJSON(founded{s.domain, fingerprint, kept.RootFile, s.dir, s.store.Elsewhere(), s.id(operatorPath()).String()})
	}
	where := "in the data folder, encrypted"
	if kept.RootFile != "" {
		where = "in " + tilde(kept.RootFile) + ", encrypted: carry it away, and a copy of it"
	}
	var p page
	p.headline("Made: the authority of "+s.domain.String()+".", "")
	p.fact("root", "good until %s; SHA-256 %s", s.ca.Root().NotAfter().In(sh.zone).Format(dayForm), fingerprint)
	p.fact("its key", "%s", where)
	p.fact("signs by", "an intermediate that can sign for %s alone; good until %s", s.domain, s.ca.Intermediate().NotAfter().In(sh.zone).Format(dayForm))
	p.fact("operator", "%s, whose file is in the data folder; authority serve renews it", operatorPath())
	p.fact("data", "%s", tilde(s.dir))
	s.tellEtcd(&p)
	if err := sh.print(p.String()); err != nil {
		return err
	}
	sh.steps("next", "signet authority serve"+sealed.words())
	return nil
}

// tellEtcd says where the truth lives, if that is not in the data folder.
func (s *plane) tellEtcd(p *page) {
	if where := s.store.Elsewhere(); where != "" {
		p.fact("etcd", "%s", where)
	}
}

// dayForm is how a day is written.
const dayForm = "2 Jan 2006"

// dataFolder is the folder that --data names, or the trust domain's in the data home.
func (s *shell) dataFolder(domain spiffeid.TrustDomain) (string, error) {
	if s.data != "" {
		return filepath.Abs(s.data)
	}
	home, err := dataHome()
	return filepath.Join(home, domain.String()), err
}

// endOf is when something ends, as a person reads it: the time of day, and the day
// unless it is near.
func endOf(at, now time.Time, zone *time.Location) string {
	if at.Sub(now) < 12*time.Hour {
		return at.In(zone).Format("15:04")
	}
	return at.In(zone).Format(dayForm + " 15:04")
}
