package recent

import (
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

const listHint = "signet conns     # lists the live ones"

// Story is what is known of the one connection whose ID begins with a prefix. One that
// lives is known even when its events are too old to be kept.
func (j *Events) Story(prefix string, live []api.Conn) (story api.History, err error) {
	if len(prefix) < 2 {
		return story, tooShort()
	}
	ids := j.Connections(prefix)
	live = beginning(live, prefix)
	for _, conn := range live {
		ids[conn.ID] = true
	}
	switch {
	case len(ids) == 0:
		return story, fault.New(ConnUnknown, "no connection %s is known; only the latest %d events of connections are kept", fault.Printable(prefix, 40), MaxEvents).WithHint(listHint)
	case len(ids) > 1:
		return story, ambiguous(prefix, len(ids))
	}
	for id := range ids {
		story.ID, story.Events = id, j.History(id)
	}
	if len(live) > 0 {
		story.Live = &live[0]
	}
	return story, nil
}

// Chosen is the one live connection whose ID begins with a prefix.
func Chosen(live []api.Conn, prefix string) ([]api.Conn, error) {
	if len(prefix) < 2 {
		return nil, tooShort()
	}
	live = beginning(live, prefix)
	switch len(live) {
	case 0:
		return nil, fault.New(ConnUnknown, "no connection %s is live", fault.Printable(prefix, 40)).WithHint(listHint)
	case 1:
		return live, nil
	}
	return nil, ambiguous(prefix, len(live))
}

// Confirm refuses a cut of more connections than were asked for; most 0 is however many.
func Confirm(chosen, most int) error {
	if most > 0 && chosen > most {
		return fault.New(TooMuchCut, "that would end %d connections", chosen).WithHint("add --yes, if all of them are meant")
	}
	return nil
}

func beginning(live []api.Conn, prefix string) []api.Conn {
	return slices.DeleteFunc(slices.Clone(live), func(c api.Conn) bool { return !strings.HasPrefix(c.ID, prefix) })
}

func tooShort() error {
	return fault.New(ConnUnknown, "a connection ID has at least two characters").WithHint(listHint)
}

func ambiguous(prefix string, fits int) error {
	return fault.New(ConnAmbiguous, "%s fits %d connections", fault.Printable(prefix, 40), fits).WithHint("write more of its digits")
}
