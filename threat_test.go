package signet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const threatPage = "docs/threat-model.md"

// TestThreats holds the threat model to tests that exist: each threat has one at
// least, and every one that it names is there.
func TestThreats(t *testing.T) {
	test := regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)`")
	story := regexp.MustCompile("story `([a-z_]+)`")
	rows := 0
	for line := range strings.Lines(read(t, threatPage)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat ") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("%d cells, not 4: %s", len(cells), line)
			continue
		}
		shown := 0
		for _, match := range test.FindAllStringSubmatch(cells[3], -1) {
			shown++
			if !hasTest(t, match[1], match[2]) {
				t.Errorf("%s names %s.%s, and there is no such test", threatPage, match[1], match[2])
			}
		}
		for _, match := range story.FindAllStringSubmatch(cells[3], -1) {
			shown++
			if _, err := os.Stat("cmd/signet/testdata/" + match[1] + ".txtar"); err != nil {
				t.Errorf("%s names a story that is not there: %v", threatPage, err)
			}
		}
		if shown == 0 || shown != strings.Count(cells[3], "`")/2 {
			t.Errorf("what shows it cannot be read, or is nothing: %s", cells[3])
		}
	}
	if rows < 20 {
		t.Errorf("only %d threats were looked at", rows)
	}
}

// hasTest reports whether a package, "signet" being this one, has a test.
func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	folder := filepath.FromSlash(pkg)
	if pkg == "signet" {
		folder = "."
	}
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(read(t, file), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}
