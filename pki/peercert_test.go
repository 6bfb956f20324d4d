package pki_test

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// getpeercert prints what Python makes of each file, null for what it refuses.
const getpeercert = `
import json, ssl, sys
for path in sys.argv[1:]:
    try: cert = ssl._ssl._test_decode_cert(path)
    except Exception as e: cert = None
    print(json.dumps(cert, default=bytes.hex))
`

// pythonPeerCerts has the digest of what Python says of NIST's certificates.
const pythonPeerCerts = "testdata/python-peercerts.tsv"

// TestPeerCertOfPKITS holds us to that.
func TestPeerCertOfPKITS(t *testing.T) {
	recorded, compared := readRows(t, pythonPeerCerts), 0
	for _, v := range wantPKITS(t) {
		want, ok := recorded[v.name]
		if !ok {
			continue
		}
		compared++
		ours := testpki.Must(json.Marshal(testpki.Must(pki.ParseCertificate(v.data)).PeerCert()))
		var sorted any // as the digest is of keys in their order
		if err := json.Unmarshal(ours, &sorted); err != nil {
			t.Fatal(err)
		}
		if digest(string(testpki.Must(json.Marshal(sorted)))) != want.digest {
			t.Errorf("%s: Python has not %s", v.name, ours)
		}
	}
	if compared < 390 {
		t.Errorf("%d certificates were compared", compared)
	}
}

// TestPeerCert compares with Python's own getpeercert, over PKITS and the
// certificates of pyca/cryptography.
func TestPeerCert(t *testing.T) {
	var certs []*pki.Certificate
	var names []string
	dir := t.TempDir()
	args := []string{"-c", getpeercert}
	for _, v := range wantVectors(t) {
		parsed, err := pki.ParseCertificates(v.data)
		if err != nil {
			continue
		}
		path := filepath.Join(dir, strconv.Itoa(len(certs)))
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: parsed[0].Raw()}), 0o600); err != nil {
			t.Fatal(err)
		}
		certs, names, args = append(certs, parsed[0]), append(names, v.name), append(args, path)
	}
	command := exec.Command(peers.Python(t), args...)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	known := readRows(t, "testdata/peercert.tsv")
	compared, answers := 0, ""
	python := json.NewDecoder(output)
	for i, cert := range certs {
		var want, have any
		if err := python.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			continue
		}
		compared++
		ours, err := json.Marshal(cert.PeerCert())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(ours, &have); err != nil {
			t.Fatal(err)
		}
		theirs, _ := json.Marshal(want)
		again, _ := json.Marshal(have)
		if strings.HasSuffix(names[i], ".crt") {
			answers += names[i] + "\t" + digest(string(theirs)) + "\n"
		}
		both, _, _ := difference(string(theirs), string(again))
		if row := known[names[i]]; both != row.digest {
			t.Errorf("%s\t%s\n(-Python +ours):\n%s", names[i], both, cmp.Diff(want, have))
		}
		delete(known, names[i])
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if *record {
		if err := os.WriteFile(pythonPeerCerts, []byte(answers), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name := range known {
		t.Errorf("%s has a row, but was not compared", name)
	}
	if compared < 520 {
		t.Errorf("%d certificates were compared", compared)
	}
}
