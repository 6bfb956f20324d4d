package ca

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// turn does one step, has it on record, and reads the authority anew: by the folder
// alone.
func turn(t *testing.T, c *CA, folder string, next Stored, err error) *CA {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Adopt(next); err != nil {
		t.Fatal(err)
	}
	if err := c.Tidy(); err != nil {
		t.Fatal(err)
	}
	return testpki.Must(Load(folder, c.domain, next, nil))
}

func rotating(t *testing.T, away string) (*CA, string) {
	t.Helper()
	made := testpki.Must(New(demo, now))
	folder := filepath.Join(t.TempDir(), "ca")
	if err := made.Save(folder, Kept{RootFile: away}); err != nil {
		t.Fatal(err)
	}
	return made, folder
}

func TestRotateRoot(t *testing.T) {
	c, folder := rotating(t, "")
	before := c.Root()
	early := issue(t, c, "web")
	plan := testpki.Must(c.Plan(testpki.Must(demo.ID("web")), now))
	next, err := c.Prepare(TurnRoot, now)
	c = turn(t, c, folder, next, err)
	if !c.Root().Equal(before) || c.Stored().Generation != 1 || c.Stored().Needed != 1 {
		t.Errorf("prepared: generation %d, needed %d, the root is another: %v", c.Stored().Generation, c.Stored().Needed, !c.Root().Equal(before))
	}
	wantVerified(t, before, issue(t, c, "web"))
	anchors := testpki.Must(c.Stored().Anchors())
	if len(anchors) != 2 {
		t.Fatalf("%d anchors once the next root is prepared", len(anchors))
	}
	after := anchors[1]
	believed := testpki.Must(Believe([][]byte{before.Raw(), after.Raw()}, c.Stored().Endorsements, []*pki.Certificate{before}))
	if len(believed) != 2 {
		t.Errorf("who believes the first believes %d, want both", len(believed))
	}
	next, err = c.Stored().Activate(now)
	c = turn(t, c, folder, next, err)
	wantVerified(t, after, issue(t, c, "web"))
	if c.Stored().Generation != 2 || c.Stored().Needed != 2 {
		t.Errorf("activated: generation %d, needed %d; want 2, 2", c.Stored().Generation, c.Stored().Needed)
	}
	// What was planned before is signed as it was planned.
	again := testpki.Must(c.Sign(plan, testpki.Must(pki.NewKey()).Public()))
	if !again[1].Equal(early[1]) {
		t.Error("a plan from before the activation is signed by another intermediate")
	}
	next, err = c.Stored().Retire(now)
	c = turn(t, c, folder, next, err)
	if left := testpki.Must(filepath.Glob(filepath.Join(folder, "*.pem"))); len(left) != 2 {
		t.Errorf("once the old root is retired, %v are left", left)
	}
	if _, err := c.Sign(plan, testpki.Must(pki.NewKey()).Public()); !errors.Is(err, IssuerRetired) {
		t.Errorf("a plan by a retired intermediate: %v", err)
	}
	if anchors := testpki.Must(c.Stored().Anchors()); len(anchors) != 1 || !anchors[0].Equal(after) {
		t.Errorf("%d anchors are left, or another one", len(anchors))
	}
	// Who was away all the time still finds the way from the first root to the last.
	if roots, err := Believe([][]byte{after.Raw()}, c.Stored().Endorsements, []*pki.Certificate{before}); err != nil || len(roots) != 1 {
		t.Errorf("by the endorsement: %v, %v", roots, err)
	}
	wantVerified(t, after, issue(t, c, "web"))
}

func TestRotateIntermediate(t *testing.T) {
	c, folder := rotating(t, "")
	root, before := c.Root(), c.Intermediate()
	next, err := c.Prepare(TurnIntermediate, now)
	c = turn(t, c, folder, next, err)
	if c.Stored().Generation != 0 {
		t.Error("nobody needs anything new of a prepared intermediate")
	}
	next, err = c.Stored().Activate(now)
	c = turn(t, c, folder, next, err)
	if c.Intermediate().Equal(before) {
		t.Error("the one before still signs")
	}
	wantVerified(t, root, issue(t, c, "web"))
	next, err = c.Stored().Retire(now)
	c = turn(t, c, folder, next, err)
	if until := c.Stored().Retired[before.Serial()]; !until.Equal(before.NotAfter()) {
		t.Errorf("retired until %v, want %v", until, before.NotAfter())
	}
	// The next one forgets the first, once that has expired.
	late := before.NotAfter().Add(time.Hour)
	next = c.Stored()
	next.Stage, next.Turning, next.OtherIntermediate = Activated, TurnIntermediate, string(c.Intermediate().PEM())
	if next, err = next.Retire(late); err != nil || len(next.Retired) != 1 {
		t.Errorf("%d are remembered as retired (%v), want one", len(next.Retired), err)
	}
}

