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
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// brief is an effort that a test can afford and that reaches every row.
var brief = effort{step: 31, flipBits: 1, flips: 31, inside: 1, clean: 32, others: 16}

func TestSignetIsNotFooled(t *testing.T) {
	stacks, err := newStacks()
	if err != nil {
		t.Fatal(err)
	}
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
		if own.Tried == 0 || other.Tried == 0 {
			t.Errorf("%s: have %d and %d tries, want some in each column", row.Name, own.Tried, other.Tried)
		}
		if own.Fooled != 0 {
			t.Errorf("%s: Signet was fooled %d times, as in %s", row.Name, own.Fooled, own.Example)
		}
		// A cut between two records of the handshake fools nobody; between two of
		// the data, bare crypto/tls always.
		if want := row.Name == titles[betweenRecords].Name; (other.UnnoticedTruncations > other.Tried/2) != want || (other.Fooled > 0) != want {
			t.Errorf("%s: Go tls was fooled %d of %d times, want most: %v", row.Name, other.Fooled, other.Tried, want)
		}
	}
}

// altering is a stack without any protection: records that anybody can write.
// Its end is announced, so that cuts do not fool it.
func altering() *stack {
	open := func(uint16) connect {
		return func(_ context.Context, raw net.Conn) (stream, error) { return &framed{Conn: raw}, nil }
	}
	return &stack{name: "plain", client: open, server: open}
}

type framed struct {
	net.Conn
	rest []byte // of the record that is being read
}

func (f *framed) Write(p []byte) (int, error) { return len(p), f.record(23, p) }
func (f *framed) CloseWrite() error           { return f.record(21, []byte{1, 0}) }

func (f *framed) record(kind byte, p []byte) error {
	_, err := f.Conn.Write(append([]byte{kind, 3, 3, byte(len(p) >> 8), byte(len(p))}, p...))
	return err
}

