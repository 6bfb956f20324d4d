package authority

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/spelling"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of a token.
const (
	maxTokenLife = 10 * time.Minute
	maxHolds     = 100 // identities that one request grants
)

// token makes a token by which somebody can join, and enters them, unless they are
// known. The token comes first: one of nobody admits nobody.
func (a *Authority) token(r *http.Request) (any, error) {
	var request api.TokenRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	wanted, err := a.newcomer(request)
	if err != nil {
		return nil, err
	}
	if err := wanted.check(a, a.store.State()); err != nil {
		return nil, err
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	secret := api.NewSecret(random)
	hash, err := api.HashSecret(secret)
	if err != nil {
		return nil, err
	}
	expires := a.now().UTC().Add(request.For).Truncate(time.Second)
	token := control.Token{Hash: hash, ID: wanted.id, Expires: expires, By: caller(r), Revision: a.store.State().Revision,
		Holds: wanted.holds, Replaces: wanted.replaces(caller(r)), Act: actOf(r)}
	if err := a.store.PutToken(r.Context(), token); err != nil {
		return nil, err
	}
	made := api.TokenMade{ID: wanted.id, Kind: string(wanted.kind), Expires: expires, Replaces: token.Replaces}
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		if err := wanted.check(a, tx.State); err != nil {
			return err
		}
		made.New = wanted.enter(tx, a.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	made.Holds = slices.Clone(wanted.holds)
	for grant := range state.Grants {
		if grant.Proxy == wanted.id && !slices.Contains(made.Holds, grant.Identity) {
			made.Holds = append(made.Holds, grant.Identity)
		}
	}
	slices.SortFunc(made.Holds, byID)
	root := sha256.Sum256(a.ca.Root().Raw())
	made.Token = api.Token{ID: wanted.id, Authority: a.address, Root: hex.EncodeToString(root[:]), Secret: secret}.String()
	return made, nil
}

// newcomer is somebody who is to join.
type newcomer struct {
	id    spiffeid.ID
	kind  control.Kind
	holds []spiffeid.ID
	again bool
}

// kinds are those of identities, by how their paths begin; all others are services.
var kinds = map[string]control.Kind{"proxy/": control.Proxy, "operator/": control.Operator}

func kindOf(path string) control.Kind {
	for begin, kind := range kinds {
		if strings.HasPrefix(path, begin) {
			return kind
		}
	}
	return control.Service
}

// meantKind returns the name that is meant by one whose kind is mistyped, such as
// Proxy/edge-1, op/ann or operator/operator/ann, or "".
func meantKind(path string) string {
	first, rest, parts := strings.Cut(path, "/")
	if !parts {
		return ""
	}
	if kinds[first+"/"] != "" {
		if second, more, nested := strings.Cut(rest, "/"); nested && likeKind(second) != "" {
			return likeKind(second) + "/" + more
		}
		return ""
	}
	if kind := likeKind(first); kind != "" {
		return kind + "/" + rest
	}
	return ""
}

// likeKind returns the kind that a word is, or is a mistyped form of, or "". A mistyped
// proxy keeps its x: prod and pro are words of their own.
func likeKind(word string) string {
	word = strings.ToLower(word)
	if stem, plural := strings.CutSuffix(word, "ies"); plural {
		word = stem + "y"
	}
	switch {
	case word == "op" || spelling.Nearest(word, []string{string(control.Operator)}) != "":
		return string(control.Operator)
	case strings.Contains(word, "x") && spelling.Nearest(word, []string{string(control.Proxy)}) != "":
		return string(control.Proxy)
	}
	return ""
}

// newcomer reads who is to join, and holds it against what there can be.
func (a *Authority) newcomer(request api.TokenRequest) (n newcomer, err error) {
	if n.id, err = a.domain.Named(request.Who); err != nil {
		return n, err
	}
	n.kind, n.again = kindOf(n.id.Path()), request.Again
	meant, name := meantKind(n.id.Path()), n.id.Short(a.domain)
	switch {
	case meant != "" && request.Kind == "":
		return n, fault.New(BadRequest, "%s would be %s; did you mean %s?", name, one(n.kind), meant).
			WithHint("signet token new %s\nsignet token new %s --kind %s      # if it is meant", meant, name, n.kind)
	case n.id.TrustDomain() != a.domain || n.id.Path() == Path:
		return n, fault.New(BadRequest, "%s cannot join %s", fault.Printable(request.Who, 80), a.domain).
			WithHint("choose another name: that of a service, proxy/NAME or operator/NAME")
	case request.Kind != "" && request.Kind != string(n.kind):
		return n, fault.New(BadRequest, "%s is the name of %s, not of %s", fault.Printable(request.Who, 80), one(n.kind), one(control.Kind(fault.Printable(request.Kind, 20)))).
			WithHint("proxies are called proxy/NAME, operators operator/NAME, and all others are services")
	case request.For <= 0 || request.For > maxTokenLife:
		return n, fault.New(BadRequest, "a token is good for ten minutes at most, and %s were asked for", request.For).WithHint("leave --for away, or make it shorter")
	case len(request.Holds) > 0 && n.kind != control.Proxy:
		return n, fault.New(BadRequest, "only a proxy holds other identities, and %s is %s", n.id.Short(a.domain), one(n.kind)).WithHint("leave --holds away")
	case len(request.Holds) > maxHolds:
		return n, fault.New(BadRequest, "%d identities to hold; %d are the most at once", len(request.Holds), maxHolds).WithHint("name the others in a second token")
	}
	for _, name := range request.Holds {
		held, err := a.domain.Named(name)
		if err != nil {
			return n, err
		}
		if held.TrustDomain() != a.domain || held.Path() == Path || kindOf(held.Path()) != control.Service {
			return n, fault.New(BadRequest, "a proxy holds services, and %s is none", fault.Printable(name, 80)).WithHint("name services in --holds")
		}
		if meant := meantKind(held.Path()); meant != "" {
			return n, fault.New(BadRequest, "a proxy holds services, and %s looks like %s", fault.Printable(name, 80), meant).WithHint("name services in --holds, by names that do not begin like kinds of others")
		}
		n.holds = append(n.holds, held)
	}
	return n, nil
}

// check refuses who is there already, unless that is meant, and who was revoked.
func (n newcomer) check(a *Authority, state *control.State) error {
	for _, id := range append(n.holds, n.id) {
		if err := a.notRevoked(state, id); err != nil {
			return err
		}
	}
	_, known := state.Identities[n.id]
	switch {
	case known && !n.again:
		return fault.New(IdentityExists, "%s is there already", n.id.Short(a.domain)).
			WithHint("signet token new %s --again      # for a host that was away too long, or another one", n.id.Short(a.domain))
	case !known && n.again:
		return a.nobodyAgain(n.id.Short(a.domain))
	}
	return nil
}

// nobodyAgain refuses to let somebody join again who never has.
func (a *Authority) nobodyAgain(name string) error {
	unknown := fault.New(api.IdentityUnknown, "no identity is called %s, so it cannot join again", fault.Printable(name, 60))
	if meant := a.meant(name); meant != "" {
		unknown.Message += "; did you mean " + meant + "?"
		return unknown.WithHint("signet token new %s --again\nsignet token new %s      # for a new one, without --again", meant, name)
	}
	return unknown.WithHint("signet token new %s      # for a new one, without --again", name)
}

// replaces reports whether who joins takes the place of who is there: nobody else can
// become an operator beside the one that there is. Operators let themselves have more.
func (n newcomer) replaces(by spiffeid.ID) bool {
	return n.again && n.kind == control.Operator && n.id != by
}

// enter makes the newcomer known, and what it is to hold, and returns who is new. What
// it may hold is granted when it joins.
func (n newcomer) enter(tx *control.Tx, now time.Time) []spiffeid.ID {
	var entered []spiffeid.ID
	add := func(id spiffeid.ID, kind control.Kind) {
		if _, known := tx.State.Identities[id]; !known && !slices.Contains(entered, id) {
			tx.PutIdentity(control.Identity{ID: id, Kind: kind, Created: now.UTC()})
			entered = append(entered, id)
		}
	}
	add(n.id, n.kind)
	for _, held := range n.holds {
		add(held, control.Service)
	}
	return entered
}
