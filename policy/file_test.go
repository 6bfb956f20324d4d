package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

func demoDomain(t testing.TB) spiffeid.TrustDomain { return id(t, "web").TrustDomain() }

func silent(string, string) string { return "" }

const aFile = `// ours; not a statement
group "ops" = ["ann", "team/bob", "spiffe://prod.example/eve"];
group "none" = [];

@id("ops-anywhere") @because("a ; in it")
permit (principal in Group::"ops", action, resource); // with a remark
/* and
another */ @id("b")
forbid (principal, action, resource)
unless { principal in Group::"ops" };
`

func TestParseFile(t *testing.T) {
	file, err := ParseFile(aFile, demoDomain(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{
		{"ops-anywhere", "@id(\"ops-anywhere\") @because(\"a ; in it\")\npermit (principal in Group::\"ops\", action, resource);\n"},
		{"b", "@id(\"b\")\nforbid (principal, action, resource)\nunless { principal in Group::\"ops\" };\n"},
	}
	if diff := cmp.Diff(want, file.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if len(file.Groups) != 2 || len(file.Groups[0].Members) != 3 || file.Groups[0].Members[2].String() != "spiffe://prod.example/eve" || len(file.Groups[1].Members) != 0 {
		t.Errorf("groups %v", file.Groups)
	}
	if _, err := file.Set(); err != nil {
		t.Error(err)
	}
	again, err := ParseFile(file.Write(demoDomain(t), silent), demoDomain(t))
	if err != nil || !cmp.Equal(again.Rules, file.Rules) {
		t.Errorf("written and read again: %v, %v", again, err)
	}
	bare := File{Rules: []Rule{{"c", "permit (principal, action, resource);"}}}
	if text := bare.Write(demoDomain(t), silent); text != "@id(\"c\")\npermit (principal, action, resource);\n" {
		t.Errorf("a rule without @id is written as %q", text)
	}
}

// A mistake is placed in the file, whether a statement has it or a rule.
func TestFileRefuses(t *testing.T) {
	const rule = "@id(\"a\")\npermit (principal, action, resource);\n"
	for _, test := range []struct {
		name, text   string
		line, column int
		message      string
	}{
		{"no end", rule + "@id(\"b\") permit (principal, action, resource)", 3, 1, "a semicolon is missing"},
		{"no name", rule + "\npermit (principal, action, resource);", 4, 1, "this rule has no name"},
		{"two names alike", rule + rule, 3, 1, "two rules are called a"},
		{"no Cedar", "\n\n" + `group "g" = []; @id("a") permit (who);`, 3, 37, "got who want principal"},
		{"unknown group", "\n" + `@id("a")` + "\n" + `permit (principal in Group::"ops", action, resource);`, 3, 22, "there is no group ops"},
		{"attribute", rule + `@id("b") permit (principal, action, resource) when { principal.team == 1 };`, 3, 64, `"team" is not known`},
		{"a group without a name", "group = [];", 1, 7, `a group is written group "NAME"`},
		{"a group without members", `group "ops";`, 1, 12, `a group is written group "NAME"`},
		{"a member without quotes", `group "ops" = [ann];`, 1, 16, `a group is written group "NAME"`},
		{"members without commas", `group "ops" = ["ann" "bob"];`, 1, 22, `a group is written group "NAME"`},
		{"more in a group", `group "ops" = ["ann"] "bob";`, 1, 23, `a group is written group "NAME"`},
		{"a member that is none", `group "ops" = ["a b"];`, 1, 16, `"a b" is no member`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, err := ParseFile(test.text, demoDomain(t))
			if err == nil {
				_, err = file.Set()
			}
			got, ok := fault.Of(err)
			if !ok || !strings.Contains(got.Message, test.message) {
				t.Fatalf("error is %v, want %q", err, test.message)
			}
			if at, _ := got.Detail.(Position); at.Line != test.line || at.Column != test.column {
				t.Errorf("it is placed at %d:%d, want %d:%d: %s", at.Line, at.Column, test.line, test.column, got.Message)
			}
		})
	}
	for name, text := range map[string]string{"too long": strings.Repeat(" ", maxFileBytes+1), "not UTF-8": "\xff"} {
		if _, err := ParseFile(text, demoDomain(t)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Any text is refused with a place in it, or is a file that reads back the same.
func FuzzParseFile(f *testing.F) {
	f.Add(aFile)
	for _, text := range []string{"", "group", `group "a" = [`, `group "a" = ["b",];`, "@id(\"", ";;", "@id(\"a\");", "group \"\\x00\" = [\"\\u{61}\"];"} {
		f.Add(text)
	}
	domain := demoDomain(f)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParseFile(text, domain)
		if err == nil {
			_, err = file.Set()
		}
		if err != nil {
			refused, ok := fault.Of(err)
			if !ok || refused.Hint == "" || strings.ContainsAny(refused.Message, "\n\x1b") {
				t.Fatalf("error is %q", err)
			}
			if at, ok := refused.Detail.(Position); ok && (at.Line < 0 || at.Line > 2+strings.Count(text, "\n")) { // a rule ends with a line's end of ours
				t.Fatalf("%v is not in the file", at)
			}
			return
		}
		written := file.Write(domain, silent)
		again, err := ParseFile(written, domain)
		if err != nil || !cmp.Equal(again.Rules, file.Rules) || len(again.Groups) != len(file.Groups) {
			t.Fatalf("%v: it reads back otherwise:\n%s", err, written)
		}
	})
}
