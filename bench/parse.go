package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/signet-tls/signet/pki"
)

const (
	pkits  = "pki/testdata/pkits.tar.gz"
	python = ".cache/venv/bin/python"
	// repeats of all files make a pass, which takes long enough for its time to
	// mean something.
	repeats = 10
)

// parse measures how long a certificate takes to parse: those of NIST's suite
// and of PyPI's cryptography-vectors, or of all files below folders. Each counts
// once, if all contenders take it, so that all do the same work.
func parse(out io.Writer, rounds int, folders []string) error {
	found, err := collect(out, folders)
	if err != nil {
		return err
	}
	peer, err := startPython(found)
	if err != nil {
		fmt.Fprintf(out, "pyOpenSSL and cryptography are not measured: %v; next: make peers\n", err)
	} else {
		defer peer.stop()
	}
	var certs [][]byte
	var counted []int
	for i, der := range found {
		if _, err := x509.ParseCertificate(der); err == nil && (peer == nil || peer.takes[i]) {
			certs, counted = append(certs, der), append(counted, i)
		}
	}
	fmt.Fprintf(out, "%d certificates; %d that one contender refuses are left out; %d rounds\n", len(certs), len(found)-len(certs), rounds)
	contenders := []contender{
		{"crypto/x509", each(certs, func(der []byte) error { _, err := x509.ParseCertificate(der); return err })},
		{"pki", each(certs, func(der []byte) error { _, err := pki.ParseCertificate(der); return err })},
		{"pki, key and every extension read", each(certs, readAll)},
	}
	if peer != nil {
		if err := peer.ask(counted, nil); err != nil {
			return err
		}
		contenders = append(contenders, contender{"pyOpenSSL", peer.pass("pyOpenSSL")}, contender{"cryptography", peer.pass("cryptography")})
	}
	results, err := compare(rounds, contenders)
	if err != nil {
		return err
	}
	return table(out, results, "crypto/x509", repeats*len(certs), "certificate")
}

// readAll parses as much as crypto/x509 does at once.
func readAll(der []byte) error {
	cert, err := pki.ParseCertificate(der)
	if err != nil {
		return err
	}
	cert.PublicKey().Key() // of a kind that is not used, an error
	cert.Malformed()
	return nil
}

// each makes a pass of what is done with each certificate.
func each(certs [][]byte, do func(der []byte) error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		runtime.GC() // what others have left behind is not this one's work
		before := cpuTime()
		for range repeats {
			for _, der := range certs {
				if err := do(der); err != nil {
					return 0, err
				}
			}
		}
		return cpuTime() - before, nil
	}
}

// collect returns the certificates of files, each once, in their order.
func collect(out io.Writer, folders []string) (certs [][]byte, err error) {
	seen := map[[sha256.Size]byte]bool{}
	add := func(data []byte) {
		found, err := pki.ParseCertificates(data)
		if err != nil {
			return // no certificate, or none that can be parsed
		}
		for _, c := range found {
			if !seen[c.Fingerprint()] {
				seen[c.Fingerprint()] = true
				certs = append(certs, c.Raw())
			}
		}
	}
	if len(folders) == 0 {
		if err := readArchive(pkits, add); err != nil {
			return nil, fmt.Errorf("%w; next: run it in the project's own folder", err)
		}
		if vectors, err := exec.Command(python, "tools/facts.py", "vectors").Output(); err == nil {
			folders = []string{strings.TrimSpace(string(vectors))}
		} else {
			fmt.Fprintf(out, "cryptography-vectors are missing: %v; next: make peers\n", err)
		}
	}
	for _, folder := range folders {
		if err := readFolder(folder, add); err != nil {
			return nil, err
		}
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in these folders")
	}
	return certs, nil
}

func readFolder(folder string, add func(data []byte)) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		add(data)
		return err
	})
}

func readArchive(path string, add func(data []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for files := tar.NewReader(plain); ; {
		_, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		add(data)
	}
}
