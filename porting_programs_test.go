package signet_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const programsPage = "docs/porting-from-pyopenssl.md"

// TestPortingPrograms holds every piece of code of the page to the program that
// it is from, every mistake of the programs to the page, and what the page names
// to what there is.
func TestPortingPrograms(t *testing.T) {
	page := read(t, programsPage)
	programs := map[string][]string{
		"python": {"examples/seed1/wrong.py", "examples/seed2/wrong.py"},
		"go":     {"examples/seed1/main.go", "examples/seed2/main.go"},
	}
	for language, files := range programs {
		found := fences(t, programsPage, language)
		if len(found) == 0 {
			t.Errorf("%s shows no %s", programsPage, language)
		}
		for _, piece := range found {
			if !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(flat(read(t, file)), flat(piece)) }) {
				t.Errorf("%s shows what none of %s has:\n%s", programsPage, files, piece)
			}
		}
	}
	sections := strings.Split(page, "\n## ")[2:] // one for each program
	for i, file := range programs["python"] {
		for _, mistake := range words(`# ([0-9])\. `, read(t, file)) {
			if !regexp.MustCompile(`[Mm]istakes? [^.,]*\b` + mistake + `\b`).MatchString(spelledOut(sections[i])) {
				t.Errorf("%s does not explain mistake %s of %s", programsPage, mistake, file)
			}
		}
	}
	calls := newCalls(t, fences(t, portingPage, "go")[0])
	for _, span := range spans(withoutCode(page)) {
		var err error
		switch {
		case provenBy.MatchString(span) || strings.HasSuffix(span, ".txtar"):
			err = proofProblem(span)
		case calls.knows(span):
			err = calls.problem(span)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", programsPage, span, err)
		}
	}
}

// flat leaves out how far lines stand in.
func flat(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

// spelledOut writes “1 to 3” as “1 2 3”.
func spelledOut(text string) string {
	return regexp.MustCompile(`([0-9]) to ([0-9])`).ReplaceAllStringFunc(text, func(span string) string {
		var all []string
		for digit := span[0]; digit <= span[len(span)-1]; digit++ {
			all = append(all, string(digit))
		}
		return strings.Join(all, " ")
	})
}
