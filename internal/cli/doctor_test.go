package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

func newCheckup() *checkup {
	return &checkup{Well: true, shell: &shell{program: "signet", stderr: io.Discard}, now: func() time.Time { return noon }}
}

// last is what was found last.
func (c *checkup) last() diagnosis { return c.Checks[len(c.Checks)-1] }

func TestDoctorClock(t *testing.T) {
	for _, test := range []struct {
		name    string
		off     time.Duration
		verdict verify.Verdict
		says    string
	}{
		{"the same", 900 * time.Millisecond, verify.OK, "the same as the authority's"},
		{"a little ahead", time.Minute, verify.OK, "1 min ahead of the authority's"},
		{"a little behind", -time.Minute, verify.OK, "1 min behind the authority's"},
		{"as far as is borne", skew, verify.OK, "4 min ahead"},
		{"too far", -skew - time.Second, verify.Stop, "4 min behind"},
		{"a day", 24 * time.Hour, verify.Stop, "24 h ahead"},
	} {
		c := newCheckup()
		c.clock(noon.Add(test.off), noon.Format(http.TimeFormat))
		if have := c.last(); have.Verdict != test.verdict || !strings.Contains(have.Text, test.says) || (have.Next == "") != (test.verdict == verify.OK) {
			t.Errorf("%s: %+v", test.name, have)
		}
	}
	c := newCheckup()
	if c.clock(noon, "yesterday"); c.last().Verdict != verify.NotChecked || !c.Well {
		t.Errorf("a time that is none: %+v", c.last())
	}
}

func TestDoctorCertificate(t *testing.T) {
	leaf := testpki.Must(testpki.Must(testpki.New(noon)).Workload("spiffe://demo.signet/web")).Leaf()
	life := leaf.NotAfter().Sub(leaf.NotBefore())
	for _, test := range []struct {
		name    string
		now     time.Time
		verdict verify.Verdict
		says    string
	}{
		{"young", leaf.NotBefore(), verify.OK, "certificate good for"},
		{"old", leaf.NotAfter().Add(-life / 5), verify.OK, "less than a quarter of its life"},
		{"very old", leaf.NotAfter().Add(-life / 11), verify.OK, "less than a tenth of its life"},
		{"over", leaf.NotAfter().Add(time.Hour), verify.Stop, "expired 1 h ago"},
		{"not begun", leaf.NotBefore().Add(-time.Hour), verify.Stop, "this clock is behind"},
	} {
		c := newCheckup()
		c.now = func() time.Time { return test.now }
		c.certificate("web", leaf, "signet enroll")
		if have := c.last(); have.Verdict != test.verdict || !strings.Contains(have.Text, test.says) {
			t.Errorf("%s: %+v", test.name, have)
		}
	}
}

func TestDoctorFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	const key = "-----BEGIN PRIVATE KEY-----\n"
	write("roots.pem", 0o644, "-----BEGIN CERTIFICATE-----\n")
	write("identities/operator/ann.pem", 0o600, key)
	write("audit.key", 0o600, "0123")
	write("etcd/member/key", 0o644, key) // the store has none, and is not looked at
	home := folder{dir: dir, domain: domain(t, "demo.signet")}
	c := newCheckup()
	if c.folder(home); !c.Well || !strings.HasPrefix(c.last().Text, "2 files with private keys") {
		t.Errorf("as it should be: %+v", c.Checks)
	}
	write("ca/root.pem", 0o640, key)
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "ca/root.pem"), 0o640); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	c = newCheckup()
	c.folder(home)
	if c.Well || len(c.Checks) != 2 || !strings.Contains(c.Checks[0].Text, "permissions are 0770") ||
		!strings.Contains(c.Checks[1].Text, "ca/root.pem, with a private key, is open to others: its permissions are 0640") {
		t.Errorf("open to others: %+v", c.Checks)
	}
	c = newCheckup()
	if c.folder(folder{dir: filepath.Join(dir, "gone")}); c.Well || !strings.HasSuffix(c.last().Text, "["+string(DataUnreadable)+"]") {
		t.Errorf("no folder: %+v", c.Checks)
	}
}

func TestDoctorLimits(t *testing.T) {
	c := newCheckup()
	if c.descriptors(1); c.last().Verdict == verify.Stop {
		t.Errorf("one descriptor: %+v", c.last())
	}
	if c.descriptors(1 << 62); c.Well && c.last().Verdict != verify.NotChecked {
		t.Errorf("more than there are: %+v", c.last())
	}
	c = newCheckup()
	if c.disk("disk", filepath.Join(t.TempDir(), "gone")); c.last().Verdict == verify.OK {
		t.Errorf("no folder: %+v", c.last())
	}
}

// TestDoctorPage holds each line to its form: the verdict first, the next step below.
func TestDoctorPage(t *testing.T) {
	c := newCheckup()
	c.ok("folder", "%s", "~/x, an authority's data folder of demo.signet")
	c.unknown("readiness", "the proxy has no status port, so that nobody can tell from here how it is, or whether it runs at all")
	c.fail("authority", fault.New(NotRunning, "Signet does not run\x1b[2J").WithHint("signet up\nor not"))
	golden(t, "doctor", c.String())
	c.shell.program = "go run ./cmd/signet"
	if c.stop("x", "signet status", "y"); c.last().Next != "go run ./cmd/signet status" {
		t.Errorf("the next step is %q", c.last().Next)
	}
}
