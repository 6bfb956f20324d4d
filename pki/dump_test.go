package pki_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// errorLine is what OpenSSL writes between the lines when it cannot load a key.
var errorLine = regexp.MustCompile(`(?m)^[0-9A-F]{16}:error:.*\n`)

var record = flag.Bool("record", false, "record again what OpenSSL says")

// opensslTexts has the digest of what OpenSSL 3.0 writes for each vector, "none"
// for one that it refuses.
const opensslTexts = "testdata/openssl-texts.tsv"

// command is what OpenSSL calls the kind of the vector.
func (v vector) command() string {
	switch {
	case strings.HasPrefix(v.name, "requests/"):
		return "req"
	case strings.HasSuffix(v.name, ".crl"), bytes.Contains(v.data, []byte("-----BEGIN X509 CRL-----")):
		return "crl"
	}
	return "x509"
}

// opensslText returns what OpenSSL 3.0 writes for a vector.
func opensslText(t *testing.T, v vector) string {
	t.Helper()
	command := exec.Command(peers.OpenSSL(t), v.command(), "-text", "-noout")
	if !bytes.Contains(v.data, []byte("-----BEGIN ")) {
		command.Args = append(command.Args, "-inform", "DER")
	}
	command.Stdin = bytes.NewReader(v.data)
	out, err := command.Output()
	if err != nil {
		return "none"
	}
	return errorLine.ReplaceAllString(string(out), "")
}

// text returns what we write for the vector's first object.
func (v vector) text() string {
	switch v.command() {
	case "req":
		return firstText(pki.ParseRequests(v.data))
	case "crl":
		return firstText(pki.ParseRevocationLists(v.data))
	}
	return firstText(pki.ParseCertificates(v.data))
}

func firstText[T interface{ Text() string }](all []T, err error) string {
	if err != nil {
		return "refused\n"
	}
	return all[0].Text()
}

func digest(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:24] }

// TestTextIsOpenSSLs compares dumps with those of OpenSSL 3.0, over PKITS and the
// certificates, requests and revocation lists of pyca/cryptography. To start it a thousand times takes too long
// for each day, so its answers are recorded as digests; where one differs, it is
// asked again, and compared line by line. Each difference is a row of
// testdata/text.tsv: file, digest of both sides, reason.
func TestTextIsOpenSSLs(t *testing.T) {
	vectors := append(wantVectors(t), wantPKITSLists(t)...)
	if *record {
		recordTexts(t, vectors)
	}
	known, recorded := readRows(t, "testdata/text.tsv"), readRows(t, opensslTexts)
	version, _ := exec.Command(peers.OpenSSL(t), "version").Output()
	compared := 0
	for _, v := range vectors {
		want, ok := recorded[v.name]
		if !ok {
			t.Errorf("%s has no answer of OpenSSL; next: go test ./pki -run OpenSSLs -record", v.name)
		}
		if delete(recorded, v.name); want.digest == digest("none") {
			continue
		}
		compared++
		row := known[v.name]
		delete(known, v.name)
		ours := v.text()
		if want.digest == digest(ours) && row == (rowOf{}) {
			continue
		}
		if !strings.HasPrefix(string(version), "OpenSSL 3.0.") {
			t.Logf("%s differs, and only OpenSSL 3.0 can say by what; this is %s", v.name, version)
			continue
		}
		if both, theirs, ours := difference(opensslText(t, v), ours); both != row.digest {
			t.Errorf("%s\t%s\nopenssl:\n%sours:\n%s", v.name, both, theirs, ours)
		}
	}
	for _, left := range []map[string]rowOf{known, recorded} {
		for name := range left {
			t.Errorf("%s has a row, but is no vector", name)
		}
	}
	if compared < 740 {
		t.Errorf("%d texts were compared", compared)
	}
}

// TestTextOfPKITS holds the texts of NIST's certificates to OpenSSL's as recorded:
// all but those with a known difference.
func TestTextOfPKITS(t *testing.T) {
	known, recorded := readRows(t, "testdata/text.tsv"), readRows(t, opensslTexts)
	compared := 0
	for _, v := range wantPKITS(t) {
		if known[v.name] != (rowOf{}) {
			continue
		}
		compared++
		if ours := v.text(); recorded[v.name].digest != digest(ours) {
			t.Errorf("%s: OpenSSL has not\n%s", v.name, ours)
		}
	}
	if compared < 385 {
		t.Errorf("%d certificates were compared", compared)
	}
}

