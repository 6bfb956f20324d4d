package tamper

import (
	"slices"

	"github.com/signet-tls/signet/fault"
)

// Finding is what came of one kind of attack on a target.
type Finding struct {
	Row     string     `json:"row"`   // changed, impostor, cut
	Code    fault.Code `json:"code"`  // what it is to be fooled by it
	Tried   int        `json:"tried"` // if none fooled it, those alone that show it
	Fooled  int        `json:"fooled"`
	Skipped string     `json:"not_checked,omitempty"` // why nothing can be said of it
	Kinds   []string   `json:"kinds,omitempty"`       // of impostors
	Silent  int        `json:"silent,omitempty"`      // tries on which it did nothing that shows what it believed
	Example string     `json:"example,omitempty"`     // the first that fooled it
	Case    int        `json:"case,omitempty"`        // the example's number
	Saw     string     `json:"saw,omitempty"`         // and what the program then did
}

// Verdict is the outcome of the attacks on a target. Its findings are of the
// kinds that were tried, the worst news first.
type Verdict struct {
	Findings []Finding `json:"findings"`
	// Early says that it was done before it had all that an unattacked peer sent, so
	// that only the beginning was changed.
	Early bool `json:"early"`
	// Missed is how many attacks did not get as far as the program; they are in no
	// finding.
	Missed int `json:"missed,omitempty"`
	// Case is what the one attack was that was asked for, "" for all.
	Case string `json:"case,omitempty"`

	tried int
	saw   string // of the program, when it was last missed
}

// Worst returns the finding that makes the headline; nil: nothing fooled it.
func (v *Verdict) Worst() *Finding {
	if i := slices.IndexFunc(v.Findings, func(f Finding) bool { return f.Fooled > 0 }); i >= 0 {
		return &v.Findings[i]
	}
	return nil
}

// Rows of a verdict.
const (
	changedRow = iota
	impostorRow
	cutRow
)

// newVerdict is one before anything was tried.
func newVerdict(p program, early bool) *Verdict {
	v := &Verdict{Early: early, Findings: []Finding{
		changedRow:  {Row: "changed", Code: ChangeBelieved},
		impostorRow: {Row: "impostor", Code: ImpostorTrusted},
		cutRow:      {Row: "cut", Code: TruncationUnnoticed},
	}}
	shown, none := p.impostors()
	v.Findings[impostorRow].Skipped = none
	for _, i := range shown {
		v.Findings[impostorRow].Kinds = append(v.Findings[impostorRow].Kinds, i.what)
	}
	if at, _, _ := p.receives(); early && at == server {
		v.Findings[cutRow].Skipped = "it answers before it has read all, so that its answer says nothing of the end"
	}
	return v
}

// enter counts what was seen on one connection.
func (v *Verdict) enter(t trial, s sight) {
	v.tried++
	if s.missed {
		v.Missed, v.saw = v.Missed+1, s.saw
		return
	}
	row := t.row
	if v.Case != "" {
		row = 0 // the only one
	}
	f := &v.Findings[row]
	f.Tried++
	if s.silent {
		f.Silent++
	}
	if s.believed {
		f.Fooled++
	}
	if v.Case != "" || s.believed && (f.Case == 0 || t.number < f.Case) {
		f.Case, f.Example, f.Saw = t.number, t.what, s.saw
	}
}

// fewMissed are no reason to stop before all attacks were tried.
const fewMissed = 4

// unsteady reports an error if more than one attack in ten did not get as far as
// the program: the others say little of one that works now and then.
func (v *Verdict) unsteady() error {
	if v.Missed*10 <= v.tried {
		return nil
	}
	return fault.New(TargetUnwell, "it worked, and then it did not always: %s of %s ended before anything was attacked, at last with %s",
		grouped(v.Missed), count(v.tried, "connection"), v.saw).
		WithHint("have the program connect, and go on to its download, each time that it is started")
}

// settle ends the count: silence is no sign that nobody was fooled.
func (v *Verdict) settle() error {
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Skipped != "" {
			continue
		}
		silent := f.Fooled == 0 && f.Silent > 0
		if silent {
			f.Tried -= f.Silent
		}
		switch {
		case f.Tried > 0:
		case silent:
			f.Skipped = "it was silent, as it would be too if it kept the part that came"
		default:
			f.Skipped = "no attack got as far as the program"
		}
	}
	return v.unsteady()
}
