package pki_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// The differential proof: what pyOpenSSL and cryptography read in a file, and
// what is read here, agree in every accessor, or the difference is a row of
// testdata/differential.json with its reason. A row without its difference fails
// too.

var rewrite = flag.Bool("rewrite", false, "rewrite the rows of differential.json, keeping reasons, and recorded facts")

// readings is what one side reads in an input, by accessor.
type readings map[string]any

// row is one difference that is known.
type row struct {
	Input    string `json:"input"` // a file and its kind, or a kind of mutants
	Accessor string `json:"accessor"`
	Peer     string `json:"peer"` // what pyOpenSSL says
	Ours     string `json:"ours"`
	Count    int    `json:"count,omitempty"` // of mutants
	Reason   string `json:"reason"`
}

func (r row) key() row { r.Reason = ""; return r }

// peer is a running tools/facts.py.
type peer struct {
	t   *testing.T
	in  *bufio.Writer
	out *bufio.Scanner
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	cmd := exec.Command(peers.Python(t), "../tools/facts.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 16<<20)
	return &peer{t, bufio.NewWriter(in), scanner}
}

// ask returns what the peer reads in data, and what is read here meanwhile.
func (p *peer) ask(kind string, data []byte) (theirs, ours readings) {
	p.t.Helper()
	p.send(kind, data)
	ours = ourFacts(p.t, kind, data)
	return p.receive(), ours
}

func (p *peer) send(kind string, data []byte) {
	p.t.Helper()
	request, err := json.Marshal(map[string]string{"kind": kind, "data": base64.StdEncoding.EncodeToString(data)})
	if err != nil {
		p.t.Fatal(err)
	}
	p.in.Write(append(request, '\n'))
	if err := p.in.Flush(); err != nil {
		p.t.Fatalf("the peer does not listen: %v", err)
	}
}

func (p *peer) receive() (answer readings) {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the peer does not answer: %v", p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		p.t.Fatal(err)
	}
	return answer
}

// compare returns the differences in one input: in whether it is taken, or, if
// both take it, in each accessor.
func compare(t *testing.T, input string, theirs, ours readings) (rows []row) {
	t.Helper()
	if theirs["accept"] != ours["accept"] {
		return []row{{Input: input, Accessor: "accept", Peer: verdict(theirs), Ours: verdict(ours)}}
	}
	if ours["accept"] == false {
		return nil
	}
	for _, accessor := range slices.Sorted(maps.Keys(theirs)) {
		if have, want := text(t, ours[accessor]), text(t, theirs[accessor]); have != want {
			rows = append(rows, row{Input: input, Accessor: accessor, Peer: want, Ours: have})
		}
	}
	return rows
}

func verdict(f readings) string {
	if f["accept"] == true {
		return "accept"
	}
	return fmt.Sprint("refuse: ", f["why"])
}

