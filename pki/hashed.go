package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"github.com/signet-tls/signet/fault"
)

// maxHashed is how many files of a hashed directory are read for one name.
const maxHashed = 100

// hashedFile is the name of a certificate's file in a hashed directory.
var hashedFile = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]{1,9}$`)

// LoadHashed reads all certificates of a directory that openssl rehash has made:
// the files 12345678.0, 12345678.1 and so on. A file that cannot be read is an
// error that names it, and so is a directory without any. One certificate under
// several names is returned once.
func LoadHashed(directory fs.FS) ([]*Certificate, error) {
	entries, err := fs.ReadDir(directory, ".")
	if err != nil {
		return nil, fault.Wrap(err, CertUnreadable, "the hashed directory cannot be read").WithHint("%s", certificates.whereDamaged)
	}
	var all []*Certificate
	seen := map[[32]byte]bool{}
	for _, entry := range entries {
		if !hashedFile.MatchString(entry.Name()) {
			continue
		}
		certs, err := loadFile(directory, entry.Name())
		if err != nil {
			return nil, err
		}
		for _, cert := range certs {
			if !seen[cert.Fingerprint()] {
				all = append(all, cert)
			}
			seen[cert.Fingerprint()] = true
		}
	}
	if len(all) == 0 {
		return nil, fault.New(NoCertificate, "there is no certificate in the hashed directory").
			WithHint("run openssl rehash on it, or name a file of certificates")
	}
	return all, nil
}

// FindHashed reads the certificates of a name from a hashed directory, as OpenSSL
// looks for an issuer: by the name's hash, from .0 up to the first number that
// has no file. There may be none.
func FindHashed(directory fs.FS, subject Name) ([]*Certificate, error) {
	var found []*Certificate
	err := eachHashed(directory, subject, "", func(file string) error {
		certs, err := loadFile(directory, file)
		for _, cert := range certs {
			if cert.Subject().Match(subject) {
				found = append(found, cert)
			}
		}
		return err
	})
	return found, err
}

// FindHashedLists returns the names of the files that may have a revocation list
// of an issuer: 12345678.r0 and so on.
func FindHashedLists(directory fs.FS, issuer Name) ([]string, error) {
	var files []string
	err := eachHashed(directory, issuer, "r", func(file string) error {
		files = append(files, file)
		return nil
	})
	return files, err
}

// eachHashed calls f for each file of a name that there is.
func eachHashed(directory fs.FS, name Name, kind string, f func(file string) error) error {
	for i := range maxHashed {
		file := fmt.Sprintf("%08x.%s%d", name.Hash(), kind, i)
		if _, err := fs.Stat(directory, file); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := f(file); err != nil {
			return err
		}
	}
	return fault.New(InputTooLarge, "a name has more than %d files in the hashed directory", maxHashed).
		WithHint("remove those that are no longer used, and run openssl rehash")
}

// loadFile reads one file of certificates.
func loadFile(directory fs.FS, file string) ([]*Certificate, error) {
	info, err := fs.Stat(directory, file)
	if err == nil && info.Size() > MaxInput {
		return nil, fault.Wrap(tooLarge(int(info.Size())), InputTooLarge, "%s", fault.Printable(file, 64)).
			WithHint("name the certificate's own file")
	}
	data, err := fs.ReadFile(directory, file)
	if err == nil {
		var certs []*Certificate
		if certs, err = ParseCertificates(data); err == nil {
			return certs, nil
		}
	}
	return nil, fault.Wrap(err, CertUnreadable, "%s", fault.Printable(file, 64)).WithHint("%s", certificates.whereDamaged)
}

// HashedNames returns the name of each certificate's file in a hashed directory,
// as openssl rehash gives it; "" for one that stands in the list before.
func HashedNames(certs []*Certificate) []string {
	names := make([]string, len(certs))
	next := map[uint32]int{}
	for i, cert := range certs {
		if slices.ContainsFunc(certs[:i], cert.Equal) {
			continue
		}
		hash := cert.Subject().Hash()
		names[i] = fmt.Sprintf("%08x.%d", hash, next[hash])
		next[hash]++
	}
	return names
}
