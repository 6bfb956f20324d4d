package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/tlog"
)

// auditCmds are the commands about the evidence.
type auditCmds struct {
	Verify    auditVerifyCmd    `cmd:"" help:"is the audit log as it was written?"`
	Reconcile auditReconcileCmd `cmd:"" help:"do both ends of each connection tell the same?"`
}

// auditLog is the log that a command is about.
type auditLog struct {
	Folder string `arg:"" optional:"" name:"FOLDER" help:"A data folder, or a copy of its folder audit. Without it, this host's data folder."`
}

// open finds the log. It is read as it is, whether or not it is being written.
func (a auditLog) open(s *shell) (dir string, log fs.FS, err error) {
	dir = a.Folder
	if dir == "" {
		home, err := s.folder()
		if err != nil {
			return "", nil, err
		}
		dir = home.dir
	}
	if inside := filepath.Join(dir, audit.Folder); isFolder(inside) {
		dir = inside
	}
	if !isFolder(dir) {
		return "", nil, fault.New(audit.Missing, "there is no audit log in %s", baseName(dir)).
			WithHint("name the data folder of an authority, or its folder %s", audit.Folder)
	}
	return dir, os.DirFS(dir), nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

type auditVerifyCmd struct {
	auditLog
	Since string `placeholder:"FILE" help:"A copy of the log's checkpoint, from an earlier day: the log must be its continuation."`
	Keep  string `placeholder:"FILE" help:"If all is well, write the signed checkpoint of every entry to this file. Kept on another host, it is what --since asks for later."`
	Roots string `placeholder:"FILE|DOMAIN" help:"Whom to believe about the proxies' certificates, at the time when each was used: a file of certificates, or a trust domain known on this host. Without it, the log is believed."`
	force
	terse
}

func (auditVerifyCmd) Help() string {
	return "signet audit verify --keep today.checkpoint\nsignet audit verify --since last-week.checkpoint\nsignet audit verify /mnt/copy/audit --roots roots.pem"
}

// auditVerdict is the answer for programs.
type auditVerdict struct {
	Folder string `json:"folder"`
	Whole  bool   `json:"whole"`
	*audit.Report
}

func (c *auditVerifyCmd) run(_ context.Context, s *shell) error {
	dir, log, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Keep != "" {
		if err := c.mayWrite(s, []string{c.Since, filepath.Join(dir, "checkpoint"), filepath.Join(dir, "log.vkey")}, c.Keep); err != nil {
			return err
		}
	}
	var question audit.Question
	if c.Since != "" {
		if question.Since, err = s.read(c.Since, tlog.MaxCheckpoint); err != nil {
			return err
		}
	}
	if c.Roots != "" {
		if question.Roots, err = s.roots(trust{Roots: c.Roots, Name: logged(log)}); err != nil {
			return err
		}
		if theirs, ours := question.Roots.TrustDomain(), loggedDomain(log); !ours.IsZero() && !theirs.IsZero() && theirs != ours {
			return fault.New(Usage, "the log is that of %s, and --roots has those of %s", ours, theirs).
				WithHint("name the roots of %s: a file of them, or the folder of its authority with --data", ours)
		}
	}
	report, err := waiting(s, func() (*audit.Report, error) { return audit.Verify(log, question) })
	if errors.Is(err, tlog.CheckpointUnsigned) || errors.Is(err, tlog.CheckpointInvalid) {
		return fault.Wrap(err, tlog.CheckpointUnsigned, "%s cannot be what was kept of this log", baseName(c.Since)).
			WithHint("name a copy of the log's file checkpoint; if this is one, the log has been started over, and its key replaced: do not trust it")
	}
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		if err := c.tell(s, dir, report); err != nil {
			return err
		}
		return exitNo
	}
	if c.Keep != "" {
		if err := c.save(s, product{c.Keep, report.Checkpoint(), readable}); err != nil {
			return err
		}
	}
	return c.tell(s, dir, report)
}

