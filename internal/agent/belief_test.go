package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// resigned signs a head anew with another key.
func resigned(head *api.Head, by *pki.Credential) *api.Head {
	out := *head
	out.Signer = nil
	for _, cert := range by.Chain {
		out.Signer = append(out.Signer, cert.Raw())
	}
	out.Signature = testpki.Must(pki.SignFile(by.Key, bytes.NewReader(out.Signed())))
	return &out
}

// TestNotBelieved has what comes over the watch be anything but the authority's
// word to this proxy.
func TestNotBelieved(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root"}))
	later := func(f *fake, proof func(number int64) []byte) api.Update {
		raw := testpki.Must(json.Marshal(api.Slice{Revision: 1, EpochProof: proof(5)}))
		f.last = api.Head{For: id(self), Epoch: 5, Number: 1, Digest: api.Digest(raw)}
		return api.Update{Head: f.signed(f.last), Slice: raw}
	}
	proved := func(by *pki.Credential) func(int64) []byte {
		return func(number int64) []byte {
			return testpki.Must(ca.SignEpoch(by, ca.Epoch{TrustDomain: domain, Number: number, At: time.Now()}))
		}
	}
	tests := []struct {
		name string
		come func(f *fake) api.Update
		code fault.Code // "" is believed
	}{
		{"the next", func(f *fake) api.Update { return f.slice(8) }, ""},
		{"the same again", func(f *fake) api.Update { return f.slice(7) }, ""},
		{"a sign of life", func(f *fake) api.Update { return f.beat() }, ""},
		{"a new epoch by the root's word", func(f *fake) api.Update { return later(f, proved(root)) }, ""},
		{"no head", func(f *fake) api.Update { return api.Update{Slice: f.slice(8).Slice} }, Unsigned},
		{"no signer", func(f *fake) api.Update {
			u := f.slice(8)
			u.Head.Signer = nil
			return u
		}, Unsigned},
		{"a signer that is no certificate", func(f *fake) api.Update {
			u := f.slice(8)
			u.Head.Signer[0] = []byte("x")
			return u
		}, Unsigned},
		{"another number than was signed", func(f *fake) api.Update {
			u := f.slice(8)
			u.Head.Number = 9
			return u
		}, Unsigned},
		{"another number in the slice", func(f *fake) api.Update {
			u := f.slice(8)
			u.Slice = bytes.Replace(u.Slice, []byte(`"revision":8`), []byte(`"revision":9`), 1)
			u.Head.Digest = api.Digest(u.Slice)
			u.Head = f.signed(api.Head{For: id(self), Epoch: 1, Number: 8, Digest: u.Head.Digest})
			return u
		}, Unsigned},
		{"another slice than was signed", func(f *fake) api.Update {
			u := f.slice(8, "web")
			u.Slice = bytes.Replace(u.Slice, []byte("/web"), []byte("/ops"), 1)
			return u
		}, Unsigned},
		{"signed by the authority's key for connections", func(f *fake) api.Update {
			u := f.slice(8)
			u.Head = resigned(u.Head, newCredential(t, f.ca, id("authority"), time.Now()))
			return u
		}, Unsigned},
		{"signed by a proxy", func(f *fake) api.Update {
			u := f.slice(8)
			u.Head = resigned(u.Head, newCredential(t, f.ca, id(self), time.Now()))
			return u
		}, Unsigned},
		{"signed by another trust domain's authority", func(f *fake) api.Update {
			other := &fake{ca: testpki.Must(ca.New(domain, time.Now()))}
			return other.slice(8)
		}, Unsigned},
		{"for another proxy", func(f *fake) api.Update {
			u := f.slice(8)
			head := f.last
			head.For = id("proxy/other")
			u.Head = f.signed(head)
			return u
		}, Misdirected},
		{"an older revision", func(f *fake) api.Update { return f.slice(6) }, RolledBack},
		{"an older sign of life", func(f *fake) api.Update {
			head := f.last
			head.Number = 6
			return api.Update{Head: f.signed(head)}
		}, RolledBack},
		{"a sign of life of what was not sent", func(f *fake) api.Update {
			head := f.last
			head.Number = 9
			return api.Update{Head: f.signed(head)}
		}, AuthorityFailed},
		{"an older epoch", func(f *fake) api.Update {
			u := f.slice(9)
			head := f.last
			head.Epoch = 0
			u.Head = f.signed(head)
			return u
		}, RolledBack},
		{"a new epoch by nobody's word", func(f *fake) api.Update { return later(f, func(int64) []byte { return nil }) }, ca.EpochUnproved},
		{"a new epoch by another root's word", func(f *fake) api.Update {
			return later(f, proved(testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root"}))))
		}, ca.EpochUnproved},
		{"a new epoch by the word for another", func(f *fake) api.Update {
			return later(f, func(int64) []byte { return proved(root)(4) })
		}, ca.EpochUnproved},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, a := newFake(t)
			a.anchors = []*pki.Certificate{root.Leaf()}
			judge := func(u api.Update) error {
				_, err := a.judge(u.Head, u.Slice)
				return err
			}
			if err := judge(f.slice(7)); err != nil {
				t.Fatal(err)
			}
			before := a.belief
			err := judge(test.come(f))
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if ours, ok := fault.Of(err); !ok || ours.Code != test.code || ours.Hint == "" {
				t.Errorf("the error is %v, want [%s] with a next step", err, test.code)
			}
			if a.belief.epoch != before.epoch || a.belief.number != before.number || !bytes.Equal(a.belief.digest, before.digest) {
				t.Errorf("what was refused is believed: %+v", a.belief)
			}
			if err := judge(f.slice(8)); err != nil {
				t.Errorf("what follows is refused: %v", err)
			}
		})
	}
}

