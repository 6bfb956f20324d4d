package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

type authorityBackupCmd struct {
	File string `arg:"" name:"FILE" help:"The file to write, for its owner alone."`
	force
	operate
	terse
}

func (authorityBackupCmd) Help() string {
	return "signet authority backup prod.signet\nsignet authority backup prod.signet --force"
}

// backupBegin is how a backup's file begins: a line with the SHA-256 of all that
// follows it, in hexadecimal.
const backupBegin = "signet-backup/v1 "

// backup is what follows: what the authority has said, and what is beside it in its
// folder.
type backup struct {
	api.Backup
	Keys map[string]string `json:"keys"` // the files of the folder ca, encrypted
}

func (c *authorityBackupCmd) run(ctx context.Context, s *shell) error {
	if c.File == standardOutput {
		return fault.New(Usage, "a backup goes to a file, not to standard output").WithHint("name the file")
	}
	if err := c.mayWrite(s, nil, c.File); err != nil {
		return err
	}
	home, err := s.folder()
	if err != nil {
		return err
	}
	if home.host != nil {
		return fault.New(DataUnreadable, "%s is a host folder of %s; a backup has the authority's keys in it, which never leave its own folder", home.dir, home.domain).
			WithHint("run it on the authority's own machine, and name its folder with --data")
	}
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	set, err := home.settings()
	if err != nil {
		return err
	}
	settings, err := json.Marshal(set)
	if err != nil {
		return err
	}
	var made backup
	if err := authority.post(ctx, api.PathBackup, api.BackupRequest{Settings: settings}, &made.Backup); err != nil {
		return err
	}
	body, stored, err := readBody(made.Body)
	if err != nil {
		return err
	}
	if made.Keys, err = ca.Copy(filepath.Join(home.dir, caFolder), stored); err != nil {
		return err
	}
	data, err := made.encode()
	if err != nil {
		return err
	}
	if err := c.save(s, product{c.File, data, atomicfile.Private}); err != nil {
		return err
	}
	return c.tell(s, body, len(data), stored)
}

// encode writes the file.
func (b backup) encode() ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	return append([]byte(backupBegin+hex.EncodeToString(sum[:])+"\n"), text...), nil
}

// readBackup reads the file, if it is whole.
func readBackup(data []byte, name string) (b backup, err error) {
	line, text, whole := bytes.Cut(data, []byte("\n"))
	digest, begins := bytes.CutPrefix(line, []byte(backupBegin))
	if !begins {
		return b, fault.New(BackupUnreadable, "%s is no backup of an authority", name).WithHint("name a file that signet authority backup has written")
	}
	sum := sha256.Sum256(text)
	if !whole || string(digest) != hex.EncodeToString(sum[:]) || json.Unmarshal(text, &b) != nil {
		return b, fault.New(BackupDamaged, "%s is damaged: it is not what was written", name).WithHint("use another copy, or an earlier backup; nothing was restored")
	}
	return b, nil
}

// readBody reads what the authority said, and its certificates from it.
func readBody(text []byte) (body api.BackupBody, stored ca.Stored, err error) {
	if err := json.Unmarshal(text, &body); err != nil {
		return body, stored, garbled(err)
	}
	state, err := control.Read(body.TrustDomain, valuesOf(body))
	if err != nil {
		return body, stored, err
	}
	return body, ca.Stored(state.CA), nil
}

// valuesOf are the store's values in a backup.
func valuesOf(body api.BackupBody) []control.Value {
	values := make([]control.Value, len(body.Values))
	for i, v := range body.Values {
		values[i] = control.Value{Key: v[0], Value: v[1]}
	}
	return values
}

// backedUp is the answer for programs.
type backedUp struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	File        string               `json:"file"`
	Bytes       int                  `json:"bytes"`
	Epoch       int64                `json:"epoch"`
	Revision    int64                `json:"revision"`
	At          time.Time            `json:"at"`
	Entries     int64                `json:"audit_entries"` // that the log had then
}

func (c *authorityBackupCmd) tell(s *shell, body api.BackupBody, bytes int, stored ca.Stored) error {
	if s.json {
		return s.printJSON(backedUp{body.TrustDomain, c.File, bytes, body.Epoch, body.Revision, body.At, body.Entries})
	}
	var p page
	p.headline("Backed up: "+body.TrustDomain.String()+" at revision "+thousands(body.Revision)+".", "")
	p.fact("file", "%s, %s, for its owner alone", tilde(c.File), size(int64(bytes)))
	if stored.RootElsewhere {
		p.fact("keys", "the intermediate's, encrypted as it is kept; the root's is where it was carried to")
	} else {
		p.fact("keys", "root and intermediate, encrypted as they are kept")
	}
	p.fact("audit log", "its checkpoint, after %s; the log itself is not in it: copy its folder too", count(body.Entries, "entry", "entries"))
	if err := s.print(p.String()); err != nil {
		return err
	}
	s.steps("next", "signet authority restore "+quote(c.File)+" --data DIR      # in an empty folder, should this authority be lost")
	return nil
}
