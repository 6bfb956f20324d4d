package delivery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
)

// note is what the host folder remembers of a delivery, so that a kill between any
// two steps of it is mended at the next start.
type note struct {
	Serial string                       `json:"serial"` // of the certificate; "" if nothing was delivered
	Roots  [sha256.Size]byte            `json:"roots"`  // the digest of them
	Files  map[string][sha256.Size]byte `json:"files"`  // the digest of each, by its path
	Told   bool                         `json:"told"`   // the program has read them
}

// of reports whether n delivered the same certificate and roots.
func (n note) of(want note) bool { return n.Serial == want.Serial && n.Roots == want.Roots }

// notes is the folder of notes, in the host folder.
const notes = "delivered"

// maxNote bounds a note, in bytes; usual ones have some hundreds for each file.
const maxNote = 1 << 20

// notePath is where a target's note is: other files or another identity have another.
func (k *Keeper) notePath(t *target) string {
	hash := sha256.New()
	fmt.Fprintln(hash, t.ID)
	for _, path := range []string{t.Cert, t.Key, t.PEM, t.Bundle, t.Keystore, t.Truststore} {
		fmt.Fprintf(hash, "%q\n", path)
	}
	return filepath.Join(k.home, notes, hex.EncodeToString(hash.Sum(nil)[:8])+".json")
}

// recall returns the note of an earlier run, if the files are still those.
func (k *Keeper) recall(t *target) note {
	data, err := readFile(k.notePath(t), maxNote)
	var n note
	if err != nil || json.Unmarshal(data, &n) != nil {
		return note{} // it is written anew, with the files
	}
	for path, want := range n.Files {
		have, err := readFile(path, maxFile)
		if err != nil || digest(have) != want {
			return note{}
		}
	}
	return n
}

// record writes the note.
func (k *Keeper) record(t *target) error {
	data, err := json.Marshal(t.done)
	if err != nil {
		return err
	}
	return unwritable(atomicfile.Write(k.notePath(t), append(data, '\n'), atomicfile.Private))
}

// write puts all files into their places, and notes it. None of them is ever half
// written, and they are put there together.
func (k *Keeper) write(t *target, credential *pki.Credential, roots []byte, want note) error {
	files, err := t.contents(credential, roots)
	if err != nil {
		return err
	}
	if err := (atomicfile.Owner{UID: t.UID, GID: t.GID}).WriteAll(files...); err != nil {
		return unwritable(err)
	}
	want.Files = map[string][sha256.Size]byte{}
	for _, file := range files {
		want.Files[file.Path] = digest(file.Data)
	}
	first := t.done.Serial == ""
	t.done = want
	if err := k.record(t); err != nil {
		return err
	}
	if first {
		close(t.filled)
	}
	return nil
}

func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, Unwritable, "files cannot be written; those before stay, and it is tried again").
		WithHint("make the folder writable for the agent's user, or free some space; only root gives files to another user")
}

// contents are the files, as they should be.
func (t *target) contents(credential *pki.Credential, roots []byte) (files []atomicfile.File, err error) {
	whole, err := credential.PEM()
	if err != nil {
		return nil, err
	}
	chain := credential.ChainPEM()
	add := func(path string, data []byte, mode fs.FileMode) {
		if path != "" {
			files = append(files, atomicfile.File{Path: path, Data: data, Mode: mode})
		}
	}
	add(t.Bundle, roots, public)
	if t.Key != "" {
		key, err := pki.MarshalKey(credential.Key, pki.PKCS8)
		if err != nil {
			return nil, err
		}
		add(t.Key, pem.EncodeToMemory(key), t.Mode)
	}
	add(t.Cert, chain, public)
	add(t.PEM, whole, t.Mode)
	if t.Keystore == "" && t.Truststore == "" {
		return files, nil
	}
	passphrase, err := t.passphrase()
	if err != nil {
		return nil, err
	}
	if t.Truststore != "" {
		store, err := trustStore(roots, t.ID.TrustDomain().String(), passphrase)
		if err != nil {
			return nil, err
		}
		add(t.Truststore, store, public)
	}
	if t.Keystore != "" {
		store, err := pkcs12.Encode(credential, passphrase)
		if err != nil {
			return nil, err
		}
		add(t.Keystore, store, t.Mode)
	}
	return files, nil
}

// public is the mode of files without a key.
const public fs.FileMode = 0o644

// trustStore is the roots as Java reads them.
func trustStore(roots []byte, domain string, passphrase []byte) ([]byte, error) {
	certs, err := pki.ParseCertificates(roots)
	if err != nil {
		return nil, err
	}
	var anchors []pkcs12.Anchor
	for i, cert := range certs {
		anchors = append(anchors, pkcs12.Anchor{Name: fmt.Sprintf("%s-root-%d", domain, i+1), Certificate: cert})
	}
	return pkcs12.EncodeTrust(anchors, passphrase)
}

// passphrase is the first line of the password file.
func (t *target) passphrase() ([]byte, error) {
	if t.PasswordFile == "" {
		return nil, nil
	}
	data, err := readFile(t.PasswordFile, maxPassphrase)
	if err != nil {
		return nil, fault.Wrap(err, PasswordUnreadable, "the passphrase of the stores").WithHint("name a file whose first line it is, and that the agent may read")
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fault.New(PasswordUnreadable, "the first line of %s is empty", t.PasswordFile).WithHint("write the passphrase there")
	}
	return line, nil
}

// Bounds of files that are read, in bytes.
const (
	maxPassphrase = 4 << 10
	maxFile       = 4 << 20
)

// readFile reads a regular file, up to a bound.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: a pipe would wait for its other end
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New(path + " is no regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}
