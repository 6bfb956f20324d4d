package workload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

func serial(s *Source) string {
	credential, err := s.Credential()
	if err != nil {
		return fmt.Sprint(err)
	}
	return credential.Leaf().Serial()
}

// TestRotation: each answer replaces the one before; roots stay one value until they
// change.
func TestRotation(t *testing.T) {
	f := newFake(t)
	s := f.follow(nil)
	if _, err := s.Credential(); !errors.Is(err, Unreachable) {
		t.Errorf("before the first answer: %v", err)
	}
	if _, err := s.Roots(domain); !errors.Is(err, Unreachable) {
		t.Errorf("before the first answer: %v", err)
	}
	authority := testpki.Must(testpki.New(time.Now()))
	f.say <- framed(answer(authority))
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := serial(s)
	roots := testpki.Must(s.Roots(domain))
	f.say <- framed(answer(authority))
	until(t, "the second is held", func() bool { return serial(s) != first })
	if again := testpki.Must(s.Roots(domain)); again != roots {
		t.Error("the same roots are another value")
	}
	credential := testpki.Must(s.Credential())
	if _, err := verify.Verify(credential.Chain, verify.Options{Roots: roots, Name: verify.ID(webID), Purpose: verify.AnyPurpose}); err != nil {
		t.Error(err)
	}

	other := testpki.Must(testpki.New(time.Now()))
	second := serial(s)
	f.say <- framed(answer(other))
	until(t, "the identity of other roots is held", func() bool { return serial(s) != second })
	if again := testpki.Must(s.Roots(domain)); again == roots {
		t.Error("other roots are the same value")
	}
}

// TestGone: the stream breaks, ends, and the agent is gone; what was held stays, and
// a new agent is found.
func TestGone(t *testing.T) {
	f := newFake(t)
	s := f.follow(nil)
	authority := testpki.Must(testpki.New(time.Now()))
	f.say <- framed(answer(authority))
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := serial(s)
	for _, how := range []string{"", "14", "7", "0"} {
		f.end <- how
		<-f.opened // the stream that ended, and the next
		f.say <- framed(answer(authority))
		until(t, "the answer after "+how, func() bool { return serial(s) != last })
		last = serial(s)
	}
	f.stop()
	f.start()
	f.say <- framed(answer(authority))
	until(t, "the new agent's answer", func() bool { return serial(s) != last })
}

