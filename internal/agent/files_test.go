package agent

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// fileRig is a folder with the truth of a proxy that holds web.
type fileRig struct {
	t      *testing.T
	dir    string
	config FilesConfig
	pki    *testpki.PKI
	logged *bytes.Buffer
	views  []*View // that were enforced
}

// Enforce implements Enforcer.
func (r *fileRig) Enforce(view *View) api.Applied {
	r.views = append(r.views, view)
	return api.Applied{Revision: view.Revision}
}

// Cut implements Enforcer.
func (*fileRig) Cut(api.Cut) {}

// Live implements Enforcer.
func (r *fileRig) Live() []api.Conn { return nil }

// permitAll is a file of one rule.
func permitAll(name string) string {
	return "@id(\"" + name + "\")\npermit (principal, action, resource);\n"
}

func newFileRig(t *testing.T) *fileRig {
	t.Helper()
	r := &fileRig{t: t, dir: t.TempDir(), pki: testpki.Must(testpki.New(time.Now())), logged: &bytes.Buffer{}}
	domain := testpki.Must(spiffeid.ParseTrustDomain("test.signet"))
	web := testpki.Must(domain.ID("web"))
	r.write("roots.pem", string(r.pki.Root.Leaf().PEM()))
	r.write("web.pem", string(testpki.Must(testpki.Must(r.pki.Workload(web.String())).PEM())))
	r.write("rules/a.cedar", permitAll("a"))
	r.config = FilesConfig{TrustDomain: domain, Roots: Path{r.path("roots.pem"), "proxy.toml:1"}, Policy: Path{r.path("rules"), "proxy.toml:2"},
		Held: []Held{{ID: web, Chain: Path{r.path("web.pem"), "proxy.toml:3"}}}, Logger: slog.New(slog.NewTextHandler(r.logged, nil))}
	return r
}

func (r *fileRig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *fileRig) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// TestOpenFilesRefuses says what is wrong, and where that was named.
func TestOpenFilesRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*fileRig)
		code  fault.Code
		says  string
	}{
		{"no roots", func(r *fileRig) { os.Remove(r.path("roots.pem")) }, verify.RootsUnreadable, "proxy.toml:1: "},
		{"an empty file of roots", func(r *fileRig) { r.write("roots.pem", "") }, verify.RootsUnreadable, "proxy.toml:1: "},
		{"a leaf for a root", func(r *fileRig) {
			r.write("roots.pem", string(testpki.Must(r.pki.Workload("spiffe://test.signet/x")).Leaf().PEM()))
		}, verify.RootsIsLeaf, "proxy.toml:1: "},
		{"no rules", func(r *fileRig) { r.config.Policy.Name = r.path("none.cedar") }, policy.InvalidRule, "proxy.toml:2: "},
		{"a rule that is none", func(r *fileRig) { r.write("rules/b.cedar", "// one\n\n@id(\"b\") permit (x);") }, policy.InvalidRule, "/rules/b.cedar:3: rule b"},
		{"a rule without a name", func(r *fileRig) { r.write("rules/b.cedar", "permit (principal, action, resource);") }, policy.InvalidRule, "/rules/b.cedar: line 1, column 1"},
		{"two rules of one name", func(r *fileRig) {
			r.write("rules/b.cedar", permitAll("x"))
			r.write("rules/c.cedar", permitAll("y")+permitAll("x"))
		}, policy.DuplicateRule, "/rules/c.cedar:3: "},
		{"another identity", func(r *fileRig) {
			r.write("web.pem", string(testpki.Must(testpki.Must(r.pki.Workload("spiffe://test.signet/ops")).PEM())))
		}, identity.Unfit, "proxy.toml:3: "},
		{"no key", func(r *fileRig) {
			r.write("web.pem", string(testpki.Must(r.pki.Workload("spiffe://test.signet/web")).ChainPEM()))
		}, identity.Unreadable, "proxy.toml:3: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newFileRig(t)
			test.spoil(r)
			_, err := OpenFiles(r.config)
			ours, ok := fault.Of(err)
			if !ok || ours.Code != test.code || !strings.Contains(ours.Message, test.says) || ours.Hint == "" {
				t.Errorf("%v; want %s that says %q, and a hint", err, test.code, test.says)
			}
		})
	}
}

// TestFilesFollow puts in force what changes: rules and roots together or not at
// all, and nothing twice.
func TestFilesFollow(t *testing.T) {
	r := newFileRig(t)
	f, err := OpenFiles(r.config)
	if err != nil {
		t.Fatal(err)
	}
	f.Begin(r)
	want := func(what string, views, rules int) {
		t.Helper()
		f.look()
		if len(r.views) != views || f.Rules() != rules || f.Roots() != r.views[len(r.views)-1].roots || r.views[len(r.views)-1].Revision != int64(views) {
			t.Errorf("%s: %d views and %d rules are in force, want %d and %d", what, len(r.views), f.Rules(), views, rules)
		}
	}
	want("nothing changed", 1, 1)
	r.write("rules/b.cedar", permitAll("b"))
	want("a file of rules more", 2, 2)
	r.write("rules/ignored.txt", "permit (x);")
	want("no file of rules", 2, 2)
	before := f.Roots()
	r.write("rules/b.cedar", permitAll("b")+"// the same\n")
	want("a comment", 2, 2)
	r.write("roots.pem", "nothing")
	r.write("rules/b.cedar", "")
	want("the roots cannot be used", 2, 2)
	f.look()
	if n := strings.Count(r.logged.String(), "cannot be used; those before stay in force"); n != 1 {
		t.Errorf("the same was logged %d times: %s", n, r.logged)
	}
	r.write("roots.pem", string(r.pki.Root.Leaf().PEM()))
	want("they can again", 3, 1)
	if f.Roots() != before {
		t.Error("the same roots are other ones")
	}
	r.write("roots.pem", string(testpki.Must(testpki.New(time.Now())).Root.Leaf().PEM()))
	want("others", 4, 1)
	if f.Roots() == before {
		t.Error("other roots are the same")
	}
	next := r.config
	next.Policy.Name = r.path("rules/none.cedar")
	if err := f.Reload(next, func(func()) error { t.Error("what is wrong was put in force"); return nil }); err == nil {
		t.Error("a reload takes rules that are not there")
	}
	next.Policy.Name = r.path("rules/b.cedar")
	if err := f.Reload(next, func(commit func()) error { return os.ErrInvalid }); err == nil {
		t.Error("a reload does not tell why it was refused")
	}
	want("a reload that was refused", 4, 1)
	if err := f.Reload(next, func(commit func()) error { commit(); return nil }); err != nil {
		t.Error(err)
	}
	want("a reload", 5, 0)
}

// TestFilesOfAnother holds that an identity stays the one that was named, whatever
// certificate takes the place of its own.
func TestFilesOfAnother(t *testing.T) {
	r := newFileRig(t)
	f, err := OpenFiles(r.config)
	if err != nil {
		t.Fatal(err)
	}
	f.Begin(r)
	web := r.config.Held[0].ID
	r.write("web.pem", string(testpki.Must(testpki.Must(r.pki.Workload("spiffe://test.signet/ops")).PEM())))
	f.look()
	if credential, err := f.Source(web).Credential(); err != nil || credential.Leaf().ID() != web {
		t.Errorf("it speaks as %v (%v)", credential.Leaf().ID(), err)
	}
	if !strings.Contains(r.logged.String(), "is the certificate of spiffe://test.signet/ops") {
		t.Errorf("the log says %s", r.logged)
	}
}
