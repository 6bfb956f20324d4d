package pki_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// The differential proof: what pyOpenSSL, cryptography and pyasn1 read in a file,
// and what is read here, agree in every accessor, or the difference is a row of
// testdata/differential.json with its reason. A row without its difference fails
// too.

var rewrite = flag.Bool("rewrite", false, "rewrite the rows of differential.json, keeping reasons, and recorded facts")

// readings is what one side reads in an input, by accessor.
type readings map[string]any

// row is one difference that is known.
type row struct {
	Input    string `json:"input"` // a file and its kind, or a kind of mutants
	Accessor string `json:"accessor"`
	Peer     string `json:"peer"` // what the peer says; of lists, only what differs
	Ours     string `json:"ours"`
	Mutants  string `json:"mutants,omitempty"` // the numbers of those that differ like this
	Reason   string `json:"reason"`
}

// same returns what makes a row the same one, so that it keeps its reason where
// other mutants come to show it.
func (r row) same() row { r.Reason, r.Mutants = "", ""; return r }

// compare returns the differences in one input: in whether it is taken, or, if
// both take it, in each accessor that the peer has.
func compare(t *testing.T, input string, theirs, ours readings) (rows []row) {
	t.Helper()
	if theirs["accept"] != ours["accept"] {
		return []row{{Input: input, Accessor: "accept", Peer: verdict(theirs), Ours: verdict(ours)}}
	}
	if ours["accept"] == false {
		return nil
	}
	for _, accessor := range slices.Sorted(maps.Keys(theirs)) {
		have, want := plain(t, ours[accessor]), plain(t, theirs[accessor])
		if isError(have) && isError(want) {
			continue
		}
		if have, want = differing(t, have, want); text(t, have) != text(t, want) {
			rows = append(rows, row{Input: input, Accessor: accessor, Peer: text(t, want), Ours: text(t, have)})
		}
	}
	return rows
}

// isError reports whether a value is that none can be read.
func isError(value any) bool {
	message, ok := value.(string)
	return ok && strings.HasPrefix(message, "error")
}

// differing drops from two lists of one length what they have in common.
func differing(t *testing.T, have, want any) (any, any) {
	t.Helper()
	a, isList := have.([]any)
	b, areLists := want.([]any)
	if !isList || !areLists || len(a) != len(b) {
		return have, want
	}
	ours, theirs := []any{}, []any{}
	for i := range a {
		if text(t, a[i]) != text(t, b[i]) {
			ours, theirs = append(ours, a[i]), append(theirs, b[i])
		}
	}
	return ours, theirs
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

// plain returns a value as JSON has it.
func plain(t *testing.T, value any) (out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, value)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

const rowsFile = "testdata/differential.json"

// checkRows compares the differences found with the rows of one part of the
// file, where both are to be the same.
func checkRows(t *testing.T, part string, found []row) {
	t.Helper()
	slices.SortFunc(found, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Input, b.Input), cmp.Compare(a.Accessor, b.Accessor), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Ours, b.Ours))
	})
	parts := map[string][]row{}
	data, err := os.ReadFile(rowsFile)
	if err == nil {
		err = json.Unmarshal(data, &parts)
	}
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	known := map[row]row{}
	for _, r := range parts[part] {
		known[r.same()] = r
	}
	for i, r := range found {
		want, ok := known[r.same()]
		delete(known, r.same())
		found[i].Reason = want.Reason
		switch {
		case *rewrite:
		case !ok:
			t.Errorf("a difference without a row: %+v", r)
		case want.Reason == "":
			t.Errorf("a row without a reason: %+v", want)
		case want.Mutants != r.Mutants:
			t.Errorf("other mutants, %s, differ as in the row %+v", r.Mutants, want)
		}
	}
	if *rewrite {
		parts[part] = found
		writeRows(t, parts)
		return
	}
	for _, r := range known {
		t.Errorf("a row without its difference: %+v", r)
	}
	logReasons(t, found)
}

func writeRows(t *testing.T, parts map[string][]row) {
	t.Helper()
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

// logReasons counts the rows by reason, the most first.
func logReasons(t *testing.T, rows []row) {
	t.Helper()
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.Reason] += max(1, len(strings.Fields(r.Mutants)))
	}
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, reason := range reasons {
		t.Logf("%5d: %s", counts[reason], reason)
	}
}

func TestDifferentialVectors(t *testing.T) {
	p := startPeer(t)
	var found []row
	answers, counts, unique := 0, map[string]int{}, map[string]bool{}
	for _, file := range vectors(t) {
		theirs, ours := p.ask(file.kind, file.data)
		found = append(found, compare(t, file.name+" as "+file.kind, theirs, ours)...)
		counts[file.kind]++
		answers += len(theirs)
		noteCertificates(unique, file.kind, ours)
	}
	inputs := 0
	for _, count := range counts {
		inputs += count
	}
	t.Logf("%d inputs %v with %d certificates: %d answers, %d differences", inputs, counts, len(unique), answers, len(found))
	for kind, least := range map[string]int{"cert": 500, "csr": 25, "crl": 190, "key": 100, "public": 70, "pkcs7": 200, "pkcs12": 400} {
		if counts[kind] < least {
			t.Errorf("%d files as %s, want %d or more", counts[kind], kind, least)
		}
	}
	checkRows(t, "vectors", found)
}

// noteCertificates keeps the digests of the certificates that were read.
func noteCertificates(unique map[string]bool, kind string, ours readings) {
	if der, ok := ours["der"].(string); ok && kind == "cert" {
		unique[der] = true
	}
	list, _ := ours["certificates"].([]string)
	for _, der := range list {
		unique[der] = true
	}
}

const pkitsFacts = "testdata/pkits.facts.json.gz"

// pkitsKinds says what the files of NIST's suite are, by their folder.
var pkitsKinds = map[string]string{"certs": "cert", "crls": "crl"}

// TestDifferentialPKITS compares the certificates and lists of NIST's suite with
// what the peer has said of them, so that the proof runs where the peer is absent.
func TestDifferentialPKITS(t *testing.T) {
	if *rewrite {
		recordPKITS(t)
	}
	recorded := map[string]readings{}
	readGzip(t, pkitsFacts, &recorded)
	var found []row
	files, answers := 0, 0
	for name, data := range peers.Archive(t, "testdata/pkits.tar.gz") {
		if theirs, ok := recorded[name]; ok {
			files++
			answers += len(theirs)
			found = append(found, compare(t, name, theirs, ourFacts(t, pkitsKinds[path.Dir(name)], data))...)
		}
	}
	if files != 578 || len(recorded) != files {
		t.Errorf("have %d files and %d records, want 578", files, len(recorded))
	}
	t.Logf("%d inputs: %d answers, %d differences", files, answers, len(found))
	checkRows(t, "pkits", found)
}

func recordPKITS(t *testing.T) {
	t.Helper()
	recorded := map[string]readings{}
	p := startPeer(t)
	for name, data := range peers.Archive(t, "testdata/pkits.tar.gz") {
		if kind, ok := pkitsKinds[path.Dir(name)]; ok {
			recorded[name], _ = p.ask(kind, data)
		}
	}
	writeGzip(t, pkitsFacts, recorded)
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