func (c *auditVerifyCmd) tell(s *shell, dir string, r *audit.Report) error {
	if s.json {
		return s.printJSON(auditVerdict{dir, len(r.Problems) == 0, r})
	}
	var p page
	if len(r.Problems) > 0 {
		c.tellDamage(&p, r)
		if err := s.print(p.String()); err != nil {
			return err
		}
		s.steps("next", "keep the folder as it is, and compare it with a copy", "signet why "+string(r.Problems[0].Code))
		return nil
	}
	p.headline(fmt.Sprintf("Yes: %s is as it was written: %s.", logName(r.Origin), count(r.Size, "entry", "entries")), "")
	p.row("entries", kindsOf(r), "ok")
	p.row("tree", "every entry, tile and checkpoint is the one that was signed", "ok")
	p.row("signed", count(r.Signatures, "batch", "batches")+" of events, each by its proxy; none is missing", "ok")
	if c.Roots == "" {
		p.row("proxies", "their certificates are looked at only with --roots", "not checked")
	} else {
		p.row("proxies", "their certificates are the trust domain's: "+c.Roots, "ok")
	}
	if r.Losses > 0 {
		p.row("lost", count(r.Losses, "event", "events")+" for which proxies had no room, as they said themselves", "")
	}
	if r.Since != nil {
		p.row("since", fmt.Sprintf("it goes on from %s, %s", baseName(c.Since), count(*r.Since, "entry", "entries")), "ok")
	} else {
		p.row("since", "that its end was cut off shows only with --since", "not checked")
	}
	if r.Unfinished > 0 {
		p.fact("unfinished", "%s at its end, of a write that broke off before anybody was told of it, or was cut off since: compare with --since", count(r.Unfinished, "byte", "bytes"))
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	if c.Keep == "" {
		s.steps("next", "signet audit verify "+quote(dir)+" --keep kept.checkpoint      # and keep it on another host, for --since")
	} else {
		s.steps("next", "copy "+c.Keep+" to another host", "signet audit verify --since "+quote(c.Keep)+"      # on a later day")
	}
	return nil
}

// tellDamage says what is wrong, and where.
func (c *auditVerifyCmd) tellDamage(p *page, r *audit.Report) {
	code := r.Problems[0].Code
	words := map[fault.Code]string{
		audit.Forked:        "is not what it was when " + baseName(c.Since) + " was kept",
		audit.Truncated:     "has lost entries since " + baseName(c.Since) + " was kept",
		audit.BatchUnsigned: "has events that their proxy did not sign",
		audit.BatchMissing:  "lacks events that a proxy sent",
	}
	what, ok := words[code]
	if !ok {
		what = "is not as it was written"
	}
	p.headline(fmt.Sprintf("No: %s %s.", logName(r.Origin), what), code)
	for _, problem := range r.Problems {
		name := "log"
		if problem.Entry != nil {
			name = fmt.Sprintf("%d", *problem.Entry)
		}
		text := problem.Text
		if problem.File != "" {
			text = problem.File + ": " + text
		}
		p.row(name, text, "STOP")
		if problem.Want != "" {
			p.row("", "there should be "+problem.Want, "")
		}
	}
	if r.More > 0 {
		p.row("", fmt.Sprintf("and %s", count(r.More, "other place", "other places")), "STOP")
	}
}

// logName names a log by its trust domain.
func logName(origin string) string {
	if domain, ok := strings.CutSuffix(origin, audit.Origin("")); ok && domain != "" {
		return "the audit log of " + domain
	}
	return "the audit log"
}

// kindsOf says of what there are how many entries.
func kindsOf(r *audit.Report) string {
	kinds := []struct {
		kind      audit.Kind
		one, many string
	}{
		{audit.Issued, "certificate", "certificates"}, {audit.Acted, "act", "acts"}, {audit.Decided, "decision", "decisions"},
		{audit.Ending, "end", "ends"}, {audit.Warning, "warning", "warnings"}, {audit.Disowned, "false report", "false reports"}, {audit.Lost, "gap", "gaps"},
	}
	var parts []string
	for _, k := range kinds {
		if n := r.Kinds[k.kind]; n > 0 {
			parts = append(parts, count(n, k.one, k.many))
		}
	}
	if len(parts) == 0 {
		return "none yet"
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(", of %s", count(r.Proxies, "proxy", "proxies"))
}

// domainOf returns the trust domain of a log, zero if its name is another's.
// logged is some identity of the trust domain whose log it is, as the log itself says;
// "" if it does not. Roots in a file vouch for that domain alone.
func logged(log fs.FS) string {
	if domain := loggedDomain(log); !domain.IsZero() {
		return "spiffe://" + domain.String() + "/audit"
	}
	return ""
}

// loggedDomain is the trust domain that a log's checkpoint names; zero: none.
func loggedDomain(log fs.FS) spiffeid.TrustDomain {
	signed, err := fs.ReadFile(log, "checkpoint")
	if err != nil {
		return spiffeid.TrustDomain{}
	}
	origin, _, _ := strings.Cut(string(signed), "\n")
	return domainOf(origin)
}

func domainOf(origin string) spiffeid.TrustDomain {
	domain, err := spiffeid.ParseTrustDomain(strings.TrimSuffix(origin, audit.Origin("")))
	if err != nil {
		return spiffeid.TrustDomain{}
	}
	return domain
}