func (f *framed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		header := make([]byte, recordHeader)
		if _, err := io.ReadFull(f.Conn, header); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		f.rest = make([]byte, int(header[3])<<8|int(header[4]))
		if _, err := io.ReadFull(f.Conn, f.rest); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		if header[0] == 21 {
			return 0, io.EOF
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// bent is crypto/tls whose streams end in another way than they did.
func bent(t *testing.T, end func(error) error) *stack {
	t.Helper()
	f, err := newFixture()
	if err != nil {
		t.Fatal(err)
	}
	bend := func(open func(uint16) connect) func(uint16) connect {
		return func(version uint16) connect {
			straight := open(version)
			return func(ctx context.Context, raw net.Conn) (stream, error) {
				conn, err := straight(ctx, raw)
				if err != nil {
					return nil, err
				}
				return bentStream{conn, end}, nil
			}
		}
	}
	return &stack{name: "bent", client: bend(f.goClient), server: bend(f.goServer)}
}

type bentStream struct {
	stream
	end func(error) error
}

func (s bentStream) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	if err != nil {
		err = s.end(err)
	}
	return n, err
}

// TestBrokenStacksAreCaught breaks TLS on purpose: a table of zeros means
// something only if each of its cells can be another number.
func TestBrokenStacksAreCaught(t *testing.T) {
	everyEndIsClean := func(error) error { return io.EOF }
	noEndIsClean := func(error) error { return io.ErrUnexpectedEOF }
	tests := []struct {
		name   string
		stack  *stack
		caught map[kind]func(Count) bool
	}{
		{"no protection", altering(), map[kind]func(Count) bool{
			bitsFlipped: func(c Count) bool { return c.AlteredBytes > 0 && c.Fooled > 0 },
		}},
		{"every end is clean", bent(t, everyEndIsClean), map[kind]func(Count) bool{
			bitsFlipped:    func(c Count) bool { return c.UnnoticedTruncations > 0 && c.AlteredBytes == 0 },
			insideRecord:   func(c Count) bool { return c.UnnoticedTruncations > 0 },
			betweenRecords: func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table, err := attack(t.Context(), []*stack{test.stack}, brief, nil)
			if err != nil {
				t.Fatal(err)
			}
			for kind, caught := range test.caught {
				if cell := table.Rows[kind].Cells[0]; !caught(cell) {
					t.Errorf("%s: not caught: %+v", table.Rows[kind].Name, cell)
				}
			}
			if text := table.Text(); !strings.Contains(text, "Do not rely on this build.") {
				t.Errorf("the table does not say so:\n%s", text)
			}
		})
	}
	t.Run("a clean end taken for cut", func(t *testing.T) {
		arenas := newArenas(0, bent(t, noEndIsClean))
		table := newTable([]*stack{arenas[0].own.stack})
		if err := each(t.Context(), cleanTries(arenas, 8), newPayloads(), table, nil); err != nil {
			t.Fatal(err)
		}
		if cell := table.Rows[cleanEnds].Cells[0]; cell.FalseAlarms != 8 || cell.Tried != 8 {
			t.Errorf("have %+v, want 8 false alarms of 8", cell)
		}
	})
}

func TestReferenceMustWork(t *testing.T) {
	_, err := attack(t.Context(), []*stack{bent(t, func(error) error { return io.ErrUnexpectedEOF })}, brief, nil)
	if !errors.Is(err, ReferenceFailed) {
		t.Errorf("have %v, want %s", err, ReferenceFailed)
	}
}

// TestTryMustTouch holds that an attack which does nothing is an error, not a
// row of zeros.
func TestTryMustTouch(t *testing.T) {
	stacks, err := newStacks()
	if err != nil {
		t.Fatal(err)
	}
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
		{"a flip behind the end", bitsFlipped, flip{flow.length, 1}, TouchedNothing},
		{"a flip of the last byte", bitsFlipped, flip{flow.length - 1, 1}, nil},
		{"a cut behind the end", betweenRecords, cut{flow.length}, TouchedNothing},
		{"a cut of the last byte", insideRecord, cut{flow.length - 1}, nil},
		{"a cut of the close_notify", betweenRecords, cut{last}, nil},
		{"a cut between records, said to be inside", insideRecord, cut{last}, TouchedNothing},
		{"a cut inside a record, said to be between", betweenRecords, cut{last + 1}, TouchedNothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			count, err := try{kind: test.kind, arena: a, toward: server, attack: test.attack}.run(t.Context(), sends)
			if !errors.Is(err, test.want) {
				t.Errorf("have %v, want %v", err, test.want)
			}
			if err == nil && count.Tried != 1 || err != nil && count.Tried != 0 {
				t.Errorf("have %d counted with error %v", count.Tried, err)
			}
		})
	}
	t.Run("ends the run", func(t *testing.T) {
		tries := []try{{arena: a, toward: server, attack: flip{10, 0}}}
		if err := each(t.Context(), tries, sends, newTable(stacks), nil); !errors.Is(err, TouchedNothing) {
			t.Errorf("have %v, want %s", err, TouchedNothing)
		}
	})
	t.Run("no end in time", func(t *testing.T) {
		l := newLink(server, nil)
		l.expire()
		if err := (try{kind: bitsFlipped, arena: a}).proves(l); !errors.Is(err, Stuck) {
			t.Errorf("have %v, want %s", err, Stuck)
		}
	})
}

// TestSeats holds that each try speaks the version it says, and resumes if and
// only if it says so.
func TestSeats(t *testing.T) {
	stacks, err := newStacks()
	if err != nil {
		t.Fatal(err)
	}
	sends := newPayloads()
	for column, s := range stacks {
		for _, a := range newArenas(column, s) {
			for _, toward := range []side{client, server} {
				for i, resume := range []bool{false, true, true, false} {
					var state tls.ConnectionState
					ends := a.ends(toward, resume)
					ends[client] = spied(ends[client], &state)
					for _, saw := range exchange(t.Context(), newLink(toward, nil), ends, sends[small]) {
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
	_, err := Run(ctx, Options{Quick: true, Progress: func(done, _ int) {
		if done == 20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want %v", err, context.Canceled)
	}
	for range 100 { // goroutines of crypto/tls that watch the context end by themselves
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("have %d goroutines, had %d before", runtime.NumGoroutine(), before)
}

func TestCodesAreInTheTable(t *testing.T) {
	for _, code := range []fault.Code{ReferenceFailed, TouchedNothing, Stuck} {
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
