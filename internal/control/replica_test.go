package control

import (
	"context"
	"fmt"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
)

func TestWatch(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	slow, quick := s.Watch(ctx), s.Watch(t.Context())
	if first := <-quick; first.Revision != 0 {
		t.Errorf("the first state is of revision %d, want the current one, 0", first.Revision)
	}
	for want := int64(1); want <= 20; want++ {
		change(t, s, func(tx *Tx) { tx.PutRule(rule("a", fmt.Sprint("b", want))) })
		if state := <-quick; state.Revision != want {
			t.Errorf("a quick reader got revision %d, want %d", state.Revision, want)
		}
	}
	if state := <-slow; state.Revision != 20 {
		t.Errorf("a slow reader got revision %d, want the latest, 20", state.Revision)
	}
	cancel()
	if state, open := <-slow; open {
		t.Errorf("the watch gave revision %d after its context ended", state.Revision)
	}
	change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "root"}) })
	if state := <-quick; state.Revision != 21 {
		t.Errorf("the other watch got revision %d, want 21", state.Revision)
	}
}

// TestNeverHalfAChange changes many keys at once, again and again, while
// others watch: each state has all of them from the same change.
func TestNeverHalfAChange(t *testing.T) {
	s := open(t, t.TempDir())
	other := beside(t, s)
	const keys, changes = 40, 40
	var group sync.WaitGroup
	for _, watch := range []<-chan *State{s.Watch(t.Context()), other.Watch(t.Context())} {
		group.Go(func() {
			last := int64(-1)
			for state := range watch {
				if state.Revision <= last {
					t.Errorf("revision %d came after %d", state.Revision, last)
				}
				last = state.Revision
				for pair, r := range state.Rules {
					if r.Revision != state.Revision {
						t.Errorf("revision %d has the rule %s of revision %d", state.Revision, pair.To, r.Revision)
					}
				}
				if want := keys * int(min(last, 1)); len(state.Rules) != want {
					t.Errorf("revision %d has %d rules, want %d", last, len(state.Rules), want)
				}
				if last == changes {
					return
				}
			}
		})
	}
	for range changes {
		change(t, s, func(tx *Tx) {
			for n := range keys {
				tx.PutRule(rule("a", fmt.Sprint("b", n)))
			}
		})
	}
	group.Wait()
}

// TestCompactedWatch follows from a revision that etcd no longer has, as after
// a long pause.
func TestCompactedWatch(t *testing.T) {
	s := open(t, t.TempDir())
	want := fill(t, s)
	if _, err := s.client.Compact(t.Context(), want.head); err != nil {
		t.Fatal(err)
	}
	behind := newStore(Config{})
	behind.client, behind.stop = s.client, func() error { return nil }
	behind.replica = newReplica(newState(demo))
	behind.following.Go(func() { behind.follow(2) })
	t.Cleanup(func() { closeStore(t, behind) })
	state, err := behind.replica.await(t.Context(), want.head)
	if err != nil || state.Revision != want.Revision || len(state.Rules) != len(want.Rules) {
		t.Fatalf("%v, %v; want revision %d", state, err, want.Revision)
	}
	after := change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "new"}) })
	if state, err = behind.replica.await(t.Context(), after.head); err != nil || state.CA.Root != "new" {
		t.Errorf("%v, %v; want it to follow on", state, err)
	}
}

// TestForeignValues stores what Signet would not write.
func TestForeignValues(t *testing.T) {
	sum := func(key, text string) string { return sum(key, []byte(text)) + " " + text }
	webKey := identities.key(id("web"))
	for _, test := range []struct {
		name, key, value string
		ok               bool
	}{
		{"unknown field", webKey, sum(webKey, `{"id":"spiffe://demo.signet/web","kind":"service","created":"2026-01-01T00:00:00Z","color":"red"}`), true},
		{"unknown table", statePrefix + "color/web", sum(statePrefix+"color/web", `"red"`), true},
		{"not JSON", webKey, sum(webKey, `{`), false},
		{"wrong type", revisionKey, sum(revisionKey, `"one"`), false},
		{"unknown ID", identities.prefix + "web", sum(identities.prefix+"web", `{}`), false},
		{"half a pair", rules.prefix + "web", sum(rules.prefix+"web", `{}`), false},
		{"certificate", certificatePrefix + "x", sum(certificatePrefix+"x", `[]`), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			if _, err := s.client.Txn(t.Context()).Then(clientv3.OpPut(test.key, test.value)).Commit(); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			s, err := Open(t.Context(), configOf(dir))
			if test.ok {
				if err != nil {
					t.Fatal(err)
				}
				closeStore(t, s)
				return
			}
			wantCode(t, err, ValueDamaged)
		})
	}
}

func FuzzState(f *testing.F) {
	for _, key := range []string{revisionKey, caKey, identities.key(id("web")), rules.key(Pair{id("a"), id("b")}), grants.key(Grant{id("a"), id("b")}), revocations.key(id("web"))} {
		f.Add(key, `{"id":"spiffe://demo.signet/web"}`)
		f.Add(key, `7`)
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		before := newState(demo)
		value := []byte(sum(key, []byte(text)) + " " + text)
		state, err := before.with([]edit{{key, value, 5}})
		if err != nil {
			if e, ok := fault.Of(err); !ok || e.Code != ValueDamaged {
				t.Errorf("error %v, want [%s]", err, ValueDamaged)
			}
			return
		}
		if again, err := before.with([]edit{{key, value, 5}, {key, value, 6}}); err != nil || again.Revision != state.Revision || len(again.Rules) != len(state.Rules) {
			t.Errorf("applied twice: %+v, %v; want %+v", again, err, state)
		}
		if _, err := decode[Rule](key, append([]byte("x"), value...)); err == nil {
			t.Error("a value with a wrong checksum was taken")
		}
	})
}
