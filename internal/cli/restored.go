package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/tlog"
)

// losses are what the old audit log tells of the time after a backup.
type losses struct {
	Known        bool      `json:"known"` // the log was there
	Certificates int       `json:"certificates,omitempty"`
	Acts         []lostAct `json:"acts,omitempty"`
}

// lostAct is an act of an operator's that the backup does not know.
type lostAct struct {
	At       time.Time   `json:"at"`
	By       spiffeid.ID `json:"by"`
	Verb     string      `json:"verb"`
	From     spiffeid.ID `json:"from,omitzero"` // or whom it concerns
	To       spiffeid.ID `json:"to,omitzero"`
	Because  string      `json:"because,omitempty"`
	Revision int64       `json:"revision,omitempty"` // 0: whether it was carried out is not known
}

// since reads what was done after the backup.
func (c *authorityRestoreCmd) since(body api.BackupBody) (lost losses, err error) {
	if c.Log == "" {
		return lost, nil
	}
	dir := c.Log
	if inside := filepath.Join(dir, audit.Folder); isFolder(inside) {
		dir = inside
	}
	asked := map[int64]lostAct{}
	err = audit.Since(os.DirFS(dir), body.Checkpoint, func(n int64, e audit.Entry) {
		switch {
		case e.Kind == audit.Issued:
			lost.Certificates++
		case e.Kind == audit.Acted && e.Act != nil && e.Act.Verb != "backup":
			asked[n] = lostAct{At: e.Time, By: e.Act.By, Verb: e.Act.Verb}
		case e.Kind == audit.Came && e.Outcome != nil:
			act, known := asked[e.Outcome.Of]
			delete(asked, e.Outcome.Of)
			if e.Outcome.Revision <= body.Revision {
				return // it was refused, changed nothing, or is in the backup
			}
			if !known {
				act = lostAct{At: e.Time, By: e.Outcome.By, Verb: "change"}
			}
			act.Revision = e.Outcome.Revision
			if event := e.Outcome.Event; event != nil {
				act.From, act.To, act.Because = event.From, event.To, event.Because
			}
			lost.Acts = append(lost.Acts, act)
		}
	})
	for _, act := range asked {
		lost.Acts = append(lost.Acts, act)
	}
	slices.SortFunc(lost.Acts, func(a, b lostAct) int { return a.At.Compare(b.At) })
	if errors.Is(err, tlog.CheckpointUnsigned) {
		return lost, fault.Wrap(err, audit.Forked, "the log in %s is not the one that the backup goes with", c.Log).
			WithHint("name the lost authority's folder, or leave out --log")
	}
	lost.Known = err == nil
	return lost, err
}

// restoredTo is the answer for programs.
type restoredTo struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Data        string               `json:"data"`
	Epoch       int64                `json:"epoch"`
	Revision    int64                `json:"revision"`
	BackupAt    time.Time            `json:"backup_at"`
	Lost        losses               `json:"lost"`
}

// tell says what is back, and what is not.
func (c *authorityRestoreCmd) tell(s *shell, dir string, body api.BackupBody, state *control.State, lost losses) error {
	if s.json {
		return s.printJSON(restoredTo{body.TrustDomain, dir, state.Epoch, state.Revision, body.At, lost})
	}
	v := view{domain: body.TrustDomain, full: false, zone: s.zone}
	var p page
	p.headline("Restored: "+body.TrustDomain.String()+" as it was on "+body.At.In(s.zone).Format(momentForm)+", at revision "+thousands(body.Revision)+".", "")
	p.fact("has", "%s, %s, %s", count(len(state.Identities), "identity", "identities"), count(state.RuleCount(), "rule", "rules"), count(len(state.Revocations), "revocation", "revocations"))
	p.fact("epoch", "a new one, signed by the root: proxies believe it, and what came before no more")
	p.fact("audit log", "a new one begins; its first entry has the old one's checkpoint, after %s", count(body.Entries, "entry", "entries"))
	p.fact("data", "%s", tilde(dir))
	p.fact("lost", "%s", lost.words(body, s.zone))
	for _, act := range lost.Acts {
		p.fact("", "%s", act.words(v))
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	steps := []string{"signet authority serve" + c.words()}
	for n, act := range lost.Acts {
		back := slices.ContainsFunc(lost.Acts[n:], func(later lostAct) bool { return later.Verb == "restore" && later.From == act.From })
		if act.Verb == "revoke" && act.Revision > 0 && !back {
			steps = append(steps, act.command(v))
		}
	}
	s.steps("next", steps...)
	return nil
}

// momentForm is how a moment of another day is written.
const momentForm = dayForm + " 15:04 MST"

func (l losses) words(body api.BackupBody, zone *time.Location) string {
	switch {
	case !l.Known:
		return "all that was done after " + body.At.In(zone).Format(momentForm) + ", revocations too: --log FOLDER names it, where the old audit log is still there"
	case len(l.Acts) == 0 && l.Certificates == 0:
		return "nothing: the old audit log has no act and no certificate after the backup"
	}
	return count(len(l.Acts), "act", "acts") + " of operators, and the record of " + count(l.Certificates, "certificate", "certificates") + ", after the backup:"
}

// words say what was done.
func (a lostAct) words(v view) string {
	text := a.At.In(v.zone).Format("15:04:05") + "  " + a.Verb
	if !a.From.IsZero() {
		text += " " + v.id(a.From)
	}
	if !a.To.IsZero() {
		text += " " + v.id(a.To)
	}
	text += ", by " + v.id(a.By)
	if a.Because != "" {
		text += `: "` + a.Because + `"`
	}
	if a.Revision == 0 {
		text += " (asked for; whether it was done, the log does not say)"
	}
	return text
}

// command does a lost revocation again.
func (a lostAct) command(v view) string {
	text := "signet revoke " + quote(v.id(a.From))
	if a.Because != "" {
		text += " --because " + quote(a.Because)
	}
	return text
}