// TestEpochEndsTheOld shows that after a new epoch the old one's revisions count no
// more, however high their numbers.
func TestEpochEndsTheOld(t *testing.T) {
	f, a := newFake(t)
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root"}))
	a.anchors = []*pki.Certificate{root.Leaf()}
	a.belief = belief{epoch: 5, number: 1}
	u := f.slice(900)
	if _, err := a.judge(u.Head, u.Slice); !errors.Is(err, RolledBack) {
		t.Errorf("the error is %v, want [%s]", err, RolledBack)
	}
}

// TestSignerEnds shows that who signed counts no longer than its certificate, however
// often it was believed before.
func TestSignerEnds(t *testing.T) {
	f, a := newFake(t)
	u := f.slice(7)
	if _, err := a.judge(u.Head, u.Slice); err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return time.Now().Add(ca.DefaultLifetime + time.Minute) }
	u = f.slice(8)
	if _, err := a.judge(u.Head, u.Slice); !errors.Is(err, Unsigned) {
		t.Errorf("the error is %v, want [%s]", err, Unsigned)
	}
}

// TestRefusalIsTold has a watch that goes back: what was in force stays so, the
// authority hears of it once, and the proxy becomes silent by what was signed.
func TestRefusalIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(watch int) io.Reader {
			if watch == 1 {
				return lines(f.slice(7))
			}
			return lines(f.slice(6))
		}
		e := &enforcer{}
		stop := run(t, a, e)
		defer stop()
		synctest.Wait()
		since := a.Heard()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if e.revision() != 7 || !a.Heard().Equal(since) {
			t.Errorf("revision %d is in force, heard %v after the last that counts", e.revision(), a.Heard().Sub(since))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if have := strings.Count(strings.Join(f.messages, " "), api.PathEvents); have != 1 || !strings.Contains(string(f.posted), string(RolledBack)) {
			t.Errorf("%d batches were sent, the last message is %s", have, f.posted)
		}
	})
}

// TestLifeIsOfThePresent has signs of life that say nothing of the present.
func TestLifeIsOfThePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a := newFake(t)
		start := time.Now()
		time.Sleep(time.Hour)
		tests := []struct {
			name   string
			at     time.Duration // from now
			counts bool
		}{
			{"a day old", -24 * time.Hour, false},
			{"a day ahead", 24 * time.Hour, false},
			{"a clock four minutes behind", -4 * time.Minute, true},
			{"the same again", -4 * time.Minute, false},
			{"earlier", -5 * time.Minute, false},
			{"now", 0, true},
			{"a clock four minutes ahead", 4 * time.Minute, true},
		}
		for _, test := range tests {
			a.hear(time.Since(start))
			if have := a.alive(&api.Head{At: time.Now().Add(test.at)}); have != test.counts || a.Heard().Equal(start) == test.counts {
				t.Errorf("%s: it counts: %v, heard %v ago", test.name, have, time.Since(a.Heard()))
			}
		}
	})
}

// TestEpochBegins has the store of a running authority begin an epoch, as a restored
// backup does: the proxy follows by the root's word.
func TestEpochBegins(t *testing.T) {
	r := newRig(t)
	r.start()
	a, e := r.agent(), &enforcer{}
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root"}))
	a.anchors = []*pki.Certificate{root.Leaf()}
	stop := run(t, a, e)
	until(t, "the first revision is in force", func() bool { return e.revision() == 1 })
	proof := testpki.Must(ca.SignEpoch(root, ca.Epoch{TrustDomain: domain, Number: 9, At: time.Now()}))
	revision := r.change(func(tx *control.Tx) { tx.BeginEpoch(9, proof) })
	until(t, "the new epoch is in force", func() bool { return e.revision() == revision })
	stop()
	if a.belief.epoch != 9 {
		t.Errorf("the epoch is %d, want 9", a.belief.epoch)
	}
}
