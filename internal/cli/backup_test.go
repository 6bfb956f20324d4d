package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestBackupThatSomebodyChanged changes what a backup says, and gives it the right
// digest: its signature tells.
func TestBackupThatSomebodyChanged(t *testing.T) {
	domain := testpki.Must(spiffeid.ParseTrustDomain("prod.example"))
	signer := testpki.Must(ca.New(domain, time.Now()))
	stored := ca.Stored{Root: string(signer.Root().PEM()), Intermediate: string(signer.Intermediate().PEM())}
	body := testpki.Must(json.Marshal(api.BackupBody{TrustDomain: domain, Revision: 7, Values: [][2]string{{"state/<x>", "&"}}}))
	made := backup{Backup: api.Backup{Body: body, Signature: testpki.Must(signer.SignBackup(body))}}
	data := testpki.Must(made.encode())
	read := testpki.Must(readBackup(data, "b"))
	if err := ca.VerifyBackup(signer.Root(), stored, read.Body, read.Signature); err != nil {
		t.Errorf("as it was written: %v", err)
	}
	read.Body = bytes.Replace(read.Body, []byte(`:7,`), []byte(`:8,`), 1)
	read = testpki.Must(readBackup(testpki.Must(read.encode()), "b"))
	if err := ca.VerifyBackup(signer.Root(), stored, read.Body, read.Signature); !errors.Is(err, ca.BackupUnsigned) {
		t.Errorf("with another revision: %v, want backup_unsigned", err)
	}
	other := testpki.Must(ca.New(domain, time.Now()))
	forged := backup{Backup: api.Backup{Body: body, Signature: testpki.Must(other.SignBackup(body))}}
	stored.Intermediate = string(other.Intermediate().PEM())
	if err := ca.VerifyBackup(signer.Root(), stored, forged.Body, forged.Signature); !errors.Is(err, ca.BackupUnsigned) {
		t.Errorf("signed by another authority: %v, want backup_unsigned", err)
	}
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 1
		if _, err := readBackup(flipped, "b"); !errors.Is(err, BackupDamaged) && !errors.Is(err, BackupUnreadable) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
		if _, err := readBackup(data[:i], "b"); !errors.Is(err, BackupDamaged) && !errors.Is(err, BackupUnreadable) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
}

// TestPlainKeysAreNotCopied: a folder of "signet up" has no backup.
func TestPlainKeysAreNotCopied(t *testing.T) {
	domain := testpki.Must(spiffeid.ParseTrustDomain("prod.example"))
	signer := testpki.Must(ca.New(domain, time.Now()))
	stored := ca.Stored{Root: string(signer.Root().PEM()), Intermediate: string(signer.Intermediate().PEM())}
	plainly, sealed, other := t.TempDir(), t.TempDir(), t.TempDir()
	if err := signer.Save(plainly, ca.Kept{}); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Copy(plainly, stored); !errors.Is(err, ca.KeyPlain) {
		t.Errorf("plain keys: %v, want ca_key_plain", err)
	}
	if err := signer.Save(sealed, ca.Kept{Passphrase: []byte("correct horse")}); err != nil {
		t.Fatal(err)
	}
	files := testpki.Must(ca.Copy(sealed, stored))
	if err := ca.Paste(other, files, stored); err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if a, b := testpki.Must(os.ReadFile(filepath.Join(sealed, name))), testpki.Must(os.ReadFile(filepath.Join(other, name))); !bytes.Equal(a, b) {
			t.Errorf("%s is not as it was", name)
		}
		if info := testpki.Must(os.Stat(filepath.Join(other, name))); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
	root, err := ca.OpenRoot([]byte(ca.RootFileOf(files, stored)), "root.pem", stored, func() ([]byte, error) { return []byte("correct horse"), nil })
	if err != nil || !root.Leaf().Equal(signer.Root()) {
		t.Errorf("the root: %v", err)
	}
	stored.Root = string(testpki.Must(ca.New(domain, time.Now())).Root().PEM())
	if _, err := ca.Copy(sealed, stored); !errors.Is(err, ca.KeyLost) {
		t.Errorf("another root on record: %v, want ca_key_lost", err)
	}
	files["../evil.pem"] = files["root.pem"]
	stored.Root = string(signer.Root().PEM())
	if err := ca.Paste(filepath.Join(other, "x"), files, stored); !errors.Is(err, ca.KeyLost) {
		t.Errorf("a name that leads elsewhere: %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, "evil.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was written elsewhere")
	}
}

// TestRestoreThatWasKilled: what a restore has left that never came to its end is no
// data folder, and the next one does away with it.
func TestRestoreThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, restoring)
	if err := os.MkdirAll(filepath.Join(left, "etcd"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := emptyFolder(dir); err != nil {
		t.Errorf("with what a kill has left: %v", err)
	}
	for _, name := range []string{"a", markerFile, "z"} {
		if err := os.WriteFile(filepath.Join(left, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The marker comes last: where "z" cannot be put, there is none.
	if err := os.Mkdir(filepath.Join(dir, "z"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := settle(left, dir); !errors.Is(err, FolderUnwritable) {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, markerFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half of a folder counts as one")
	}
	if err := emptyFolder(dir); !errors.Is(err, RestoreElsewhere) {
		t.Errorf("a folder with something in it: %v", err)
	}
}
