package pki

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// sortedCurves yields every curve that has a name.
func sortedCurves() iter.Seq2[OID, string] {
	return func(yield func(OID, string) bool) {
		for _, id := range slices.SortedFunc(maps.Keys(curves), func(a, b OID) int { return cmp.Compare(curves[a].name, curves[b].name) }) {
			if !yield(id, curves[id].name) {
				return
			}
		}
	}
}

// galleries are the files of texts.
var galleries = []struct {
	file       string
	exhibits   func() []exhibit
	extensions bool // only these are shown
}{
	{"testdata/text-certificates.txt", galleryOfCertificates, false},
	{"testdata/text-extensions.txt", galleryOfExtensions, true},
}

// TestTextOfGallery compares each text whole.
func TestTextOfGallery(t *testing.T) {
	for _, gallery := range galleries {
		want := readGallery(t, gallery.file)
		var all strings.Builder
		for _, e := range gallery.exhibits() {
			cert, err := ParseCertificate(e.der)
			if err != nil {
				t.Errorf("%s: %v", e.name, err)
				continue
			}
			have := textOf(cert.Text(), gallery.extensions)
			all.WriteString("== " + e.name + " ==\n" + have)
			if *update {
				continue
			}
			if want[e.name] != have {
				t.Errorf("%s: %s: have\n%swant\n%s", gallery.file, e.name, have, want[e.name])
			}
			delete(want, e.name)
		}
		if *update {
			if err := os.WriteFile(gallery.file, []byte(all.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for name := range want {
			t.Errorf("%s has a text of %s, which is no exhibit", gallery.file, name)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^== (.*) ==\n`)

// readGallery returns the texts of a file by their names.
func readGallery(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	texts := map[string]string{}
	places := heading.FindAllSubmatchIndex(data, -1)
	for i, at := range places {
		end := len(data)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		texts[string(data[at[2]:at[3]])] = string(data[at[1]:end])
	}
	return texts
}

// TestOpenSSLSeesTheGallery: OpenSSL 3.0 writes the same text of each exhibit,
// unless it says why not.
func TestOpenSSLSeesTheGallery(t *testing.T) {
	openssl := peers.OpenSSL(t)
	if version, _ := exec.Command(openssl, "version").Output(); !strings.HasPrefix(string(version), "OpenSSL 3.0.") {
		t.Skipf("the gallery says how OpenSSL 3.0 differs; this is %s", version)
	}
	errors := regexp.MustCompile(`(?m)^[0-9A-F]{16}:error:.*\n`)
	for _, gallery := range galleries {
		ours := readGallery(t, gallery.file)
		for _, e := range gallery.exhibits() {
			if isMalformed(t, e.der) || e.differs == pointOnNoCurve { // of what is malformed octets are shown here
				continue
			}
			command := exec.Command(openssl, "x509", "-inform", "DER", "-text", "-noout")
			command.Stdin = bytes.NewReader(e.der)
			out, err := command.Output()
			theirs := textOf(errors.ReplaceAllString(string(out), ""), gallery.extensions)
			switch same := err == nil && theirs == ours[e.name]; {
			case same && e.differs != "":
				t.Errorf("%s: OpenSSL agrees; remove the reason why not", e.name)
			case !same && e.differs == "":
				t.Errorf("%s: %v, openssl:\n%sours:\n%s", e.name, err, theirs, ours[e.name])
			}
		}
	}
}

// isMalformed reports whether an extension is not as it must be.
func isMalformed(t *testing.T, der []byte) bool {
	t.Helper()
	cert, err := ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert.Malformed() != nil
}

// TestPeerCertOfGallery: the rare forms, of which Python has octets, or nothing.
func TestPeerCertOfGallery(t *testing.T) {
	find := func(name string) PeerCert {
		for _, gallery := range galleries {
			for _, e := range gallery.exhibits() {
				if e.name == name {
					cert, err := ParseCertificate(e.der)
					if err != nil {
						t.Fatal(err)
					}
					return cert.PeerCert()
				}
			}
		}
		t.Fatalf("there is no exhibit %s", name)
		return PeerCert{}
	}
	subject := func(value string) [][][2]string { return [][][2]string{{{"commonName", value}}} }
	for name, want := range map[string]string{"a name of bits": "01ab", "a name in four octets a character": "a", "plain": "a"} {
		if have := find(name).Subject; !reflect.DeepEqual(have, subject(want)) {
			t.Errorf("%s: have %v", name, have)
		}
	}
	serials := map[string]string{"plain": "07", "serial number 0": "00", "serial number -1": "-01", "serial number -129": "-81", "serial number of 64 bits": "8000000000000000"}
	for name, want := range serials {
		if have := find(name).SerialNumber; have != want {
			t.Errorf("%s: have %s, want %s", name, have, want)
		}
	}
	if points := find("points, empty").CRLDistributionPoints; points != nil {
		t.Errorf("have points %v", points)
	}
	if points := find("two points").CRLDistributionPoints; !slices.Equal(points, []string{"http://a/"}) {
		t.Errorf("have points %v", points)
	}
	if p := find("two accesses"); !slices.Equal(p.OCSP, []string{"http://o"}) || p.CAIssuers != nil {
		t.Errorf("have %v, %v", p.OCSP, p.CAIssuers)
	}
	want := [][2]any{{"DNS", "a.example"}, {"email", "a@b"}, {"URI", "https://a/"}, {"IP Address", "10.0.0.1"}, {"IP Address", "2001:DB8:0:0:0:0:FF:ABC"},
		{"DirName", [][][2]string{{{"countryName", "KR"}}, {{"commonName", "é~\x1f/"}}}}}
	if have := find("names of every form").SubjectAltNames; !reflect.DeepEqual(have, want) {
		t.Errorf("have %v", have)
	}
}
