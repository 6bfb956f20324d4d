package verify_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

var update = flag.Bool("update", false, "write the golden files")

// TestCases holds every case's code, depth and text against the golden file of
// its name, which says first what is wrong.
func TestCases(t *testing.T) {
	wanted := map[string]bool{}
	for _, test := range fixedCases() {
		t.Run(test.name, func(t *testing.T) {
			report, err := judged(test.chain, test.opts)
			if report == nil {
				t.Fatal(err)
			}
			wantWhole(t, report, err)
			if report.Code != test.code {
				t.Errorf("have the code %q, want %q", report.Code, test.code)
			}
			for _, check := range report.Checks {
				if check.Verdict == verify.Stop && check.Code == test.code && check.Depth != test.depth {
					t.Errorf("it is about the certificate at depth %d, want %d", check.Depth, test.depth)
				}
			}
			name := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(test.name) + ".txt"
			wanted[name] = true
			golden(t, name, "Wrong: "+test.wrong+".\n\n"+text(report))
		})
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".txt") && !wanted[file.Name()] {
			t.Errorf("testdata/%s belongs to no case", file.Name())
		}
	}
}

// judged explains the answer, whatever it is.
func judged(chain []*pki.Certificate, opts verify.Options) (*verify.Report, error) {
	proof, err := verify.Verify(chain, opts)
	if err != nil {
		return verify.ReportOf(err), err
	}
	return proof.Report(), nil
}

func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), have); diff != "" {
		t.Errorf("%s (-want +have):\n%s", path, diff)
	}
}

// text is the report as a command prints it.
func text(report *verify.Report) string {
	var out strings.Builder
	if report.Trusted {
		out.WriteString("Yes.\n\n")
	} else {
		fmt.Fprintf(&out, "No: %s.  [%s]\n\n", report.Headline, report.Code)
	}
	for _, check := range report.Checks {
		fmt.Fprintf(&out, "  %-10s %-70s %s\n", check.Name, check.Text, check.Verdict)
	}
	if report.Note != "" {
		fmt.Fprintf(&out, "  %s\n", report.Note)
	}
	if len(report.Next) > 0 {
		fmt.Fprintf(&out, "\nnext: %s\n", strings.Join(report.Next, "\n      "))
	}
	return out.String()
}

// wantWhole holds a report against the rules for all of them.
func wantWhole(t *testing.T, report *verify.Report, err error) {
	t.Helper()
	if report.Trusted != (err == nil) {
		t.Fatalf("trusted %v, but error %v", report.Trusted, err)
	}
	stops := slices.ContainsFunc(report.Checks, func(check verify.Check) bool { return check.Verdict == verify.Stop })
	if stops == report.Trusted {
		t.Errorf("trusted %v, and a check that stops %v", report.Trusted, stops)
	}
	lines := []string{report.Headline, report.Note}
	lines = append(lines, report.Next...)
	for _, check := range report.Checks {
		if check.Text == "" || check.Name == "" {
			t.Errorf("a check without a text: %+v", check)
		}
		lines = append(lines, check.Text)
	}
	for _, line := range lines {
		if line != fault.Printable(line, 2000) {
			t.Errorf("%q is not a line of printable text", line)
		}
	}
	if report.Trusted {
		if report.Code != "" || report.Headline != "" || len(report.Next) > 0 || report.Err() != nil {
			t.Errorf("trusted, and yet %+v", report)
		}
		return
	}
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, report.Code) || e.Detail != any(report) || e.Message != report.Headline || e.Hint != strings.Join(report.Next, "\n") {
		t.Errorf("the error %#v is not the report's", err)
	}
	if report.Headline == "" || strings.HasSuffix(report.Headline, ".") || len(report.Next) < 1 || len(report.Next) > 2 {
		t.Errorf("headline %q, next %q; want a sentence without its full stop, and one or two steps", report.Headline, report.Next)
	}
	if !slices.ContainsFunc(slices.Concat(verify.Codes(), pki.Codes(), revocation.Codes()), func(entry fault.Entry) bool { return entry.Code == report.Code }) {
		t.Errorf("the code %q is in no table", report.Code)
	}
}

func TestTrusted(t *testing.T) {
	for _, test := range slices.Concat(chainCases(), nameCases()) {
		if test.code != "" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			proof, err := verify.Verify(test.chain, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			path := proof.Path()
			if !proof.Leaf().Equal(test.chain[0]) || len(path) != 3 || !proof.Anchor().Equal(path[2]) || !proof.Anchor().SelfIssued() {
				t.Errorf("have a path of %d from %s to %s", len(path), proof.Leaf().Title(), proof.Anchor().Title())
			}
			if want := proof.Leaf().NotAfter(); !proof.Until().Equal(want) {
				t.Errorf("it holds until %v, want %v", proof.Until(), want)
			}
		})
	}
}

// TestProvedID: an ID counts where its own trust domain's roots vouch for it.
func TestProvedID(t *testing.T) {
	cases := map[string]badCase{}
	for _, test := range nameCases() {
		cases[test.name] = test
	}
	web := id("spiffe://demo.signet/web")
	for _, name := range []string{"good ID", "good member", "good, any name of a trust domain"} {
		proof, err := verify.Verify(cases[name].chain, cases[name].opts)
		if err != nil || proof.ID() != web {
			t.Errorf("%s: have %v, want the proof of %q", name, err, web)
		}
	}
	// Roots for hosts that signed the ID: the chain is good, the ID is hearsay.
	home := cases["good ID"]
	proof, err := verify.Verify(home.chain, verify.Options{Roots: roots(cases["good, any name of a host"].chain[1]), Name: verify.Any("test"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if proof.Leaf().ID() != web || !proof.ID().IsZero() {
		t.Errorf("have the ID %q from roots for hosts, want none; the leaf says %q", proof.ID(), proof.Leaf().ID())
	}
}

// TestPresent covers options without a time.
func TestPresent(t *testing.T) {
	for _, age := range []time.Duration{0, 91 * day} {
		fixture := testpki.Must(testpki.New(time.Now().Add(-age)))
		opts := verify.Options{Roots: roots(fixture.Roots()...), Name: verify.Host(testpki.Host)}
		_, err := verify.Verify(testpki.Must(fixture.Server(testpki.Host)).Chain, opts)
		if expired := errors.Is(err, verify.CertExpired); expired != (age > 0) || !expired && err != nil {
			t.Errorf("%v after it was issued: have %v", age, err)
		}
	}
}

func TestPurpose(t *testing.T) {
	if verify.ServerAuth.String() != "server" || verify.ClientAuth.String() != "client" {
		t.Errorf("have %q and %q", verify.ServerAuth, verify.ClientAuth)
	}
	var zero []*pki.Certificate
	if _, err := verify.Verify(zero, verify.Options{}); !errors.Is(err, verify.NameMissing) {
		t.Errorf("zero options: have %v, want %s", err, verify.NameMissing)
	}
}
