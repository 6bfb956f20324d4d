package signet_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
)

var update = flag.Bool("update", false, "record the names of the installed pyOpenSSL")

const (
	portingPage   = "docs/pyopenssl.md"
	recordedNames = "testdata/pyopenssl/names.json"   // of the pinned release
	removedNames  = "testdata/pyopenssl/removed.json" // with the release that removed each
)

// pyNames are pyOpenSSL's public names: "" for those of the pinned release,
// else the release that removed it.
type pyNames map[string]string

func readPyNames(t *testing.T) pyNames {
	t.Helper()
	var pinned struct {
		Version string
		Names   []string
	}
	names := pyNames{}
	for file, into := range map[string]any{recordedNames: &pinned, removedNames: &names} {
		if err := json.Unmarshal([]byte(read(t, file)), into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for _, name := range pinned.Names {
		if release, ok := names[name]; ok {
			t.Errorf("%s says that %s removed %s, which %s has", removedNames, release, name, pinned.Version)
		}
		names[name] = ""
	}
	if !strings.Contains(read(t, portingPage), "pyOpenSSL "+pinned.Version) {
		t.Errorf("%s is not about pyOpenSSL %s", portingPage, pinned.Version)
	}
	return names
}

// portingRow is one row of the guide's tables.
type portingRow struct {
	names   []string // in full, such as crypto.X509.get_subject
	removed string   // the release that removed them, or ""
	answer  string
	proof   string
}

var (
	portingLine = regexp.MustCompile(`(?m)^\| (.+?) \| (.+) \| (.+) \| (.+) \|$`)
	removedIn   = regexp.MustCompile(`^ removed in ([0-9.]+)$`)
)

// portingRows returns the rows of all tables whose first column is pyOpenSSL's.
func portingRows(page string) (rows []portingRow) {
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		owner := quotedName.FindStringSubmatch(title)
		if owner == nil {
			continue
		}
		for _, cells := range portingLine.FindAllStringSubmatch(text, -1) {
			if cells[1] == "pyOpenSSL" {
				continue
			}
			row := portingRow{names: namesOf(owner[1], cells[1]), answer: cells[3], proof: cells[4]}
			if release := removedIn.FindStringSubmatch(cells[1][strings.LastIndex(cells[1], "`")+1:]); release != nil {
				row.removed = release[1]
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// namesOf returns the names of a cell in full: the heading has what stands
// before a dot.
func namesOf(owner, cell string) []string {
	names := spans(cell)
	for i, name := range names {
		if strings.HasPrefix(name, ".") {
			names[i] = owner + name
		}
	}
	return names
}

// mistakeRows returns the rows of the table of mistakes, each of one name.
func mistakeRows(page string) (rows []portingRow) {
	_, page, _ = strings.Cut(page, "\n## What pyOpenSSL lets through\n")
	page, _, _ = strings.Cut(page, "\n## ")
	for _, cells := range portingLine.FindAllStringSubmatch(page, -1) {
		if name := spans(cells[1]); len(name) == 1 {
			rows = append(rows, portingRow{names: name, answer: cells[3], proof: cells[4]})
		}
	}
	return rows
}

// spans returns what stands in backquotes.
func spans(text string) (found []string) {
	for _, quoted := range quotedName.FindAllStringSubmatch(text, -1) {
		found = append(found, quoted[1])
	}
	return found
}

// comparePorting returns every difference between the rows and pyOpenSSL's
// names, as a line that names both.
func comparePorting(rows []portingRow, names pyNames) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	for _, row := range rows {
		for _, name := range row.names {
			removed, known := names[name]
			switch {
			case !known:
				report("%s has a row for %s, which pyOpenSSL never had", portingPage, name)
			case removed != row.removed:
				report("%s says of %s %q, and pyOpenSSL removed it in %q (empty: it has it)", portingPage, name, row.removed, removed)
			case seen[name]:
				report("%s has %s twice: once is enough", portingPage, name)
			}
			seen[name] = true
		}
	}
	for name := range names {
		if !seen[name] {
			report("%s has no row for %s: say what does it here, or why nothing does", portingPage, name)
		}
	}
	slices.Sort(broken)
	return broken
}

// answerProblem says what is wrong with the shape of a row's answer: a call
// needs its proof, and what has none says why.
func answerProblem(row portingRow) string {
	later, refused := strings.Contains(row.answer, "later: "), strings.HasPrefix(row.answer, "not offered")
	if later && row.answer != "later: DTLS" && row.answer != "later: SRTP, with DTLS" {
		return "only DTLS and SRTP come later"
	}
	proofs := spans(row.proof)
	switch {
	case refused && len(proofs) > 0:
		return "what is not offered cannot be proved"
	case len(proofs) == 0 && row.proof != "–":
		return "its proof is neither tests nor –"
	case len(proofs) == 0 && !later && !refused:
		return "it has no proof, and says neither later nor not offered"
	case len(proofs) > 0 && len(spans(row.answer)) == 0:
		return "it has a proof, and no call that is proved"
	}
	return ""
}

// TestPortingNames holds the guide to the names of pyOpenSSL.
func TestPortingNames(t *testing.T) {
	for _, broken := range comparePorting(portingRows(read(t, portingPage)), readPyNames(t)) {
		t.Error(broken)
	}
}

// TestPortingIsRecorded holds the record to the pyOpenSSL that is installed.
func TestPortingIsRecorded(t *testing.T) {
	installed := python(t, "", "testdata/pyopenssl/record.py")
	if *update {
		if err := os.WriteFile(recordedNames, []byte(installed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, recordedNames), installed); diff != "" {
		t.Errorf("%s is not what pyOpenSSL has; next: go test . -run TestPortingIsRecorded -update\n(-recorded +installed)\n%s", recordedNames, diff)
	}
}

// python runs a program of the pinned environment, and returns what it prints.
func python(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), peers.Python(t), args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, stderr.String())
	}
	return string(stdout)
}

// TestPortingMistakes makes each mistake that the guide warns of.
func TestPortingMistakes(t *testing.T) {
	want := map[string]bool{"unknown_root": false, "revoked_and_asked_for": false} // the script's own controls: these are refused
	for _, row := range mistakeRows(read(t, portingPage)) {
		want[row.names[0]] = true
	}
	have := map[string]bool{}
	if err := json.Unmarshal([]byte(python(t, "", "testdata/pyopenssl/mistakes.py")), &have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("pyOpenSSL lets through other mistakes than %s says (-page +measured):\n%s", portingPage, diff)
	}
}

func TestPortingReports(t *testing.T) {
	names := pyNames{"crypto.X": "", "crypto.X.a": "", "crypto.X.b": "24.3.0"}
	const head = "\n## `crypto.X`: a thing\n\n| pyOpenSSL | what it does | in Signet | proved by |\n|---|---|---|---|\n"
	const first = "| `crypto.X`, `.a` | it is | `pki.X` | `pki.TestX` |\n"
	tests := []struct {
		name, page string
		want       []string
	}{
		{"all there", first + "| `.b` removed in 24.3.0 | b | `pki.B` | `pki.TestB` |\n", nil},
		{"one missing", first, []string{"docs/pyopenssl.md has no row for crypto.X.b: say what does it here, or why nothing does"}},
		{"removed, it says", "| `crypto.X`, `.a`, `.b` removed in 24.3.0 | b | `pki.B` | `pki.TestB` |\n", []string{
			`docs/pyopenssl.md says of crypto.X "24.3.0", and pyOpenSSL removed it in "" (empty: it has it)`,
			`docs/pyopenssl.md says of crypto.X.a "24.3.0", and pyOpenSSL removed it in "" (empty: it has it)`,
		}},
		{"another release", first + "| `.b` removed in 24.2.0 | b | `pki.B` | `pki.TestB` |\n", []string{
			`docs/pyopenssl.md says of crypto.X.b "24.2.0", and pyOpenSSL removed it in "24.3.0" (empty: it has it)`}},
		{"not removed, it says", first + "| `.b` | b | `pki.B` | `pki.TestB` |\n", []string{
			`docs/pyopenssl.md says of crypto.X.b "", and pyOpenSSL removed it in "24.3.0" (empty: it has it)`}},
		{"never there", first + "| `.b` removed in 24.3.0 | b | x | y |\n| `.c`, `SSL.d` | c | x | y |\n", []string{
			"docs/pyopenssl.md has a row for SSL.d, which pyOpenSSL never had",
			"docs/pyopenssl.md has a row for crypto.X.c, which pyOpenSSL never had",
		}},
		{"twice", first + "| `.b` removed in 24.3.0 | b | x | y |\n| `.a` | a | x | y |\n", []string{"docs/pyopenssl.md has crypto.X.a twice: once is enough"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, comparePorting(portingRows(head+test.page), names)); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestPortingAnswersHaveProofs(t *testing.T) {
	tests := []struct {
		name, answer, proof string
		fits                bool
	}{
		{"call and test", "`pki.X`", "`pki.TestX`", true},
		{"part of it later", "`pki.X`; later: more of it", "`pki.TestX`", false},
		{"later", "later: more of it", "–", false},
		{"DTLS", "later: DTLS", "–", true},
		{"not offered", "not offered: it is unsafe", "–", true},
		{"call alone", "`pki.X`", "–", false},
		{"test alone", "somehow", "`pki.TestX`", false},
		{"neither", "somehow", "–", false},
		{"no proof said", "later: DTLS", "soon", false},
		{"not offered, yet proved", "not offered: it is unsafe, `pki.X`", "`pki.TestX`", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if problem := answerProblem(portingRow{answer: test.answer, proof: test.proof}); (problem == "") != test.fits {
				t.Errorf("have %q, fits: %t", problem, test.fits)
			}
		})
	}
}
