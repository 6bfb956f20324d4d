package pki

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/lint.md")

const lintPage = "../docs/lint.md"

// TestLintPage holds docs/lint.md, and the codes, against the tables.
func TestLintPage(t *testing.T) {
	var page bytes.Buffer
	page.WriteString("<!-- Generated from the tables in pki/lint*.go by \"go test ./pki -run TestLintPage -update\". -->\n# Findings\n\n" +
		"What `pki.Lint`, `pki.LintChain` and `pki.LintKeys` say about a certificate, a chain, or several certificates. A code is never renamed or reused. Go, OpenSSL, Python and cryptography are asked in tests whether they refuse it, or some kinds of it; what is said of others is their documentation's.\n")
	all := map[string][]lintRule{}
	for _, rules := range lintRules() {
		all["a certificate"] = append(all["a certificate"], rules...)
	}
	for _, r := range chainRules {
		all["a chain"] = append(all["a chain"], r.lintRule)
	}
	for _, r := range keyRules {
		all["several certificates"] = append(all["several certificates"], r.lintRule)
	}
	seen, code := map[string]bool{}, regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, of := range []string{"a certificate", "a chain", "several certificates"} {
		fmt.Fprintf(&page, "\n## Of %s\n\n| code | severity | rule | refused by | what to do |\n|---|---|---|---|---|\n", of)
		for _, r := range all[of] {
			if seen[r.code] || !code.MatchString(r.code) {
				t.Errorf("the code %q is no code, or another row's", r.code)
			}
			seen[r.code] = true
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", r.code, r.severity, r.rule, strings.Join(r.refusedBy, ", "), r.hint)
		}
	}
	if *update {
		if err := os.WriteFile(lintPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(lintPage); err != nil || !bytes.Equal(have, page.Bytes()) {
		t.Errorf("%s does not follow the tables (%v); next: go test ./pki -run TestLintPage -update", lintPage, err)
	}
}
