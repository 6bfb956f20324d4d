package config_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// section is a table of keys: a struct, and its title.
type section struct{ name, title string }

// pages are the references of all keys, which are made of the comments in a file.
var pages = []struct {
	page, source, intro, example string
	sections                     []section
}{
	{"../../../docs/proxy-config.md", "config.go", proxyIntro, "testdata/example.toml", []section{
		{"File", "## The file"}, {"Identity", "## `[[identity]]`"}, {"Service", "## `[[service]]`"}, {"Door", "## `[[door]]`"}, {"Common", "## Both `[[service]]` and `[[door]]`"},
	}},
	{"../../../docs/agent-config.md", "agent.go", agentIntro, "testdata/agent.toml", []section{{"Agent", "## The file"}, {"Write", "## `[[write]]`"}}},
}

const proxyIntro = `# A proxy's configuration

<!-- Written by "go generate ./internal/proxy/config" from the comments in config.go. Do not edit. -->

` + "`signet proxy serve --config FILE` reads one TOML file, and `signet proxy lint --config FILE` says whether it would be served. A key that is not on this page is refused, with its line. Time spans are written as `30s`, `5m` or `12h`; paths are relative to the file's folder.\n" + `
SIGHUP reads the file anew: all of it is put in force, or, if anything is wrong, nothing. ` + "`host` and `trust_domain` take a new start.\n"

const agentIntro = `# An agent's configuration

<!-- Written by "go generate ./internal/proxy/config" from the comments in agent.go. Do not edit. -->

` + "`signet agent --config FILE` reads one TOML file, or takes the same as flags. A key that is not on this page is refused, with its line. Time spans are written as `30s`, `5m` or `12h`; paths are relative to the file's folder. What it does: [agent.md](agent.md).\n"

func TestDocument(t *testing.T) {
	for _, p := range pages {
		want := document(t, p.source, p.intro, p.example, p.sections)
		if *update {
			if err := os.WriteFile(p.page, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(p.page)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != want {
			t.Errorf("%s is not what %s says; next: go generate ./internal/proxy/config", p.page, p.source)
		}
	}
}

func document(t *testing.T, source, intro, example string, sections []section) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok {
			if table, ok := spec.Type.(*ast.StructType); ok {
				structs[spec.Name.Name] = table
			}
		}
		return true
	})
	var out strings.Builder
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%s\nAn example:\n\n```toml\n%s```\n", intro, text)
	for _, section := range sections {
		fmt.Fprintf(&out, "\n%s\n\n| key | what it means | default |\n|---|---|---|\n", section.title)
		table := structs[section.name]
		if table == nil {
			t.Fatalf("there is no struct %s", section.name)
		}
		for _, field := range table.Fields.List {
			if field.Tag != nil && len(field.Names) == 1 {
				out.WriteString(row(t, field))
			}
		}
	}
	return out.String()
}

// row describes one key.
func row(t *testing.T, field *ast.Field) string {
	t.Helper()
	text, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		t.Fatal(err)
	}
	tag := reflect.StructTag(text)
	key := tag.Get("toml")
	said := strings.Join(strings.Fields(field.Doc.Text()), " ")
	if said == "" {
		t.Errorf("%s has no comment that says what it means", key)
	}
	if values := tag.Get("values"); values != "" && !strings.Contains(said, "`"+strings.Split(values, ", ")[0]+"`") {
		t.Errorf("the comment of %s does not say what %s means", key, values)
	}
	if example := tag.Get("example"); example != "" {
		if !strings.HasPrefix(example, "[") {
			example = strconv.Quote(example)
		}
		said += " Such as `" + key + " = " + example + "`."
	}
	standard := ""
	switch {
	case tag.Get("need") != "":
		standard = "needed"
	case tag.Get("default") != "":
		standard = "`" + tag.Get("default") + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", key, strings.ReplaceAll(said, "|", `\|`), standard)
}
