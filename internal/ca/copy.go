package ca

import (
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/pki"
)

// Bounds of the folder with the keys.
const (
	maxFiles = 100
	maxFile  = 1 << 20 // bytes
)

// Copy returns the files of the folder with the keys by their names, as they are:
// encrypted. A folder in which a key is not encrypted is refused, as copies go to
// places where nobody looks after them.
func Copy(folder string, stored Stored) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > maxFiles {
		return nil, lost(folder, "the keys cannot be listed")
	}
	files := map[string]string{}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".pem" || entry.Name()[0] == '.' { // which a kill may leave of a write
			continue
		}
		path := filepath.Join(folder, entry.Name())
		data, err := read(path)
		if err != nil {
			return nil, fault.Wrap(err, KeyFileFault, "the authority's key cannot be read").WithHint("run as the owner of %s", path)
		}
		if len(data) > maxFile || !sealedOnly(data) {
			return nil, fault.New(KeyPlain, "the key in %s is not encrypted, so that it is not copied", path).
				WithHint("make an authority whose keys are: signet authority init TRUST-DOMAIN")
		}
		files[entry.Name()] = string(data)
	}
	return files, complete(files, folder, stored)
}

// sealedOnly reports whether the keys of a file are encrypted.
func sealedOnly(data []byte) bool {
	keys := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
		case "ENCRYPTED PRIVATE KEY":
			keys++
		default:
			return false
		}
	}
	return keys > 0
}

// complete refuses files that are not those of the authority that is on record.
func complete(files map[string]string, folder string, stored Stored) error {
	for _, wanted := range stored.kept() {
		if holding(files, wanted.cert) == "" {
			return lost(folder, wanted.name+".pem is missing, or another authority's")
		}
	}
	return nil
}

// holding returns the file that begins with a certificate; "" if there is none.
func holding(files map[string]string, cert string) string {
	for _, data := range files {
		if cert != "" && strings.HasPrefix(data, cert) {
			return data
		}
	}
	return ""
}

// Paste writes what Copy returned into another folder.
func Paste(folder string, files map[string]string, stored Stored) error {
	if len(files) > maxFiles {
		return lost(folder, "there are too many files")
	}
	if err := complete(files, folder, stored); err != nil {
		return err
	}
	var all []atomicfile.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != filepath.Base(name) || filepath.Ext(name) != ".pem" || !sealedOnly([]byte(files[name])) {
			return lost(folder, "one of the files is none of an authority's")
		}
		all = append(all, atomicfile.File{Path: filepath.Join(folder, name), Data: []byte(files[name]), Mode: atomicfile.Private})
	}
	return notKept(atomicfile.WriteAll(all...), folder)
}

// OpenRoot returns the root on record with its key, from the content of the file in
// which that is kept: root.pem of the folder, or where it was carried to. Path is
// what that is called.
func OpenRoot(data []byte, path string, stored Stored, passphrase pki.Passphrase) (*pki.Credential, error) {
	root, err := OpenFile(data, path, passphrase)
	if err != nil {
		return nil, err
	}
	if string(root.Leaf().PEM()) != stored.Root {
		return nil, fault.New(KeyLost, "the root in %s is another authority's", path).WithHint("name the file with this authority's root")
	}
	return root, nil
}

// RootFileOf returns the content of the root's file among those of Copy; "" where it
// is kept elsewhere.
func RootFileOf(files map[string]string, stored Stored) string { return holding(files, stored.Root) }
