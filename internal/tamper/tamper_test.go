package tamper

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// brief is an effort that a test can afford and that reaches every row.
var brief = effort{flipBits: 1, flips: 31, cuts: 31, inside: 1, every: 64, clean: 32, others: 16, own: 64, sample: 32, process: 3}

// inProcess returns Signet and crypto/tls.
func inProcess(t *testing.T) []*stack {
	t.Helper()
	_, stacks := fixtureOf(t)
	return stacks
}

// fixtureOf returns a fixture, and the stacks in this process that share it.
func fixtureOf(t *testing.T) (*fixture, []*stack) {
	t.Helper()
	f, err := newFixture(pki.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	stacks, err := f.stacks()
	if err != nil {
		t.Fatal(err)
	}
	return f, stacks
}

func TestSignetIsNotFooled(t *testing.T) {
	stacks := inProcess(t)
	calls, last := 0, 0
	table, err := attack(t.Context(), stacks, brief, func(done, total int) {
		if calls++; done != calls {
			t.Errorf("progress: have %d of %d at call %d", done, total, calls)
		}
		last = total
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls != last || calls != table.Tries() || calls == 0 {
		t.Errorf("progress: have %d calls of %d, the table has %d tries", calls, last, table.Tries())
	}
	for _, row := range table.Rows {
		own, other := row.Cells[0], row.Cells[1]
		if own.Tried == 0 || (other.Tried == 0) != (row.Name == titles[stripped].Name) {
			t.Errorf("%s: have %d and %d tries, want some in each column that can be tried", row.Name, own.Tried, other.Tried)
		}
		if own.Fooled != 0 {
			t.Errorf("%s: Signet was fooled %d times, as in %s", row.Name, own.Fooled, own.Example)
		}
		// A cut between two records of the handshake fools nobody; between two of
		// the data, bare crypto/tls always. Its server does not look at a client's
		// names.
		want := map[string]bool{titles[betweenRecords].Name: other.UnnoticedTruncations > other.Tried/2, titles[impostors].Name: other.ImpostorsTrusted == 4}
		if asWanted, fools := want[row.Name]; fools != (other.Fooled > 0) || fools && !asWanted {
			t.Errorf("%s: have %+v of Go tls, want it fooled: %v", row.Name, other, fools)
		}
	}
}

func TestReferenceMustWork(t *testing.T) {
	_, err := attack(t.Context(), []*stack{bent(inProcess(t)[1], func(error) error { return io.ErrUnexpectedEOF })}, brief, nil)
	if !errors.Is(err, ReferenceFailed) {
		t.Errorf("have %v, want %s", err, ReferenceFailed)
	}
}

// TestTryMustTouch holds that an attack which does nothing is an error, not a
// row of zeros.
func TestTryMustTouch(t *testing.T) {
	stacks := inProcess(t)
	a := newArenas(0, stacks[0])[1]
	sends := newPayloads()
	flow, err := refer(t.Context(), a, server, small, sends)
	if err != nil {
		t.Fatal(err)
	}
	last := flow.records[len(flow.records)-2]
	tests := []struct {
		name   string
		kind   kind
		attack mutation
		want   error
	}{
		{"a flip of no bit", bitsFlipped, flip{10, 0}, TouchedNothing},
		{"a flip behind the end", bitsFlipped, flip{len(flow.flow), 1}, TouchedNothing},
		{"a flip of the last byte", bitsFlipped, flip{len(flow.flow) - 1, 1}, nil},
		{"a cut behind the end", betweenRecords, cut{len(flow.flow)}, TouchedNothing},
		{"a cut of the last byte", insideRecord, cut{len(flow.flow) - 1}, nil},
		{"a cut of the close_notify", betweenRecords, cut{last}, nil},
		{"a cut between records, said to be inside", insideRecord, cut{last}, TouchedNothing},
		{"a cut inside a record, said to be between", betweenRecords, cut{last + 1}, TouchedNothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			count, err := try{kind: test.kind, arena: a, toward: server, attacks: on(server, test.attack)}.run(t.Context(), sends)
			if !errors.Is(err, test.want) {
				t.Errorf("have %v, want %v", err, test.want)
			}
			if err == nil && count.Tried != 1 || err != nil && count.Tried != 0 {
				t.Errorf("have %d counted with error %v", count.Tried, err)
			}
		})
	}
	t.Run("ends the run", func(t *testing.T) {
		tries := []try{{arena: a, toward: server, attacks: on(server, flip{10, 0})}}
		if err := each(t.Context(), tries, sends, newTable(stacks), nil); !errors.Is(err, TouchedNothing) {
			t.Errorf("have %v, want %s", err, TouchedNothing)
		}
	})
	t.Run("no end in time", func(t *testing.T) {
		l := newLink(attacks{}, false)
		l.expire()
		if err := (try{kind: bitsFlipped, arena: a}).proves(l, [2]outcome{}); !errors.Is(err, Stuck) {
			t.Errorf("have %v, want %s", err, Stuck)
		}
	})
}

// TestSeats holds that each try speaks the version it says, and resumes if and
// only if it says so.
func TestSeats(t *testing.T) {
	stacks := inProcess(t)
	sends := newPayloads()
	for column, s := range stacks {
		for _, a := range newArenas(column, s) {
			for _, toward := range []side{client, server} {
				for i, resume := range []bool{false, true, true, false} {
					var state tls.ConnectionState
					ends := a.ends(toward, resume)
					ends[client] = spied(ends[client], &state)
					for _, saw := range exchange(t.Context(), newLink(attacks{}, false), ends, sends.now[small]) {
						if saw.ended != nil {
							t.Fatal(saw.ended)
						}
					}
					// The first that may resume has a session only if the client was seated before.
					if state.Version != a.own.version || state.DidResume != resume && i != 1 {
						t.Errorf("%s %s, connection %d: have %s, resumed %v", s.name, toward.arrow(), i, tls.VersionName(state.Version), state.DidResume)
					}
				}
			}
		}
	}
}

// spied notes the version of a connection and whether it was resumed.
func spied(meet connect, state *tls.ConnectionState) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		conn, err := meet(ctx, raw)
		switch conn := conn.(type) {
		case *tls.Conn:
			*state = conn.ConnectionState()
		case *signet.Conn:
			state.DidResume, state.Version = conn.Peer().Resumed, tls.VersionTLS12
			if strings.HasPrefix(conn.Peer().TLS(), "1.3") {
				state.Version = tls.VersionTLS13
			}
		}
		return conn, err
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	table, err := Run(ctx, Options{Quick: true, Progress: func(done, _ int) {
		if done == 20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("have %v, want %v", err, context.Canceled)
	}
	if text := table.Text(); table.Tries() < 20 || !strings.HasPrefix(text, "Interrupted; so far:\n") || !strings.Contains(text, " of 2") || !strings.Contains(text, "Go tls has not been tried yet.") {
		t.Errorf("have %d tries and this:\n%s", table.Tries(), text)
	}
	peers.Settled(t, before)
}

// TestInterruptedAtOnce holds that a run which was interrupted before its first
// attack calls nothing a defect.
func TestInterruptedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if table, err := Run(ctx, Options{Quick: true}); table != nil || !errors.Is(err, context.Canceled) || errors.Is(err, ReferenceFailed) {
		t.Errorf("have %v, %v, want %v", table, err, context.Canceled)
	}
}

func TestCodesAreInTheTable(t *testing.T) {
	for _, code := range []fault.Code{ReferenceFailed, TouchedNothing, Stuck, TargetUnwell, TargetRemote, CaseUnknown, ChangeBelieved, ImpostorTrusted, TruncationUnnoticed} {
		found := 0
		for _, entry := range Codes() {
			if entry.Code == code && entry.Meaning != "" && entry.Cause != "" && entry.Next != "" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: have %d complete entries, want 1", code, found)
		}
	}
}
