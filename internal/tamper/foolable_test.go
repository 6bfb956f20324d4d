package tamper

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/starttls"
	"github.com/signet-tls/signet/pki"
)

// altering is a stack without any protection: after Hellos that nobody looks at,
// records that anybody can write. Its end is announced, so that cuts do not fool
// it.
func altering(t *testing.T) *stack {
	var hellos [2][]byte // by who sends it
	bare := newArena(0, inProcess(t)[1], asItComes)
	for _, at := range []side{client, server} {
		flow, _, err := record(t.Context(), bare, at.other(), newPayloads().now[small])
		if err != nil {
			t.Fatal(err)
		}
		ends, _, _ := records(flow)
		hellos[at] = flow[:ends[0]]
	}
	open := func(at side) func(uint16) connect {
		return func(uint16) connect {
			return func(_ context.Context, raw net.Conn) (stream, error) {
				f := &framed{Conn: raw}
				for _, by := range []side{client, server} {
					if by == at {
						raw.Write(fresh(hellos[at]))
					} else if _, _, err := f.record(); err != nil {
						raw.Close()
						return nil, err
					}
				}
				return f, nil
			}
		}
	}
	return &stack{name: "plain", client: open(client), server: open(server)}
}

// fresh gives a Hello another random number, so that no two are the same.
func fresh(record []byte) []byte {
	record = bytes.Clone(record)
	if h, ok := parseHello(record); ok {
		rand.Read(h.random)
	}
	return record
}

type framed struct {
	net.Conn
	rest []byte // of the record that is being read
}

func (f *framed) Write(p []byte) (int, error) { return len(p), f.send(dataRecord, p) }
func (f *framed) CloseWrite() error           { return f.send(alertRecord, []byte{1, 0}) }

func (f *framed) send(kind byte, p []byte) error {
	_, err := f.Conn.Write(append([]byte{kind, 3, 3, byte(len(p) >> 8), byte(len(p))}, p...))
	return err
}

func (f *framed) record() (kind byte, body []byte, err error) {
	header := make([]byte, recordHeader)
	if _, err := io.ReadFull(f.Conn, header); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	body = make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(f.Conn, body); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return header[0], body, nil
}

func (f *framed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		kind, body, err := f.record()
		switch {
		case err != nil:
			return 0, err
		case kind == alertRecord:
			return 0, io.EOF
		}
		f.rest = body
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// bent is a stack whose streams end in another way than they did.
func bent(s *stack, end func(error) error) *stack {
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
	return &stack{name: "bent", client: bend(s.client), server: bend(s.server), faces: s.faces, detached: s.detached}
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

// trusting is crypto/tls that asks nobody who they are, and begins in the clear
// where TLS is refused.
func trusting(t *testing.T) *stack {
	t.Helper()
	f, err := newFixture(pki.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.impostors()
	if err != nil {
		t.Fatal(err)
	}
	return &stack{
		name:   "trusting",
		client: func(version uint16) connect { return peer(client, f.client.shown(), version) },
		server: func(version uint16) connect { return peer(server, f.server.shown(), version) },
		shown:  shown,
		upgrade: func(ctx context.Context, raw net.Conn, protocol string, then connect) (stream, error) {
			if starttls.Upgrade(ctx, raw, protocol) != nil {
				return raw.(stream), nil
			}
			return then(ctx, raw)
		},
	}
}

// caught holds that a stack's cells say how it is broken.
func caught(t *testing.T, broken *stack, cells map[kind]func(Count) bool) {
	t.Helper()
	table, err := attack(t.Context(), []*stack{broken}, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, caught := range cells {
		if cell := table.Rows[kind].Cells[0]; !caught(cell) {
			t.Errorf("%s: not caught: %+v", table.Rows[kind].Name, cell)
		}
	}
	if text := table.Text(); !strings.Contains(text, "Do not rely on this build.") {
		t.Errorf("the table does not say so:\n%s", text)
	}
}

// TestBrokenStacksAreCaught breaks TLS on purpose: a table of zeros means
// something only if each of its cells can be another number.
func TestBrokenStacksAreCaught(t *testing.T) {
	everyEndIsClean := func(error) error { return io.EOF }
	noEndIsClean := func(error) error { return io.ErrUnexpectedEOF }
	unprotected := altering(t)
	unprotected.detached = true
	tests := []struct {
		name   string
		stack  *stack
		caught map[kind]func(Count) bool
	}{
		{"no protection", altering(t), map[kind]func(Count) bool{
			bitsFlipped:     func(c Count) bool { return c.AlteredBytes > 0 && c.Fooled > 0 },
			recordsMoved:    func(c Count) bool { return c.AlteredBytes > 0 && c.Fooled > c.Tried/2 },
			recordsInserted: func(c Count) bool { return c.AlteredBytes > 0 && c.UnnoticedTruncations > 0 && c.Fooled > c.Tried/2 },
			replays:         func(c Count) bool { return c.AlteredBytes > 0 && c.Downgrades > 0 },
		}},
		{"every end is clean", bent(inProcess(t)[1], everyEndIsClean), map[kind]func(Count) bool{
			bitsFlipped:    func(c Count) bool { return c.UnnoticedTruncations > 0 && c.AlteredBytes == 0 },
			insideRecord:   func(c Count) bool { return c.UnnoticedTruncations > 0 },
			betweenRecords: func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
		}},
		{"no protection behind the handshake", unprotected, map[kind]func(Count) bool{
			bitsFlipped:     func(c Count) bool { return c.AlteredBytes > 0 && c.Fooled > c.Tried/2 },
			recordsMoved:    func(c Count) bool { return c.AlteredBytes > 0 && c.Fooled > c.Tried/2 },
			recordsInserted: func(c Count) bool { return c.AlteredBytes > 0 && c.UnnoticedTruncations > 0 },
			replays:         func(c Count) bool { return c.AlteredBytes > 0 },
		}},
		{"everybody is trusted", trusting(t), map[kind]func(Count) bool{
			// Without the key to its certificate nobody finishes a handshake.
			impostors: func(c Count) bool { return c.ImpostorsTrusted == c.Tried-4 },
			// With the offer taken out or the consent replaced, and as often as the
			// server gives another answer.
			stripped: func(c Count) bool { return c.SentInClear == c.Tried },
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			caught(t, test.stack, test.caught)
		})
	}
	t.Run("every end is clean, of what loops carry", func(t *testing.T) {
		caught(t, bent(detached(t), everyEndIsClean), map[kind]func(Count) bool{
			bitsFlipped:     func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
			recordsMoved:    func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
			recordsInserted: func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
			replays:         func(c Count) bool { return c.UnnoticedTruncations > c.Tried/2 },
			insideRecord:    func(c Count) bool { return c.UnnoticedTruncations == c.Tried },
			betweenRecords:  func(c Count) bool { return c.UnnoticedTruncations == c.Tried },
		})
	})
	t.Run("a clean end taken for cut", func(t *testing.T) {
		arenas := newArenas(0, bent(inProcess(t)[1], noEndIsClean))
		table := newTable([]*stack{arenas[0].own.stack})
		if err := each(t.Context(), cleanTries(arenas, 8), newPayloads(), table, nil); err != nil {
			t.Fatal(err)
		}
		if cell := table.Rows[cleanEnds].Cells[0]; cell.FalseAlarms != 8 || cell.Tried != 8 {
			t.Errorf("have %+v, want 8 false alarms of 8", cell)
		}
	})
}