func recordTexts(t *testing.T, vectors []vector) {
	var out strings.Builder
	for _, v := range vectors {
		fmt.Fprintf(&out, "%s\t%s\n", v.name, digest(opensslText(t, v)))
	}
	if err := os.WriteFile(opensslTexts, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rowOf is one known difference from a peer, or its answer alone.
type rowOf struct{ digest, reason string }

func readRows(t *testing.T, path string) map[string]rowOf {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]rowOf{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 2 || path != opensslTexts && path != pythonPeerCerts && (len(fields) != 3 || fields[2] == "") {
			t.Fatalf("%s: %q is not file, digest and reason", path, line)
		}
		rows[fields[0]] = rowOf{fields[1], strings.Join(fields[2:], "")}
	}
	return rows
}

// difference returns the lines between the first and the last that differ, and a
// digest of both sides; nothing for equal texts.
func difference(a, b string) (digest, inA, inB string) {
	if a == b {
		return "", "", ""
	}
	linesA, linesB := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for len(linesA) > 0 && len(linesB) > 0 && linesA[0] == linesB[0] {
		linesA, linesB = linesA[1:], linesB[1:]
	}
	for len(linesA) > 0 && len(linesB) > 0 && linesA[len(linesA)-1] == linesB[len(linesB)-1] {
		linesA, linesB = linesA[:len(linesA)-1], linesB[:len(linesB)-1]
	}
	inA, inB = strings.Join(linesA, ""), strings.Join(linesB, "")
	return fmt.Sprintf("%x", sha256.Sum256([]byte(inA+"\x00"+inB)))[:12], inA, inB
}

// wantPlain holds that a text has no control characters but line ends.
func wantPlain(t *testing.T, text string) {
	t.Helper()
	if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
		t.Errorf("%q at byte %d cannot be printed", text[at:min(at+8, len(text))], at)
	}
}

// TestTextIsBounded holds that values of 300 KB do not make a text of as much, and
// that nothing of them escapes its line.
func TestTextIsBounded(t *testing.T) {
	long := bytes.Repeat([]byte("\n\x1b[2Ja"), 60_000)
	names := make([]string, 20_000)
	for i := range names {
		names[i] = "a.example"
	}
	cert := testpki.Must(testpki.Forge(&x509.Certificate{
		Subject:  pkix.Name{CommonName: string(long[:1000]), Organization: names[:10]},
		DNSNames: names,
		ExtraExtensions: []pkix.Extension{
			{Id: []int{1, 2, 3}, Value: long},
			{Id: []int{2, 5, 29, 14}, Value: append([]byte{4, 0x83, 0x04, 0x93, 0xe0}, long[:300_000]...)},
		},
	}, nil)).Leaf()
	text := cert.Text()
	wantPlain(t, text)
	if len(text) > 128<<10 {
		t.Errorf("%d bytes of text", len(text))
	}
	for _, want := range []string{"… and 19000 more", ".[2Ja.", "… (300000 bytes)", `\0A\1B[2Ja`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// TestTextOfCurves compares the keys of certificates on each curve that OpenSSL
// has and we know.
func TestTextOfCurves(t *testing.T) {
	openssl := peers.OpenSSL(t)
	dir := t.TempDir()
	for _, curve := range []string{"prime192v1", "secp224r1", "secp384r1", "secp521r1", "secp256k1", "sect163k1", "sect163r2",
		"sect233k1", "sect233r1", "sect283k1", "sect283r1", "sect409k1", "sect409r1", "sect571k1", "sect571r1", "brainpoolP256r1", "brainpoolP512t1", "SM2"} {
		path := filepath.Join(dir, curve)
		out, err := exec.Command(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:"+curve, "-nodes",
			"-keyout", filepath.Join(dir, "key"), "-subj", "/CN=a", "-sha256", "-out", path).CombinedOutput()
		if err != nil {
			t.Logf("%s: this OpenSSL has it not: %s", curve, out)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := vector{curve, data}
		if _, theirs, ours := difference(opensslText(t, v), v.text()); theirs != ours {
			t.Errorf("%s: openssl:\n%sours:\n%s", curve, theirs, ours)
		}
	}
}