// TestRefused: an agent that has nothing for us says why, and is asked again.
func TestRefused(t *testing.T) {
	f := newFake(t)
	s := f.follow(nil)
	f.end <- "7"
	until(t, "the refusal is known", func() bool { _, err := s.Credential(); return errors.Is(err, Refused) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx); !errors.Is(err, Refused) {
		t.Errorf("have %v", err)
	} else {
		peers.WantCoded(t, err)
	}
	f.say <- framed(answer(testpki.Must(testpki.New(time.Now()))))
	if err := s.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestChoice: of several identities the one that is asked for is held, else the first.
func TestChoice(t *testing.T) {
	authority := testpki.Must(testpki.New(time.Now()))
	var all []byte
	for _, id := range []string{"spiffe://test.signet/ops", web} {
		all = append(all, field(fieldSVIDs, given(testpki.Must(authority.Workload(id)), authority.Root.Leaf()))...)
	}
	for _, test := range []struct {
		want spiffeid.ID
		have string
	}{{spiffeid.ID{}, "spiffe://test.signet/ops"}, {webID, web}} {
		s := &Source{id: test.want, now: time.Now}
		answer := testpki.Must(parseResponse(all))
		held, err := s.check(answer, nil)
		if err != nil || held.credential.Leaf().ID().String() != test.have {
			t.Errorf("%v, %v", held, err)
		}
	}
	s := &Source{id: testpki.Must(spiffeid.Parse("spiffe://test.signet/nobody")), now: time.Now}
	if _, err := s.check(testpki.Must(parseResponse(all)), nil); !errors.Is(err, Refused) {
		t.Errorf("have %v", err)
	}
}

// TestFederated: other trust domains' roots are there, and never take our own's place.
func TestFederated(t *testing.T) {
	authority, other := testpki.Must(testpki.New(time.Now())), testpki.Must(testpki.New(time.Now()))
	pair := func(name string) []byte {
		return field(fieldFederated, join(field(1, []byte(name)), field(2, der(other.Root.Leaf()))))
	}
	s := &Source{now: time.Now}
	held, err := s.check(testpki.Must(parseResponse(join(answer(authority), pair("spiffe://other.example"), pair("spiffe://test.signet")))), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.held = held
	foreign := testpki.Must(other.Workload("spiffe://other.example/x"))
	theirs := testpki.Must(s.Roots(foreign.Leaf().ID().TrustDomain()))
	if _, err := verify.Verify(foreign.Chain, verify.Options{Roots: theirs, Name: verify.ID(foreign.Leaf().ID()), Purpose: verify.AnyPurpose}); err != nil {
		t.Error(err)
	}
	impostor := testpki.Must(other.Workload(web))
	ours := testpki.Must(s.Roots(domain))
	if _, err := verify.Verify(impostor.Chain, verify.Options{Roots: ours, Name: verify.ID(webID), Purpose: verify.AnyPurpose}); err == nil {
		t.Error("a federated bundle vouches for our own trust domain")
	}
	if _, err := s.Roots(testpki.Must(spiffeid.ParseTrustDomain("unknown.example"))); !errors.Is(err, NoBundle) {
		t.Errorf("have %v", err)
	}
}

// TestExpired: an expired certificate is not given.
func TestExpired(t *testing.T) {
	authority := testpki.Must(testpki.New(time.Now()))
	now := time.Now()
	s := &Source{now: func() time.Time { return now }}
	s.held = testpki.Must(s.check(testpki.Must(parseResponse(answer(authority))), nil))
	if _, err := s.Credential(); err != nil {
		t.Error(err)
	}
	now = s.held.credential.Leaf().NotAfter().Add(time.Second)
	if _, err := s.Credential(); !errors.Is(err, identity.Expired) {
		t.Errorf("have %v", err)
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]endpoint{
		"unix:///run/agent.sock": {"unix", "/run/agent.sock"},
		"tcp://127.0.0.1:8081":   {"tcp", "127.0.0.1:8081"},
		"tcp://[::1]:8081":       {"tcp", "[::1]:8081"},
	} {
		if have, err := parseEndpoint(text); err != nil || have != want {
			t.Errorf("%s is %v, %v", text, have, err)
		}
	}
	for _, text := range []string{"", "/run/agent.sock", "unix://run/agent.sock", "unix:run/agent.sock", "unix:///", "unix:///a?b", "unix:///a#b", "unix://me@/a",
		"tcp://localhost:1", "tcp://127.0.0.1", "tcp://127.0.0.1:1/a", "http://127.0.0.1:1", "\x00", "unix://%zz"} {
		if _, err := parseEndpoint(text); !errors.Is(err, BadAddress) {
			t.Errorf("%q: %v", text, err)
		} else {
			peers.WantCoded(t, err)
		}
	}
	t.Setenv("SPIFFE_ENDPOINT_SOCKET", "unix:///run/agent.sock")
	if s, err := New(Config{}); err != nil || s.endpoint.address != "/run/agent.sock" {
		t.Errorf("%v, %v", s, err)
	}
}

// TestHostile: what an agent should never say is refused by a code, and what was held
// stays.
func TestHostile(t *testing.T) {
	authority, other := testpki.Must(testpki.New(time.Now())), testpki.Must(testpki.New(time.Now()))
	good, root := testpki.Must(authority.Workload(web)), authority.Root.Leaf()
	one := func(parts ...[]byte) []byte { return field(fieldSVIDs, join(parts...)) }
	whole := given(good, root)
	many := func(n int, part []byte) (all []byte) {
		for range n {
			all = append(all, part...)
		}
		return all
	}
	for name, message := range map[string][]byte{
		"nothing":              {},
		"no protobuf":          []byte("hello, world"),
		"cut short":            answer(authority)[:100],
		"field 0":              {2, 0},
		"a group":              {1<<3 | 3},
		"an endless number":    {8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
		"a short fixed64":      {1<<3 | 1, 0},
		"no name":              one(whole[2+len(web):]),
		"a name that is none":  one(whole, field(fieldID, []byte("web"))),
		"a host's name":        one(whole, field(fieldID, []byte("https://test.signet/web"))),
		"another's name":       one(whole, field(fieldID, []byte("spiffe://test.signet/ops"))),
		"another domain":       one(whole, field(fieldID, []byte("spiffe://other.example/web"))),
		"a long name":          one(whole, field(fieldID, make([]byte, maxNameLength+1))),
		"no certificate":       one(whole, field(fieldChain, nil)),
		"no DER":               one(whole, field(fieldChain, []byte("-----BEGIN"))),
		"too long a chain":     one(whole, field(fieldChain, many(maxChain+1, good.Leaf().Raw()))),
		"no key":               one(whole, field(fieldKey, nil)),
		"another's key":        one(whole, field(fieldKey, testpki.Must(parseSVID(given(testpki.Must(authority.Workload(web)), root))).key)),
		"no roots":             one(whole, field(fieldBundle, nil)),
		"foreign roots":        one(given(good, other.Root.Leaf())),
		"a leaf as root":       one(given(good, good.Leaf())),
		"too many roots":       one(whole, field(fieldBundle, many(maxBundle+1, root.Raw()))),
		"too many identities":  many(maxSVIDs+1, one(whole)),
		"a federated non-name": join(answer(authority), field(fieldFederated, join(field(1, []byte("no domain!")), field(2, der(root))))),
		"a federated nothing":  join(answer(authority), field(fieldFederated, field(1, []byte("spiffe://other.example")))),
	} {
		t.Run(name, func(t *testing.T) {
			s := &Source{now: time.Now, logger: slog.New(slog.DiscardHandler), first: make(chan struct{})}
			s.held = testpki.Must(s.check(testpki.Must(parseResponse(answer(authority))), nil))
			before := s.held
			err := s.take(message)
			if !errors.Is(err, Malformed) && !errors.Is(err, Refused) {
				t.Fatalf("have %v", err)
			}
			peers.WantCoded(t, err)
			if s.held != before {
				t.Error("it took the place of what was held")
			}
		})
	}
}

// TestHostileStream: frames that are none end the stream, and the next one is used.
func TestHostileStream(t *testing.T) {
	authority := testpki.Must(testpki.New(time.Now()))
	f := newFake(t)
	s := f.follow(nil)
	<-f.opened // the first, so that below it is the next that is waited for
	for _, frame := range [][]byte{{0, 255, 255, 255, 255}, {1, 0, 0, 0, 1, 0}, framed([]byte("hello, world"))} {
		f.say <- frame
		until(t, "it is refused", func() bool { _, err := s.Credential(); return errors.Is(err, Malformed) })
		<-f.opened
		s.mu.Lock()
		s.failed = nil
		s.mu.Unlock()
	}
	f.say <- framed(answer(authority))
	if err := s.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzResponse(f *testing.F) {
	authority := testpki.Must(testpki.New(time.Now()))
	f.Add(answer(authority))
	f.Add(join(answer(authority), field(fieldFederated, join(field(1, []byte("spiffe://other.example")), field(2, der(authority.Root.Leaf()))))))
	f.Fuzz(func(t *testing.T, message []byte) {
		s := &Source{now: time.Now}
		answer, err := parseResponse(message)
		if err == nil {
			_, err = s.check(answer, nil)
		}
		if _, coded := fault.Of(err); err != nil && !coded {
			t.Errorf("an error without a code: %v", err)
		}
	})
}
