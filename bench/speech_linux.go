package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// speech is what the two ends of a connection tell each other, each byte of which is
// checked: so many each way, that depend on where they stand. The client says first what
// will be said, and when it has said all, that this was all; the service hears that, and
// answers with its two hashes and its own end.
type speech struct {
	Seed     uint64 // where in the pattern it begins
	Up, Down int64  // bytes from the client, and to it
	Turn     int64  // bytes after which the client waits for as many; 0: both speak at once
}

// speaker is an end of a connection.
type speaker interface {
	net.Conn
	CloseWrite() error
}

// patternLength has no factor in common with the size of a record or a buffer.
const patternLength = 1<<20 + 7

// pattern is noise, twice the same: from anywhere in it a chunk can be had.
var pattern = func() []byte {
	noise := make([]byte, patternLength)
	rand.NewChaCha8([32]byte{}).Read(noise)
	return append(noise, noise...)
}()

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// monologue is what is said one way.
type monologue struct {
	at   int    // in the pattern
	left int64  // bytes
	sum  uint32 // hash of those that have passed
}

// monologues are both of a speech.
func (s speech) monologues() (up, down *monologue) {
	at := int(s.Seed % patternLength)
	return &monologue{at: at, left: s.Up}, &monologue{at: (at + patternLength/2) % patternLength, left: s.Down}
}

func (c *monologue) pass(data []byte) {
	c.at, c.left, c.sum = (c.at+len(data))%patternLength, c.left-int64(len(data)), crc32.Update(c.sum, castagnoli, data)
}

// say says the next bytes, n or what is left.
func (c *monologue) say(to io.Writer, n int64) error {
	for n = min(n, c.left); n > 0; {
		part := pattern[c.at:][:min(n, chunk)]
		if _, err := to.Write(part); err != nil {
			return err
		}
		c.pass(part)
		n -= int64(len(part))
	}
	return nil
}

// hear hears the next bytes, n or what is left, and compares each.
func (c *monologue) hear(from io.Reader, n int64, heard *atomic.Int64) error {
	n = min(n, c.left)
	buffer := make([]byte, min(n, chunk))
	for n > 0 {
		have, err := from.Read(buffer[:min(n, chunk)])
		if !bytes.Equal(buffer[:have], pattern[c.at:][:have]) {
			return errors.New("some bytes are not those that were sent")
		}
		c.pass(buffer[:have])
		heard.Add(int64(have))
		if n -= int64(have); err != nil && n > 0 {
			return fmt.Errorf("%d bytes are missing: %w", c.left, err)
		}
	}
	return nil
}

// ask is the client's part; heard counts its bytes.
func (s speech) ask(conn speaker, heard *atomic.Int64) error {
	if err := binary.Write(conn, binary.BigEndian, s); err != nil {
		return err
	}
	up, down := s.monologues()
	for s.Turn > 0 && up.left > 0 {
		if err := errors.Join(up.say(conn, s.Turn), down.hear(conn, s.Turn, heard)); err != nil {
			return err
		}
	}
	err := atOnce(conn, func() error { return cmp.Or(up.say(conn, up.left), conn.CloseWrite()) },
		func() error { return down.hear(conn, down.left, heard) })
	if err != nil {
		return err
	}
	var sums [2]uint32
	if err := binary.Read(conn, binary.BigEndian, &sums); err != nil {
		return fmt.Errorf("the hashes are missing: %w", err)
	}
	if want := [2]uint32{up.sum, down.sum}; sums != want {
		return fmt.Errorf("the hashes are %x, want %x", sums, want)
	}
	return ended(conn)
}

// errNobody is of a connection on which nobody asks: that somebody listens was to be seen.
var errNobody = errors.New("nothing was said")

// answer is the service's part.
func answer(conn speaker, heard *atomic.Int64) error {
	var s speech
	switch err := binary.Read(conn, binary.BigEndian, &s); {
	case err == io.EOF:
		return errNobody
	case err != nil:
		return fmt.Errorf("nothing was said: %w", err)
	}
	up, down := s.monologues()
	for s.Turn > 0 && up.left > 0 {
		if err := errors.Join(up.hear(conn, s.Turn, heard), down.say(conn, s.Turn)); err != nil {
			return err
		}
	}
	err := atOnce(conn, func() error { return down.say(conn, down.left) },
		func() error { return cmp.Or(up.hear(conn, up.left, heard), ended(conn)) })
	if err != nil {
		return err
	}
	return cmp.Or(binary.Write(conn, binary.BigEndian, [2]uint32{up.sum, down.sum}), conn.CloseWrite())
}

// atOnce says and hears at the same time. Who cannot say any more does not wait to hear.
func atOnce(conn speaker, say, hear func() error) error {
	said := make(chan error, 1)
	go func() {
		err := say()
		if err != nil {
			conn.SetReadDeadline(time.Now())
		}
		said <- err
	}()
	err := hear()
	if err != nil {
		conn.SetWriteDeadline(time.Now())
	}
	return errors.Join(<-said, err)
}

// ended hears that this was all.
func ended(conn speaker) error {
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return fmt.Errorf("instead of the end there are %d bytes and %v", n, err)
	}
	return nil
}
