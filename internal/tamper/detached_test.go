package tamper

import (
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
)

// detached returns Signet's record path.
func detached(t *testing.T) *stack {
	t.Helper()
	f, stacks := fixtureOf(t)
	s, end, err := f.newDetached(stacks[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	switch linux := runtime.GOOS == "linux"; {
	case linux != (s.absent == ""):
		t.Fatalf("absent on %s: %q", runtime.GOOS, s.absent)
	case !linux:
		t.Skip(s.absent)
	}
	return s
}

func TestDetachedIsNotFooled(t *testing.T) {
	table, err := attack(t.Context(), []*stack{detached(t)}, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, row := range table.Rows {
		left := kind == int(impostors) || kind == int(stripped) // to the column that makes handshakes
		if cell := row.Cells[0]; cell.Fooled != 0 || (cell.Tried == 0) != left {
			t.Errorf("%s: have %+v", row.Name, cell)
		}
	}
}

// TestDetaches holds that all that loops are given is attacked, and nothing before: what
// is done to the byte in front of it ends the handshake.
func TestDetaches(t *testing.T) {
	a, sends := newArena(0, detached(t), versions[1]), newPayloads()
	for _, toward := range []side{client, server} {
		flow, err := refer(t.Context(), a, toward, small, sends)
		if err != nil {
			t.Fatal(err)
		}
		for offset, want := range map[int]error{flow.detached - 1: TouchedNothing, flow.detached: nil} {
			attack := flip{offset, 4}
			_, err := try{kind: bitsFlipped, arena: a, toward: toward, attacks: on(toward, attack)}.run(t.Context(), sends)
			if !errors.Is(err, want) || flow.reaches(attack) != (want == nil) {
				t.Errorf("%s, %s: have %v and %v, want %v", toward.arrow(), attack, err, flow.reaches(attack), want)
			}
		}
		first := 0
		for flow.records[first] <= flow.detached {
			first++
		}
		last := len(flow.records)
		for _, test := range []struct {
			name   string
			attack mutation
			want   bool
		}{
			{"the end", cut{flow.detached}, true},
			{"an end before", cut{flow.detached - 1}, false},
			{"a record before it dropped", splice{from: first - 1, upTo: first}, false},
			{"another connection's", splice{upTo: last, put: flow.flow}, false},
			{"another connection's from there on", splice{from: first, upTo: last, put: flow.from(first, last)}, true},
			{"an alert", splice{from: first, upTo: first, put: closeNotify}, false},
			{"an alert behind a record", splice{from: first + 1, upTo: first + 1, put: closeNotify}, true},
		} {
			if flow.reaches(test.attack) != test.want {
				t.Errorf("%s, %s: reaches is %v", toward.arrow(), test.name, !test.want)
			}
		}
	}
}

// TestProxied takes no reset for a clean end, also one that a Write was told of; and no
// word of the loops for less than it says.
func TestProxied(t *testing.T) {
	for _, test := range []struct {
		name   string
		writes bool // before it reads
		loops  error
		want   error
	}{
		{"a reset", false, errors.New("cut"), syscall.ECONNRESET},
		{"a reset that a write was told of", true, errors.New("cut"), syscall.ECONNRESET},
		{"a reset, and the loops say that this was all", false, nil, io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m meeting
			var err error
			if m.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			far, own, err := m.pair()
			if err != nil {
				t.Fatal(err)
			}
			p := &proxied{halfCloser: own, done: make(chan error, 1)}
			defer p.Close()
			p.done <- test.loops
			far.(*net.TCPConn).SetLinger(0)
			far.Close()
			for test.writes && err == nil {
				_, err = p.Write([]byte("x"))
			}
			if _, err := p.Read(make([]byte, 1)); !errors.Is(err, test.want) {
				t.Errorf("have %v, want %v", err, test.want)
			}
		})
	}
}
