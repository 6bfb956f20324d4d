package pki_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestHashedDirectory(t *testing.T) {
	one, two := testpki.Must(testpki.New(now)).Root.Leaf(), testpki.Must(testpki.New(now)).Root.Leaf()
	other := testpki.Must(testpki.New(now)).Intermediate.Leaf()
	certs := []*pki.Certificate{one, other, two, one}
	hash := fmt.Sprintf("%08x", one.Subject().Hash())
	names := pki.HashedNames(certs)
	if want := []string{hash + ".0", fmt.Sprintf("%08x.0", other.Subject().Hash()), hash + ".1", ""}; !slices.Equal(names, want) {
		t.Fatalf("have %q, want %q", names, want)
	}
	directory := fstest.MapFS{"README": {Data: []byte("no certificate")}, hash + ".r0": {Data: []byte("a list")}, hash + ".r1": {}, hash + ".r3": {}}
	for i, name := range names[:3] {
		directory[name] = &fstest.MapFile{Data: certs[i].PEM()}
	}
	directory[hash+".2"] = &fstest.MapFile{Data: one.PEM()}
	directory[hash+".4"] = &fstest.MapFile{Data: two.PEM()} // behind a gap
	all, err := pki.LoadHashed(directory)
	if err != nil || len(all) != 3 {
		t.Errorf("have %d certificates, %v, want 3", len(all), err)
	}
	found, err := pki.FindHashed(directory, one.Subject())
	if err != nil || len(found) != 3 || !found[0].Equal(one) || !found[1].Equal(two) {
		t.Errorf("have %d of the name, %v, want 3", len(found), err)
	}
	if lists, err := pki.FindHashedLists(directory, one.Subject()); err != nil || !slices.Equal(lists, []string{hash + ".r0", hash + ".r1"}) {
		t.Errorf("have lists %q, %v", lists, err)
	}
	if found, err := pki.FindHashed(directory, pki.Name{}); err != nil || found != nil {
		t.Errorf("have %d certificates of no name, %v", len(found), err)
	}

	directory[hash+".0"] = &fstest.MapFile{Data: other.PEM()} // a name of the same hash
	if found, _ := pki.FindHashed(directory, one.Subject()); len(found) != 2 {
		t.Errorf("have %d certificates, want those of the name alone", len(found))
	}
	directory[hash+".1"] = &fstest.MapFile{Data: []byte("broken")}
	_, err = pki.FindHashed(directory, one.Subject())
	wantFault(t, err, pki.CertUnreadable, hash+".1: ")
	_, err = pki.LoadHashed(directory)
	wantFault(t, err, pki.CertUnreadable, hash+".1: ")
	_, err = pki.LoadHashed(fstest.MapFS{"README": {}})
	wantFault(t, err, pki.NoCertificate, "no certificate in the hashed directory")

	full := fstest.MapFS{}
	for i := range 100 {
		full[fmt.Sprintf("%s.r%d", hash, i)] = &fstest.MapFile{}
	}
	_, err = pki.FindHashedLists(full, one.Subject())
	wantFault(t, err, pki.InputTooLarge, "more than 100 files")
	delete(full, hash+".r99")
	if lists, err := pki.FindHashedLists(full, one.Subject()); err != nil || len(lists) != 99 {
		t.Errorf("have %d lists, %v, want 99", len(lists), err)
	}
	delete(full, hash+".r0")
	full[hash+".0"] = &fstest.MapFile{Data: make([]byte, pki.MaxInput+1)}
	_, err = pki.LoadHashed(full)
	wantFault(t, err, pki.InputTooLarge, hash+".0")
}

// TestOpenSSLRehash reads what openssl rehash made, and names files as it does.
func TestOpenSSLRehash(t *testing.T) {
	dir := t.TempDir()
	fixture := testpki.Must(testpki.New(now))
	certs := []*pki.Certificate{fixture.Root.Leaf(), fixture.Intermediate.Leaf(), testpki.Must(testpki.New(now)).Root.Leaf()}
	for i, cert := range certs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.pem", i)), cert.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(peers.OpenSSL(t), "rehash", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range pki.HashedNames(certs) {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if all, err := pki.LoadHashed(os.DirFS(dir)); err != nil || len(all) != 3 {
		t.Errorf("have %d certificates, %v", len(all), err)
	}
	if found, err := pki.FindHashed(os.DirFS(dir), certs[0].Subject()); err != nil || len(found) != 2 {
		t.Errorf("have %d certificates of the name, %v", len(found), err)
	}
}

// TestBadBlockIsLocated holds that an error says which block is bad, and where.
func TestBadBlockIsLocated(t *testing.T) {
	good := string(testpki.Must(testpki.New(now)).Root.Leaf().PEM())
	lines := strings.Count(good, "\n")
	_, err := pki.ParseCertificates([]byte("# a comment\n\n" + good + "\n" + strings.Replace(good, "MII", "!!!", 1) + good))
	wantFault(t, err, pki.CertUnreadable, fmt.Sprintf("block 2 (line %d, byte %d of the input) is a certificate, but not valid PEM", 4+lines, 14+len(good)))
	_, err = pki.ParseCertificates([]byte(good + good + strings.Replace(good, "MII", "MMM", 1)))
	wantFault(t, err, pki.CertUnreadable, fmt.Sprintf("block 3 (line %d, byte %d of the input): ", 1+2*lines, 2*len(good)))
}
