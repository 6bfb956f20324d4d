package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
)

type authorityRestoreCmd struct {
	File               string `arg:"" name:"FILE" help:"What signet authority backup has written."`
	OfflineRoot        string `placeholder:"FILE" help:"The root's key, where it was carried away: it signs that a new epoch begins."`
	RootPassphraseFile string `placeholder:"FILE" help:"The first line of this file is the passphrase of --offline-root."`
	Log                string `placeholder:"FOLDER" help:"The lost authority's data folder, or a copy of its folder audit: what was done since the backup is read there."`
	clustered
	secret
	terse
}

func (authorityRestoreCmd) Help() string {
	return "signet authority restore prod.signet --data /var/lib/signet\nsignet authority restore prod.signet --data /var/lib/signet --log /mnt/old/audit"
}

// restoring is where a folder is put together, inside the one that it becomes.
const restoring = ".restoring"

func (c *authorityRestoreCmd) run(ctx context.Context, s *shell) error {
	data, err := s.read(c.File, 2*api.MaxBackup)
	if err != nil {
		return err
	}
	b, err := readBackup(data, baseName(c.File))
	if err != nil {
		return err
	}
	body, stored, err := readBody(b.Body)
	if err != nil {
		return err
	}
	dir, err := s.dataFolder(body.TrustDomain)
	if err != nil {
		return err
	}
	if err := emptyFolder(dir); err != nil {
		return err
	}
	lost, err := c.since(body)
	if err != nil {
		return err
	}
	root, err := c.root(ctx, s, b, stored)
	if err != nil {
		return err
	}
	if err := ca.VerifyBackup(root.Leaf(), stored, b.Body, b.Signature); err != nil {
		return err
	}
	made := !isFolder(dir)
	p := plane{planeConfig: planeConfig{dir: filepath.Join(dir, restoring), domain: body.TrustDomain, logger: slog.New(slog.DiscardHandler)}}
	if p.etcd, err = c.cluster(); err != nil {
		return err
	}
	if err := os.RemoveAll(p.dir); err != nil { // of a restore that was killed
		return restoreUnwritable(dir, err)
	}
	state, err := p.restore(ctx, b, body, stored, root)
	if err == nil {
		err = settle(p.dir, dir)
	}
	if err != nil {
		os.RemoveAll(p.dir)
		if made {
			os.Remove(dir) // unless a part of it has arrived there
		}
		return err
	}
	return c.tell(s, dir, body, state, lost)
}

// emptyFolder refuses a folder with anything in it.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreadableData(err, dir)
	}
	for _, entry := range entries {
		if entry.Name() != restoring {
			return fault.New(RestoreElsewhere, "%s is not empty: it holds %s", dir, fault.Printable(entry.Name(), 64)).
				WithHint("name another folder with --data, or move away what is in this one")
		}
	}
	return nil
}

// root opens the root's key, which has to agree to a new epoch.
func (c *authorityRestoreCmd) root(ctx context.Context, s *shell, b backup, stored ca.Stored) (*pki.Credential, error) {
	if !stored.RootElsewhere {
		if c.OfflineRoot != "" {
			return nil, fault.New(Usage, "--offline-root is given, and the root's key is in the backup").WithHint("leave it out")
		}
		return ca.OpenRoot([]byte(ca.RootFileOf(b.Keys, stored)), baseName(c.File), stored, c.orCredential().asker(ctx, s, "the authority's keys"))
	}
	return openOfflineRoot(ctx, s, c.OfflineRoot, c.RootPassphraseFile, stored)
}

// openOfflineRoot opens a root's key that was carried away.
func openOfflineRoot(ctx context.Context, s *shell, path, passphraseFile string, stored ca.Stored) (*pki.Credential, error) {
	if path == "" {
		return nil, fault.New(Usage, "the root's key was carried away when this authority was made, and is needed now").WithHint("add --offline-root FILE")
	}
	data, err := s.read(path, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	return ca.OpenRoot(data, path, stored, secret{PassphraseFile: passphraseFile}.asker(ctx, s, "the root's key in "+path))
}

// restore puts a data folder together, with a new epoch.
func (s *plane) restore(ctx context.Context, b backup, body api.BackupBody, stored ca.Stored, root *pki.Credential) (*control.State, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	defer s.close()
	state, err := s.store.Import(ctx, valuesOf(body))
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	// By the clock, so that two restores of one backup begin two epochs.
	epoch := ca.Epoch{TrustDomain: s.domain, Number: max(state.Epoch+1, now.Unix()), At: now}
	proof, err := ca.SignEpoch(root, epoch)
	if err != nil {
		return nil, err
	}
	if err := s.logRestore(ctx, epoch, body, proof); err != nil {
		return nil, err
	}
	state, err = s.store.Change(ctx, func(tx *control.Tx) error {
		tx.BeginEpoch(epoch.Number, proof)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := ca.Paste(filepath.Join(s.dir, caFolder), b.Keys, stored); err != nil {
		return nil, err
	}
	if err := s.write(rootsFile, []byte(stored.Root)); err != nil || len(body.Settings) == 0 {
		return state, err
	}
	return state, s.write(settingsFile, append(slices.Clone([]byte(body.Settings)), '\n'))
}

// restored is what the new audit log begins with.
type restored struct {
	Epoch      int64     `json:"epoch"`
	Proof      []byte    `json:"proof"`      // by the root
	Revision   int64     `json:"revision"`   // of the backup
	At         time.Time `json:"at"`         // when that was taken
	Checkpoint string    `json:"checkpoint"` // of the log before, then
}

func (s *plane) logRestore(ctx context.Context, epoch ca.Epoch, body api.BackupBody, proof []byte) error {
	request, err := json.Marshal(restored{epoch.Number, proof, body.Revision, body.At, string(body.Checkpoint)})
	if err != nil {
		return err
	}
	me := s.id(operatorPath())
	first, err := s.log.Append(ctx, audit.OfAct(epoch.At, me, "restore", request))
	if err == nil {
		_, err = s.log.Append(ctx, audit.Entry{Kind: audit.Came, Time: epoch.At, Outcome: &audit.Outcome{Of: first, By: me, Revision: body.Revision + 1}})
	}
	return err
}

// settle moves what was put together into its place. What makes it a data folder
// comes last: who finds that finds the rest.
func settle(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return restoreUnwritable(to, err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != markerFile {
			names = append(names, entry.Name())
		}
	}
	for _, name := range append(names, markerFile) {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return restoreUnwritable(to, err)
		}
	}
	if err := os.Remove(from); err != nil {
		return restoreUnwritable(to, err)
	}
	return nil
}

func restoreUnwritable(dir string, err error) error {
	return fault.Wrap(reasonOf(err), FolderUnwritable, "%s cannot be written", dir).
		WithHint("empty it, make it writable for this user, with room on its disk, and run it again")
}
