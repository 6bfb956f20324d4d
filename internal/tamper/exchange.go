package tamper

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// shape says how much each end sends to the other before it says that this was
// all.
type shape int

const (
	// small has a record of data and a close_notify each way, so that the whole
	// flow, its handshake included, can be attacked at every byte.
	small shape = iota
	// large has 64 records of 1 KiB each way.
	large
)

// seed makes payloads and samples the same in every run.
const seed = 0x516e7

// payloads are what each side sends, by shape and side: in an attacked
// connection, and in those of which the adversary has a recording.
type payloads struct{ now, past [2][2][]byte }

func newPayloads() (p payloads) {
	random := rand.New(rand.NewPCG(seed, 0))
	for _, data := range []*[2][2][]byte{&p.now, &p.past} {
		for size, length := range []int{small: 48, large: 64 << 10} {
			for sender := range data[size] {
				data[size][sender] = make([]byte, length)
				for i := range data[size][sender] {
					data[size][sender][i] = byte(random.Uint32())
				}
			}
		}
	}
	return p
}

// outcome is what an application at one end saw.
type outcome struct {
	got       []byte // what it read
	ended     error  // nil: it was told that this was all
	wrote     error  // nil: all of its own data was sent
	met       bool   // its handshake was done
	handshake int    // bytes it had sent by then
	heard     int    // and read
}

// exchange lets the two ends meet over the link: each sends its payload, says
// that this was all, and reads to the end.
func exchange(ctx context.Context, l *link, ends [2]connect, sends [2][]byte) (saw [2]outcome) {
	timer := time.AfterFunc(patience, l.expire)
	defer timer.Stop()
	var both sync.WaitGroup
	for at := range ends {
		both.Go(func() { saw[at] = l.visit(ctx, side(at), ends[at], sends[at], len(sends[side(at).other()])) })
	}
	both.Wait()
	return saw
}

func (l *link) visit(ctx context.Context, at side, meet connect, send []byte, expect int) (saw outcome) {
	conn, err := meet(ctx, l.end(at))
	if err != nil {
		return outcome{ended: err, wrote: err}
	}
	defer conn.Close()
	saw.met = true
	saw.handshake, saw.heard = l.passed(at)
	saw.wrote = writeAll(conn, send)
	saw.got, saw.ended = readAll(conn, expect)
	return saw
}

// chunk is what the application writes at once, and so the size of a record.
const chunk = 1 << 10

func writeAll(conn stream, data []byte) error {
	for part := range slices.Chunk(data, chunk) {
		if _, err := conn.Write(part); err != nil {
			return err
		}
	}
	return conn.CloseWrite()
}

// passed returns how many bytes a side has written and read.
func (l *link) passed(by side) (written, read int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends[by.other()].sent, l.ends[by].read
}

// readAll is io.ReadAll for about expect bytes. It stops a little behind them,
// where the stream is altered anyhow.
func readAll(r io.Reader, expect int) ([]byte, error) {
	data, n := make([]byte, expect+1), 0
	for n < len(data) {
		m, err := r.Read(data[n:])
		n += m
		if err == io.EOF {
			return data[:n], nil
		}
		if err != nil {
			return data[:n], err
		}
	}
	return data, nil
}

// altered returns how many bytes differ from those sent at their position.
func (o outcome) altered(sent []byte) int {
	if bytes.HasPrefix(sent, o.got) {
		return 0
	}
	n := max(len(o.got)-len(sent), 0)
	for i := range min(len(o.got), len(sent)) {
		if o.got[i] != sent[i] {
			n++
		}
	}
	return n
}

// well reports whether everything arrived, was known to be all, and was sent.
func (o outcome) well(sent []byte) bool {
	return o.ended == nil && o.wrote == nil && bytes.Equal(o.got, sent)
}
