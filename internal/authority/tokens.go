package authority

import (
	"net/http"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
)

// tokenDigits is how much of its hash names a token, tokenLeast how much must be
// written.
const (
	tokenDigits = 8
	tokenLeast  = 4
)

// tokens lists those by which somebody can join; with all=true those by which nobody
// can any more, too, as far as they are remembered.
func (a *Authority) tokens(r *http.Request) (any, error) {
	known, err := a.store.Tokens(r.Context())
	if err != nil {
		return nil, err
	}
	out := api.Tokens{TrustDomain: a.domain, Now: a.now(), Tokens: []api.TokenInfo{}}
	for _, token := range known {
		info := a.tokenInfo(token)
		if info.Code == "" || r.URL.Query().Get("all") == "true" {
			out.Tokens = append(out.Tokens, info)
		}
	}
	return out, nil
}

func (a *Authority) tokenInfo(token control.Token) api.TokenInfo {
	info := api.TokenInfo{ID: token.Hash[:tokenDigits], Who: token.ID, By: token.By, Expires: token.Expires, Holds: token.Holds, Replaces: token.Replaces}
	if err := a.store.Open(token); err != nil {
		info.Reason = fault.Text(err)
		if ours, ok := fault.Of(err); ok {
			info.Code, info.Reason = string(ours.Code), ours.Message
		}
	}
	return info
}

// cancel takes back a token by its ID, or all for somebody.
func (a *Authority) cancel(r *http.Request) (any, error) {
	var request api.CancelRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	if err := checkReason(request.Because); err != nil {
		return nil, err
	}
	known, err := a.store.Tokens(r.Context())
	if err != nil {
		return nil, err
	}
	wanted, err := a.choose(known, request.Which)
	if err != nil {
		return nil, err
	}
	pick := func(token control.Token) bool {
		return slices.ContainsFunc(wanted, func(w control.Token) bool { return w.Hash == token.Hash })
	}
	cancelled, err := a.store.CancelTokens(r.Context(), pick, control.Cancellation{By: caller(r), Because: request.Because})
	if err != nil {
		return nil, err
	}
	if len(cancelled) == 0 { // used, or over, in this moment
		return nil, fault.New(control.TokenUnknown, "no token %s is open any more", fault.Printable(request.Which, 60)).WithHint("signet token list --all      # what became of it")
	}
	out := api.Tokens{TrustDomain: a.domain, Now: a.now()}
	for _, token := range cancelled {
		out.Tokens = append(out.Tokens, a.tokenInfo(token))
	}
	return out, nil
}

// choose finds the open tokens that are meant: those for somebody of that name, or the
// one whose ID begins so.
func (a *Authority) choose(known []control.Token, which string) ([]control.Token, error) {
	open := slices.DeleteFunc(slices.Clone(known), func(t control.Token) bool { return a.store.Open(t) != nil })
	if id, err := a.domain.Named(which); err == nil {
		if wanted := slices.DeleteFunc(slices.Clone(open), func(t control.Token) bool { return t.ID != id }); len(wanted) > 0 {
			return wanted, nil
		}
	}
	begins := func(t control.Token) bool { return len(which) >= tokenLeast && strings.HasPrefix(t.Hash, which) }
	wanted := slices.DeleteFunc(slices.Clone(open), func(t control.Token) bool { return !begins(t) })
	switch {
	case len(wanted) == 1:
		return wanted, nil
	case len(wanted) > 1:
		return nil, fault.New(control.TokenAmbiguous, "%s fits %d tokens", fault.Printable(which, 60), len(wanted)).WithHint("write more of the ID: signet token list")
	}
	if i := slices.IndexFunc(known, begins); i >= 0 { // it is there, and over
		return nil, a.store.Open(known[i])
	}
	return nil, fault.New(control.TokenUnknown, "no open token is for %s or has that ID", fault.Printable(which, 60)).WithHint("signet token list      # which there are")
}
