package signet_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	checklistPage = "docs/pyopenssl-tests.md"
	recordedTests = "testdata/pyopenssl/tests.json" // the names of pyOpenSSL's own tests
)

// answeredHere is the kind of a row that names tests of ours; the others are
// reasons, and laterAlone the one whose row of the guide says "later".
const (
	answeredHere = "a test here"
	laterAlone   = "DTLS and SRTP"
)

// checkRow is one row of the checklist.
type checkRow struct {
	tests []string // pyOpenSSL's, in full, such as test_ssl.TestOCSP.test_x
	kind  string   // answeredHere, or a reason
	named []string // tests of ours, or rows of the guide
}

var (
	checkLine  = regexp.MustCompile("(?m)^\\| (`.+?`) \\| (.+) \\| (.+) \\|$")
	countLine  = regexp.MustCompile(`(?m)^\| ([A-Za-z/ ]+) \| ([0-9]+) \| `)
	reasonCell = regexp.MustCompile("^([A-Za-z/ ]+): `")
)

// checkRows returns the rows of all classes of pyOpenSSL's tests.
func checkRows(page string) (rows []checkRow) {
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		for _, cells := range checkLine.FindAllStringSubmatch(text, -1) {
			row := checkRow{tests: namesOf(strings.Trim(title, "`"), cells[1]), kind: answeredHere, named: spans(cells[3])}
			if reason := reasonCell.FindStringSubmatch(cells[3]); reason != nil {
				row.kind = reason[1]
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// compareChecklist returns every difference between the page and the tests that
// pyOpenSSL has, and between its sums and its rows.
func compareChecklist(page string, tests []string) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	seen, sums := map[string]int{}, map[string]int{}
	for _, row := range checkRows(page) {
		sums[row.kind] += len(row.tests)
		for _, test := range row.tests {
			if seen[test]++; !slices.Contains(tests, test) {
				report("pyOpenSSL has no test %s", test)
			}
		}
	}
	for _, test := range tests {
		if seen[test] != 1 {
			report("%s has %d rows, want 1", test, seen[test])
		}
	}
	for _, line := range countLine.FindAllStringSubmatch(page, -1) {
		if have := fmt.Sprint(sums[line[1]]); have != line[2] {
			report("the page says %s of %q, and its rows are %s", line[2], line[1], have)
		}
		delete(sums, line[1])
	}
	for kind, sum := range sums {
		report("%d rows say %q, which is no answer of the page's", sum, kind)
	}
	slices.Sort(broken)
	return broken
}

// TestPortingChecklist holds the page to pyOpenSSL's tests, to ours, and to the
// guide: a reason names a row of it.
func TestPortingChecklist(t *testing.T) {
	var recorded struct {
		Version string
		Names   []string
	}
	if err := json.Unmarshal([]byte(read(t, recordedTests)), &recorded); err != nil {
		t.Fatal(err)
	}
	page := read(t, checklistPage)
	if !strings.Contains(page, fmt.Sprintf("pyOpenSSL %s is tested by %d functions", recorded.Version, len(recorded.Names))) {
		t.Errorf("%s does not say how many tests pyOpenSSL %s has: %d", checklistPage, recorded.Version, len(recorded.Names))
	}
	for _, broken := range compareChecklist(page, recorded.Names) {
		t.Errorf("%s: %s", checklistPage, broken)
	}
	guide := map[string]portingRow{}
	for _, row := range portingRows(read(t, portingPage)) {
		for _, name := range row.names {
			guide[name] = row
		}
	}
	for _, row := range checkRows(page) {
		if len(row.named) == 0 {
			t.Errorf("%s, row of %s: nothing is named", checklistPage, row.tests[0])
		}
		for _, named := range row.named {
			if row.kind == answeredHere {
				if err := proofProblem(named); err != nil {
					t.Errorf("%s, row of %s: %v", checklistPage, row.tests[0], err)
				}
				continue
			}
			said, ok := guide[named]
			if later := strings.Contains(said.answer, "later: "); !ok || later != (row.kind == laterAlone) {
				t.Errorf("%s, row of %s: %s says of %s %q, which is no reason of this kind", checklistPage, row.tests[0], portingPage, named, said.answer)
			}
		}
	}
}

func TestPortingChecklistReports(t *testing.T) {
	const sums = "| a test here | 1 | |\n| Python itself | 1 | |\n\n"
	const head = "## `test_x.TestX`\n\n| pyOpenSSL's test | what it holds | here |\n|---|---|---|\n"
	const a, b = "| `.test_a` | a | `pki.TestA` |\n", "| `.test_b` | b | Python itself: `crypto.X` |\n"
	tests := []struct {
		name, page string
		want       []string
	}{
		{"all there", sums + head + a + b, nil},
		{"one missing", sums + head + a, []string{
			"test_x.TestX.test_b has 0 rows, want 1", `the page says 1 of "Python itself", and its rows are 0`}},
		{"twice", sums + head + a + b + b, []string{
			"test_x.TestX.test_b has 2 rows, want 1", `the page says 1 of "Python itself", and its rows are 2`}},
		{"never there", sums + head + b + "| `.test_c` | c | `pki.TestC` |\n", []string{
			"pyOpenSSL has no test test_x.TestX.test_c", "test_x.TestX.test_a has 0 rows, want 1"}},
		{"another reason", sums + head + a + "| `.test_b` | b | nobody asks: `crypto.X` |\n", []string{
			`1 rows say "nobody asks", which is no answer of the page's`, `the page says 1 of "Python itself", and its rows are 0`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, compareChecklist(test.page, []string{"test_x.TestX.test_a", "test_x.TestX.test_b"})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}
