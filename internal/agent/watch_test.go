package agent

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestRenewal lets half a certificate's life pass, and fails the renewal.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = f.once("web")
		stop := run(t, a, &enforcer{})
		defer stop()
		synctest.Wait()
		first, own := serial(t, a, "web"), serial(t, a, self)
		until, renewing := a.Deadline(id("web"))
		if !until.Equal(time.Now().Add(ca.DefaultLifetime)) || !renewing {
			t.Errorf("the deadline is in %v, renewing %v", time.Until(until), renewing)
		}

		time.Sleep(10*time.Hour + 40*time.Minute)
		if serial(t, a, "web") != first || serial(t, a, self) != own {
			t.Error("a certificate was renewed before half of its life")
		}
		time.Sleep(80 * time.Minute) // half of its life; the jitter is a twentieth
		synctest.Wait()
		second := serial(t, a, "web")
		if second == first || serial(t, a, self) == own {
			t.Error("a certificate was not renewed at half of its life")
		}

		f.set(func(f *fake) { f.refuse[api.PathCertificate] = 403 })
		time.Sleep(15 * time.Hour)
		if serial(t, a, "web") != second {
			t.Error("a renewal that failed took the old certificate away")
		}
		if _, renewing := a.Deadline(id("web")); renewing {
			t.Error("a renewal fails and is not shown")
		}
		f.set(func(f *fake) { clear(f.refuse) })
		time.Sleep(10 * time.Second)
		if _, renewing := a.Deadline(id("web")); !renewing || serial(t, a, "web") == second {
			t.Error("the renewal did not come back")
		}
		if n := f.get(func(f *fake) int { return f.issued[id("web")] }); n != 3 {
			t.Errorf("%d certificates were issued for web, want 3", n)
		}
	})
}

// TestSuspended has the host asleep for most of a day: its timers stood still,
// its clock did not.
func TestSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a := newFake(t)
		var mu sync.Mutex
		var asleep time.Duration
		a.now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(asleep)
		}
		stop := run(t, a, &enforcer{})
		defer stop()
		synctest.Wait()
		before := serial(t, a, self)
		mu.Lock()
		asleep = 20 * time.Hour
		mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if serial(t, a, self) == before {
			t.Error("the certificate was not renewed when the host awoke")
		}
	})
}

// TestWrongCertificates has an authority that answers with anything but the
// right certificate.
func TestWrongCertificates(t *testing.T) {
	tests := []struct {
		name string
		sign func(t *testing.T, f *fake) any
		code fault.Code
	}{
		{"somebody else's", func(t *testing.T, f *fake) any {
			var chain [][]byte
			for _, cert := range newCredential(t, f.ca, id("orders"), time.Now()).Chain {
				chain = append(chain, cert.Raw())
			}
			return api.Certificate{Chain: chain}
		}, pki.KeyMismatch},
		{"none", func(*testing.T, *fake) any { return api.Certificate{} }, pki.NoCertificate},
		{"no certificate", func(*testing.T, *fake) any { return api.Certificate{Chain: [][]byte{{0x30}}} }, pki.CertUnreadable},
		{"no JSON object", func(*testing.T, *fake) any { return "yes" }, AuthorityFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, a := newFake(t)
			f.sign = func(spiffeid.ID) any { return test.sign(t, f) }
			if _, err := a.obtain(t.Context(), id("web"), 0); !errors.Is(err, test.code) {
				t.Errorf("the error is %v, want [%s]", err, test.code)
			}
		})
	}
	t.Run("the wrong name for the right key", func(t *testing.T) {
		f, a := newFake(t)
		a.http = &http.Client{Transport: renamed{f}}
		if _, err := a.obtain(t.Context(), id("web"), 0); !errors.Is(err, AuthorityFailed) {
			t.Errorf("the error is %v, want [%s]", err, AuthorityFailed)
		}
	})
}

// TestCertificateOfAnotherDay has a clock that is off: a certificate that others would
// refuse is not taken, and four minutes are no matter.
func TestCertificateOfAnotherDay(t *testing.T) {
	for off, code := range map[time.Duration]fault.Code{-24 * time.Hour: ClocksDiffer, -4 * time.Minute: "", 4 * time.Minute: "", 24 * time.Hour: ClocksDiffer} {
		t.Run(off.String(), func(t *testing.T) {
			_, a := newFake(t)
			a.now = func() time.Time { return time.Now().Add(off) }
			if _, err := a.obtain(t.Context(), id("web"), 0); (err != nil || code != "") && !errors.Is(err, code) {
				t.Errorf("the error is %v, want [%s]", err, code)
			}
		})
	}
}

// renamed asks for another identity than it was asked for.
type renamed struct{ *fake }

func (f renamed) RoundTrip(r *http.Request) (*http.Response, error) {
	body := bytes.Replace(testpki.Must(io.ReadAll(r.Body)), []byte("/web"), []byte("/orders"), 1)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return f.fake.RoundTrip(r)
}

// TestSilence has an authority that says nothing any more.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(watch int) io.Reader {
			if watch == 1 {
				return lines(f.slice(1), f.beat(), api.Update{})
			}
			return lines(f.slice(int64(watch)))
		}
		e := &enforcer{}
		stop := run(t, a, e)
		defer stop()
		time.Sleep(silence - time.Second)
		if e.revision() != 1 {
			t.Fatalf("revision %d is in force, want 1", e.revision())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if e.revision() != 2 {
			t.Errorf("after the silence revision %d is in force, want 2, of a new watch", e.revision())
		}
	})
}