func TestRotateWithRootElsewhere(t *testing.T) {
	away := filepath.Join(t.TempDir(), "root.pem")
	c, folder := rotating(t, away)
	c = testpki.Must(Load(folder, demo, c.Stored(), nil))
	if _, err := c.Prepare(TurnRoot, now); !errors.Is(err, RootElsewhere) {
		t.Errorf("without the root's key: %v", err)
	}
	present := testpki.Must(OpenRoot(testpki.Must(os.ReadFile(away)), away, c.Stored(), nil))
	successor := testpki.Must(NewRoot(demo, now))
	signed := testpki.Must(SignNext(demo, present, successor, testpki.Must(c.Await(TurnRoot)), now))
	for name, wrong := range map[string]func(*Signed){
		"unendorsed": func(s *Signed) { s.Endorsement = nil },
		"endorsed by another": func(s *Signed) {
			s.Endorsement = testpki.Must(Endorse(testpki.Must(NewRoot(demo, now)), successor.Leaf()))
		},
		"for another key": func(s *Signed) {
			*s = testpki.Must(SignNext(demo, present, successor, testpki.Must(pki.NewKey()).Public(), now))
		},
		"signed by another": func(s *Signed) {
			s.Intermediate = testpki.Must(SignNext(demo, testpki.Must(NewRoot(demo, now)), nil, testpki.Must(pki.NewKey()).Public(), now)).Intermediate
		},
		"empty": func(s *Signed) { *s = Signed{} },
	} {
		changed := signed
		wrong(&changed)
		if _, err := c.Accept(TurnRoot, changed, now); err == nil {
			t.Errorf("%s: accepted", name)
		} else if _, coded := fault.Of(err); !coded {
			t.Errorf("%s: %v has no code", name, err)
		}
	}
	next, err := c.Accept(TurnRoot, signed, now)
	c = turn(t, c, folder, next, err)
	next, err = c.Stored().Activate(now)
	c = turn(t, c, folder, next, err)
	wantVerified(t, successor.Leaf(), issue(t, c, "web"))
	if !c.Stored().RootElsewhere {
		t.Error("the new root's key is thought to be in the folder")
	}
}

func TestOrderOfRotation(t *testing.T) {
	c, folder := rotating(t, "")
	if _, err := c.Stored().Activate(now); !errors.Is(err, RotationOrder) {
		t.Errorf("activated without a preparation: %v", err)
	}
	if _, err := c.Stored().Retire(now); !errors.Is(err, RotationOrder) {
		t.Errorf("retired without an activation: %v", err)
	}
	if _, err := c.Prepare("everything", now); !errors.Is(err, RotationOrder) {
		t.Errorf("prepared something else: %v", err)
	}
	next, err := c.Prepare(TurnIntermediate, now)
	c = turn(t, c, folder, next, err)
	if _, err := c.Prepare(TurnRoot, now); !errors.Is(err, RotationOrder) {
		t.Errorf("prepared twice: %v", err)
	}
	if _, err := c.Stored().Retire(now); !errors.Is(err, RotationOrder) {
		t.Errorf("retired before the activation: %v", err)
	}
}

// TestBelieveNobody: roots are believed only by a word of those that are believed.
func TestBelieveNobody(t *testing.T) {
	first, second, third := testpki.Must(NewRoot(demo, now)), testpki.Must(NewRoot(demo, now)), testpki.Must(NewRoot(demo, now))
	one, two := testpki.Must(Endorse(first, second.Leaf())), testpki.Must(Endorse(second, third.Leaf()))
	sofar := []*pki.Certificate{first.Leaf()}
	if roots, err := Believe([][]byte{third.Leaf().Raw()}, [][]byte{one, two}, sofar); err != nil || len(roots) != 1 {
		t.Errorf("by two words: %v, %v", roots, err)
	}
	for name, words := range map[string][][]byte{"no word": nil, "half of the way": {two}, "garbage": {[]byte("{"), one}} {
		if roots, err := Believe([][]byte{third.Leaf().Raw()}, words, sofar); !errors.Is(err, RootUnproved) {
			t.Errorf("%s: %v, %v", name, roots, err)
		}
	}
	leaf := testpki.Must(first.New(pki.Spec{Profile: pki.Server, DNS: []string{"a.example"}, Now: now}))
	if roots := Endorsed([][]byte{testpki.Must(Endorse(first, leaf.Leaf()))}, sofar); len(roots) != 1 {
		t.Error("a server's certificate became a root")
	}
	if _, err := verify.ForTrustDomain(demo, Endorsed([][]byte{one, two}, sofar)...); err != nil {
		t.Error(err)
	}
}