func text(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const rowsFile = "testdata/differential.json"

// checkRows compares the differences found with the rows of one part of the
// file, where both are to be the same.
func checkRows(t *testing.T, part string, found []row) {
	t.Helper()
	parts := map[string][]row{}
	data, err := os.ReadFile(rowsFile)
	if err == nil {
		err = json.Unmarshal(data, &parts)
	}
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	reasons := map[row]string{}
	for _, r := range parts[part] {
		if r.Reason == "" {
			t.Errorf("a row without a reason: %+v", r)
		}
		reasons[r.key()] = r.Reason
	}
	for i, r := range found {
		reason, known := reasons[r]
		if !known && !*rewrite {
			t.Errorf("a difference without a row: %+v", r)
		}
		found[i].Reason = reason
		delete(reasons, r)
	}
	for r := range reasons {
		if !*rewrite {
			t.Errorf("a row without its difference: %+v", r)
		}
	}
	if *rewrite {
		parts[part] = found
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(parts); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rowsFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// vectors yields the files of cryptography-vectors, with what to read each as.
func vectors(t *testing.T) (files []input) {
	t.Helper()
	out, err := exec.Command(peers.Python(t), "../tools/facts.py", "vectors").Output()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("cryptography-vectors are missing, and CI may not skip them: %v; next: make peers", err)
	default:
		t.Skipf("cryptography-vectors are missing: %v; next: make peers", err)
	}
	root := strings.TrimSpace(string(out))
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		for _, kind := range kindsOf(name, data) {
			files = append(files, input{name, kind, data})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// input is one file, to be read as one kind of thing.
type input struct {
	name, kind string
	data       []byte
}

// kindsOf says what a file of cryptography-vectors is read as: PEM by its labels,
// DER by its folder, and as a key of either kind.
func kindsOf(name string, data []byte) (kinds []string) {
	top, _, _ := strings.Cut(name, "/")
	ext := filepath.Ext(name)
	switch {
	case top == "pkcs12" && ext == ".p12", strings.Contains(name, "PKITS_data/pkcs12/"):
		return []string{"pkcs12"}
	case top == "pkcs7" && ext != ".eml":
		return []string{"pkcs7"}
	case top != "x509" && top != "asymmetric":
		return nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		for label, kind := range map[string]string{"CERTIFICATE-----": "cert", "PRIVATE KEY-----": "key", "PUBLIC KEY-----": "public"} {
			if bytes.Contains(data, []byte(label)) && !bytes.Contains(data, []byte("BEGIN OPENSSH")) {
				kinds = append(kinds, kind)
			}
		}
		slices.Sort(kinds)
	case ext == ".der" && top == "asymmetric":
		return []string{"key", "public"}
	case ext == ".der", ext == ".crt":
		return []string{"cert"}
	}
	return kinds
}

func TestDifferentialVectors(t *testing.T) {
	p := startPeer(t)
	var found []row
	accessors, counts := 0, map[string]int{}
	for _, file := range vectors(t) {
		theirs, ours := p.ask(file.kind, file.data)
		found = append(found, compare(t, file.name+" as "+file.kind, theirs, ours)...)
		counts[file.kind]++
		accessors += len(theirs)
	}
	t.Logf("%v: %d answers, %d differences", counts, accessors, len(found))
	if counts["cert"] < 500 || counts["key"] < 100 || counts["pkcs12"] < 400 {
		t.Error("files are missing")
	}
	checkRows(t, "vectors", found)
}

const pkitsFacts = "testdata/pkits.facts.json.gz"

// TestDifferentialPKITS compares the certificates of NIST's suite with what the
// peer has said of them, so that the proof runs where the peer is absent.
func TestDifferentialPKITS(t *testing.T) {
	recorded := map[string]readings{}
	if *rewrite {
		p := startPeer(t)
		for name, data := range peers.Archive(t, "testdata/pkits.tar.gz") {
			if strings.HasPrefix(name, "certs/") {
				recorded[name], _ = p.ask("cert", data)
			}
		}
		writeGzip(t, pkitsFacts, recorded)
	}
	recorded = nil
	readGzip(t, pkitsFacts, &recorded)
	var found []row
	files := 0
	for name, data := range peers.Archive(t, "testdata/pkits.tar.gz") {
		if theirs, ok := recorded[name]; ok {
			files++
			found = append(found, compare(t, name, theirs, ourFacts(t, "cert", data))...)
		}
	}
	if files != 405 || len(recorded) != files {
		t.Errorf("have %d files and %d records, want 405", files, len(recorded))
	}
	checkRows(t, "pkits", found)
}

func writeGzip(t *testing.T, name string, value any) {
	t.Helper()
	var out bytes.Buffer
	w := testpki.Must(gzip.NewWriterLevel(&out, gzip.BestCompression))
	if err := json.NewEncoder(w).Encode(value); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGzip(t *testing.T, name string, value any) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := json.NewDecoder(testpki.Must(gzip.NewReader(file))).Decode(value); err != nil {
		t.Fatal(err)
	}
}

// mutants are so many; the seed makes them the same in each run.
const mutants = 10_000

// TestDifferentialMutants alters the files: a bit, a byte, a length, or the end.
// A difference in whether a mutant is taken, or in an accessor, is counted by
// what both sides say.
func TestDifferentialMutants(t *testing.T) {
	p := startPeer(t)
	bases := slices.DeleteFunc(vectors(t), func(f input) bool {
		return len(f.data) > 8<<10 || f.kind == "pkcs12" && strings.Contains(f.name, "PKITS")
	})
	random := rand.New(rand.NewPCG(2026, 11))
	counted := map[row]int{}
	agreed := 0
	for range mutants {
		base := bases[random.IntN(len(bases))]
		data := mutate(random, base.data)
		theirs, ours := p.ask(base.kind, data)
		rows := compare(t, base.kind, theirs, ours)
		for _, r := range rows {
			if r.Accessor != "accept" {
				r.Peer, r.Ours = shape(r.Peer), shape(r.Ours)
			}
			counted[r]++
		}
		if len(rows) == 0 {
			agreed++
		}
	}
	var found []row
	for r, count := range counted {
		r.Count = count
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Input, b.Input), cmp.Compare(a.Accessor, b.Accessor), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Ours, b.Ours))
	})
	t.Logf("%d of %d mutants agree in all; %d rows of differences", agreed, mutants, len(found))
	checkRows(t, "mutants", found)
}

// shape keeps of a value whether it is an error.
func shape(value string) string {
	if value == `"error"` {
		return "an error"
	}
	return "a value"
}

// mutate returns an altered copy: PEM is altered below its base64.
func mutate(random *rand.Rand, data []byte) []byte {
	if block, _ := pem.Decode(data); block != nil && block.Headers["DEK-Info"] == "" {
		block.Bytes = mutate(random, block.Bytes)
		return pem.EncodeToMemory(block)
	}
	if len(data) == 0 {
		return data
	}
	data = bytes.Clone(data)
	at := random.IntN(len(data))
	switch random.IntN(4) {
	case 0:
		data[at] ^= 1 << random.IntN(8)
	case 1:
		data[at] = byte(random.IntN(256))
	case 2: // a small number, which lengths often are
		data[at] += byte(random.IntN(5)) - 2
	case 3:
		data = data[:at]
	}
	return data
}