// TestHeartbeat has an authority that has nothing to say for an hour but that it
// is alive.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(int) io.Reader { return io.MultiReader(lines(f.slice(1)), &beats{f, lines()}) }
		stop := run(t, a, &enforcer{})
		defer stop()
		time.Sleep(time.Hour)
		if n := f.get(func(f *fake) int { return f.watches }); n != 1 {
			t.Errorf("%d watches were made, want one", n)
		}
	})
}

// beats is a stream of heartbeats.
type beats struct {
	*fake
	rest io.Reader
}

func (b *beats) Read(p []byte) (int, error) {
	if n, err := b.rest.Read(p); err == nil {
		return n, nil
	}
	time.Sleep(silence - time.Second)
	b.rest = lines(b.beat())
	return b.rest.Read(p)
}

// TestBadLines has watches that cannot be read: what was in force stays so.
func TestBadLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(watch int) io.Reader {
			switch watch {
			case 1:
				return lines(f.slice(7))
			case 2:
				return strings.NewReader("{\n")
			case 3:
				return strings.NewReader(strings.Repeat("x", api.MaxUpdate+1))
			case 4:
				return strings.NewReader(`{"slice":{"identities":["nobody"]}}` + "\n")
			}
			return lines(f.slice(8))
		}
		e := &enforcer{}
		stop := run(t, a, e)
		defer stop()
		time.Sleep(time.Second)
		for range 3 {
			if e.revision() != 7 {
				t.Fatalf("revision %d is in force, want 7", e.revision())
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if e.revision() != 8 {
			t.Errorf("revision %d is in force, want 8", e.revision())
		}
	})
}

// TestAsk answers with what is live.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(int) io.Reader { return lines(f.slice(1), api.Update{Ask: 5}) }
		stop := run(t, a, &enforcer{})
		defer stop()
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if have := strings.Join(f.messages, " "); have != "/v1/applied /v1/live" {
			t.Errorf("the agent said %s", have)
		}
	})
}

// TestRefusedIsDropped has the authority say no to a batch: it is not sent
// again, and does not hold up what follows. Where the authority itself fails,
// it is.
func TestRefusedIsDropped(t *testing.T) {
	tests := []struct {
		name   string
		status int
		want   string // that was taken in, once the authority is well again
	}{
		{"refused", 400, "/v1/applied"},
		{"revoked", 403, "/v1/applied"},
		{"failed", 500, "/v1/events /v1/applied"},
		{"closing", 503, "/v1/events /v1/applied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, a := newFake(t)
				f.refuse[api.PathEvents] = test.status
				stop := run(t, a, &enforcer{})
				defer stop()
				a.Report(api.Event{Kind: api.Refused})
				a.outbox.applied(api.Applied{Revision: 1})
				time.Sleep(time.Minute)
				f.set(func(f *fake) { clear(f.refuse) })
				time.Sleep(time.Minute)
				f.mu.Lock()
				defer f.mu.Unlock()
				if have := strings.Join(f.messages, " "); have != test.want {
					t.Errorf("taken in: %s; want %s", have, test.want)
				}
			})
		})
	}
}

// TestGoneForGood stops an agent whose authority does not answer: it does not
// wait for it.
func TestGoneForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.down = true
		stop := run(t, a, &enforcer{})
		a.Report(api.Event{Kind: api.Refused})
		time.Sleep(time.Hour)
		start := time.Now()
		stop()
		if took := time.Since(start); took > flushTimeout {
			t.Errorf("it took %v", took)
		}
		if unsent := a.outbox.unsent; unsent == nil || len(unsent.events) != 1 || unsent.number != 1 {
			t.Errorf("%+v waits, want the one event", unsent)
		}
	})
}

// TestRetryAtOnce has the authority come back while the agent waits to send
// again: the watch's first line ends the wait.
func TestRetryAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		ctx := t.Context()
		waited := make(chan time.Duration)
		go func() {
			start := time.Now()
			a.pause(ctx, time.Hour)
			waited <- time.Since(start)
		}()
		time.Sleep(time.Second)
		f.stream = func(int) io.Reader { return lines(f.slice(1)) }
		stop := run(t, a, &enforcer{})
		defer stop()
		if have := <-waited; have != time.Second {
			t.Errorf("it waited for %v, want 1s", have)
		}
	})
}

func TestBackoff(t *testing.T) {
	for end, grown := range map[time.Duration]int{usualBackoff: 7, barredBackoff: 11} {
		for attempt := range 40 {
			most := end
			if attempt < grown {
				most = 50 * time.Millisecond << attempt
			}
			if wait := backoff(attempt, end); wait > most || wait < most/2 {
				t.Errorf("attempt %d waits for %v, want %v to %v", attempt, wait, most/2, most)
			}
		}
	}
}

// TestAnswers has answers that are no refusal of the authority's.
func TestAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>", "{}", `{"message":"no"}`} {
		t.Run(body, func(t *testing.T) {
			_, a := newFake(t)
			a.http = &http.Client{Transport: constant(body)}
			err := a.post(t.Context(), api.PathEvents, nil, nil)
			if !errors.Is(err, AuthorityFailed) || refused(err) {
				t.Errorf("the error is %v, want [%s]", err, AuthorityFailed)
			}
		})
	}
}

type constant string

func (c constant) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 404, Status: "404 Not Found", Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}

func TestNoAddress(t *testing.T) {
	_, a := newFake(t)
	testpki.Must(0, a.believe("no address\n", a.Roots(), 0))
	if err := a.post(t.Context(), api.PathEvents, nil, nil); !errors.Is(err, AuthorityFailed) {
		t.Errorf("the error is %v, want [%s]", err, AuthorityFailed)
	}
}
