package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run "^TestDocument$" . -update

var update = flag.Bool("update", false, "rewrite golden files")

// page is the contract, which is made of the declarations.
const page = "../../docs/metrics.md"

func TestDocument(t *testing.T) {
	want := document()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what declared.go says; next: go generate ./internal/metrics", page)
	}
}

func document() string {
	var out strings.Builder
	out.WriteString(`# Metrics

<!-- Written by "go generate ./internal/metrics" from declared.go. Do not edit. -->

A status port answers ` + "`GET /metrics` in Prometheus's text form (version 0.0.4), `GET /healthz` with 200 while the process runs, and `GET /readyz` with 200 while it does its work; otherwise with 503 and a line for each reason" + `. The authority has one on loopback (` + "`authority serve --status`, and `up`" + `); a proxy where its configuration says ` + "`status = \"127.0.0.1:9090\"`" + `. It is in the clear, so it answers this machine alone unless it is told otherwise; who reads it from elsewhere best reads it through a proxy's service.

Metrics are added, and never renamed or given another meaning. Counters begin at 0 with each start. Of a label's values there are at most as many as its row says; what is beyond counts as ` + "`other`" + `. No label has a text that a peer or a client chose.
`)
	part := func(title, prefix string) {
		fmt.Fprintf(&out, "\n## %s\n\n| metric | type | unit | meaning |\n|---|---|---|---|\n", title)
		for _, m := range Declared() {
			if strings.HasPrefix(m.Name, prefix) {
				name := "`" + m.Name
				if len(m.Labels) > 0 {
					name += "{" + strings.Join(m.labelNames(), ",") + "}"
				}
				fmt.Fprintf(&out, "| %s` | %s | %s | %s |\n", name, m.Kind, m.Unit, m.Meaning)
			}
		}
		fmt.Fprint(&out, "\n| label | values | at most |\n|---|---|---|\n")
		var seen []string
		for _, m := range Declared() {
			for _, label := range m.Labels {
				if strings.HasPrefix(m.Name, prefix) && !slices.Contains(seen, label.Name) {
					seen = append(seen, label.Name)
					fmt.Fprintf(&out, "| `%s` | %s | %d |\n", label.Name, label.Values, label.Most)
				}
			}
		}
	}
	part("A proxy's", "signet_proxy_")
	part("An authority's", "signet_authority_")
	fmt.Fprintf(&out, "\nHistograms have the upper bounds %v seconds.\n", strings.Trim(fmt.Sprint(buckets), "[]"))
	return out.String()
}

// TestDeclared holds names to their form: units and kinds as they are called in the
// Prometheus documentation.
func TestDeclared(t *testing.T) {
	form := regexp.MustCompile(`^signet_(proxy|authority)_[a-z_]+$`)
	seen := map[string]bool{}
	for _, m := range Declared() {
		switch {
		case !form.MatchString(m.Name):
			t.Errorf("%s: the name", m.Name)
		case seen[m.Name]:
			t.Errorf("%s is declared twice", m.Name)
		case (m.Kind == Counter) != strings.HasSuffix(m.Name, "_total"):
			t.Errorf("%s: a counter's name, and no other, ends in _total", m.Name)
		case m.Unit == "seconds" && !strings.HasSuffix(m.Name, "_seconds"):
			t.Errorf("%s: the unit is to be in the name", m.Name)
		case m.Unit == "" || !strings.HasSuffix(m.Meaning, "."):
			t.Errorf("%s: its unit or meaning", m.Name)
		}
		seen[m.Name] = true
		for _, label := range m.Labels {
			if label.Most < 1 || label.Most > 100 || label.Values == "" {
				t.Errorf("%s: label %s has no bound or no values", m.Name, label.Name)
			}
		}
	}
}
