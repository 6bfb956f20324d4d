package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

func (f fixture) policy() api.Policy {
	origin := api.Origin{By: f.id("operator/ann"), Because: "INC-4411\nmore", Since: 2}
	return api.Policy{TrustDomain: f.td, Revision: 7,
		Rules: []api.PolicyRule{
			{Rule: api.Rule(policy.AllowUntil(policy.Pair{From: f.id("web"), To: f.id("orders")}, noon.AddDate(-20, 0, 0))), Origin: origin},
			{Rule: api.Rule{Name: "ops", Text: `permit (principal in Group::"ops", action, resource);`}, Origin: api.Origin{By: f.id("operator/bob"), Since: 5}},
		},
		Groups: []api.PolicyGroup{{Group: api.Group{Name: "ops", Members: []spiffeid.ID{f.id("ann"), f.id("team/bob")}}, Origin: origin}},
	}
}

// TestPolicyText has a policy that was shown be one that can be edited: it reads
// back as the same rules and groups.
func TestPolicyText(t *testing.T) {
	f := demoFixture(t)
	text := f.view().policyText(f.policy())
	golden(t, "policy", text)
	file, err := policy.ParseFile(text, f.td)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Set(); err != nil {
		t.Error(err)
	}
	if len(file.Rules) != 2 || api.Rule(file.Rules[0]) != f.policy().Rules[0].Rule || len(file.Groups) != 1 {
		t.Errorf("it reads back as %+v", file)
	}
	if from := editedFrom.FindStringSubmatch(text); from == nil || from[1] != "7" {
		t.Errorf("it is edited from %v, want revision 7", from)
	}
}

// TestPolicyFiles runs the commands on files, against an authority that answers
// as it is told.
func TestPolicyFiles(t *testing.T) {
	f := demoFixture(t)
	h := newHost(t)
	var asked string
	var reply any
	address := h.authority(h.domain("demo.signet", "operator/ann"), "authority", func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		io.Copy(body, r.Body)
		asked = body.String()
		answer(http.StatusOK, reply)(w, r)
	})
	h.settings("demo.signet", address)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	valid := write("policy.cedar", f.view().policyText(f.policy()))
	invalid := write("bad.cedar", "// ours\n\n@id(\"a\")\npermit (principal in Group::\"none\", action, resource);\n")
	cases := write("cases.txt", "# who may\nweb orders allowed\nann web   allowed # by ops\nweb → ann denied\n\nbatch orders allowed\n")
	none := write("none.txt", "web orders maybe\n")

	reply = f.change(func(c *api.Change) {
		c.From, c.To, c.Edits = spiffeid.ID{}, spiffeid.ID{}, []api.Edit{{What: "rule", Name: "ops", How: "added"}}
	})
	for _, test := range []struct {
		name  string
		args  []string
		reply any
		code  int
		first string // line of standard output
		asked string // a part of the question
		err   string // a part of standard error
	}{
		{"lint", []string{"policy", "lint", valid}, nil, 0, "Yes: " + valid + " is valid: 2 rules, 1 group.", "", ""},
		{"lint, invalid", []string{"policy", "lint", invalid}, nil, 2, "", "", "rule a, line 4, column 22: there is no group none [rule_entity_unknown]"},
		{"edit", []string{"policy", "edit", valid, "--because", "why"}, reply, 0, "Changed: 1 rule.                                        revision 3, demo.signet", `"revision":7,`, "undo: signet policy undo 3"},
		{"edit, invalid", []string{"policy", "edit", invalid}, reply, 2, "", "", "there is no group none"},
		{"diff", []string{"policy", "diff", valid}, f.change(func(c *api.Change) {
			c.Edits, c.Would = []api.Edit{{What: "rule", Name: "ops", How: "added"}}, &api.Foresight{}
		}), 0, "Would change: 1 rule.                                   nothing was changed", `"dry_run":true`, ""},
		{"test of a file", []string{"policy", "test", cases, "--policy", valid}, nil, 1, "No: 2 of 4 cases are decided otherwise.  [policy_case_differs]", "", ""},
		{"test of what is in force", []string{"policy", "test", cases}, []api.Decision{{Allowed: true}, {Allowed: true}, {}, {Allowed: true}}, 0, "Yes: all 4 cases are decided as wanted.", `{"from":"ann","to":"web"}`, ""},
		{"test, other answer", []string{"policy", "test", cases}, []api.Decision{{}}, 2, "", "", "authority_garbled"},
		{"test, no case", []string{"policy", "test", none}, nil, 2, "", "", "line 1 is no case"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked, reply = "", test.reply
			have := signetMain(t, nil, test.args...)
			if have.code != test.code || !strings.HasPrefix(have.stdout, test.first) || !strings.Contains(have.stderr, test.err) || !strings.Contains(asked, test.asked) {
				t.Errorf("%+v; asked %s", have, asked)
			}
			if test.name == "test of a file" {
				golden(t, "policy-test", have.stdout)
			}
		})
	}
}

func TestParseCases(t *testing.T) {
	have, err := parseCases("a b allowed\n # only a remark\n\n a → c denied\n")
	want := []policyCase{{Line: 1, From: "a", To: "b", Want: true}, {Line: 4, From: "a", To: "c"}}
	if diff := cmp.Diff(want, have); err != nil || diff != "" {
		t.Errorf("%v (-want +have)\n%s", err, diff)
	}
	for _, text := range []string{"", "# nothing", "a b", "a b perhaps", "a b allowed now", strings.Repeat("x", 100_000), strings.Repeat("a b denied\n", maxCases+1)} {
		if _, err := parseCases(text); err == nil {
			t.Errorf("%.40q is taken for cases", text)
		}
	}
}
