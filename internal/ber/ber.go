// Package ber turns BER into DER, for the containers that Windows, macOS and old
// programs write in the freer of the two: PKCS#7 and PKCS#12.
package ber

import (
	"errors"
	"fmt"
)

// What is read; more is refused before any memory is spent on it.
const (
	// maxDepth is how deep elements may be nested. Containers with certificates
	// in them have about 25 levels.
	maxDepth = 64
	// maxElements bounds what the conversion remembers, one length for each
	// constructed element. A bundle of 1,000 certificates has about 100,000.
	maxElements = 1 << 20
)

const (
	octetString = 0x04
	constructed = 0x20
	indefinite  = -1
)

// ToDER returns the value that data begins with, with definite lengths in the
// fewest bytes, and with its octet strings in one piece (X.690, sections 8.1.3.6,
// 10.1 and 10.2). What is left behind the value is an error. Data that is DER in
// these respects is returned as it is. Nothing else is normalised: the contents
// of primitive elements stay as they are, and signatures over them valid.
func ToDER(data []byte) ([]byte, error) {
	c := converter{in: data, isDER: true}
	total, err := c.measure(0, false)
	if err != nil {
		return nil, err
	}
	if c.at != len(data) {
		return nil, c.problem("something behind the end of the value")
	}
	if c.isDER {
		return data, nil
	}
	c.at, c.next, c.out = 0, 0, make([]byte, 0, total)
	c.write()
	return c.out, nil
}

// converter reads its input twice: first it measures every constructed element,
// then it writes, when all lengths are known.
type converter struct {
	in      []byte
	at      int
	lengths []int // of constructed elements in DER, in the order of their headers
	next    int   // the length that write needs next
	isDER   bool
	out     []byte
}

// header is the tag and length of one element.
type header struct {
	tag    byte
	length int // or indefinite
	size   int // of the header itself
}

// problem names the byte at which the value is not as it must be.
func (c *converter) problem(format string, args ...any) error {
	return fmt.Errorf("%s at byte %d", fmt.Sprintf(format, args...), c.at)
}

var errShort = errors.New("the data ends in the middle")

// header reads the next header without moving on.
func (c *converter) header() (header, error) {
	rest := c.in[c.at:]
	if len(rest) < 2 {
		return header{}, errShort
	}
	h := header{tag: rest[0], length: int(rest[1]), size: 2}
	switch {
	case h.tag&0x1f == 0x1f:
		return header{}, c.problem("a tag of several bytes")
	case h.length == 0x80:
		h.length = indefinite
		if h.tag&constructed == 0 {
			return header{}, c.problem("an indefinite length of a primitive element")
		}
		return h, nil
	case h.length > 0x84:
		return header{}, c.problem("a length of more than four bytes")
	case h.length > 0x80:
		digits := h.length & 0x7f
		if len(rest) < 2+digits {
			return header{}, errShort
		}
		h.length, h.size = 0, 2+digits
		for _, digit := range rest[2:h.size] {
			h.length = h.length<<8 | int(digit)
		}
	}
	if h.length > len(rest)-h.size {
		return header{}, c.problem("an element of %d bytes, of which %d are there,", h.length, len(rest)-h.size)
	}
	return h, nil
}

// isEnd reports whether the contents of an indefinite length end here.
func (c *converter) isEnd() bool {
	rest := c.in[c.at:]
	return len(rest) >= 2 && rest[0] == 0 && rest[1] == 0
}

// measure moves past one element and returns its size in DER. The pieces of an
// octet string count by their contents.
func (c *converter) measure(depth int, piece bool) (int, error) {
	h, err := c.header()
	switch {
	case err != nil:
		return 0, err
	case depth == maxDepth:
		return 0, c.problem("more than %d levels", maxDepth)
	case piece && h.tag&^constructed != octetString:
		return 0, c.problem("a piece of an octet string that is none,")
	}
	c.isDER = c.isDER && h.length != indefinite && h.tag != octetString|constructed && h.size == headerSize(h.length)
	c.at += h.size
	var content int
	if h.tag&constructed == 0 {
		content = h.length
		c.at += h.length
	} else if content, err = c.measureContents(h, depth); err != nil {
		return 0, err
	}
	if piece {
		return content, nil
	}
	return headerSize(content) + content, nil
}

// measureContents moves past the contents of a constructed element.
func (c *converter) measureContents(h header, depth int) (content int, err error) {
	if len(c.lengths) == maxElements {
		return 0, c.problem("more than %d constructed elements", maxElements)
	}
	slot := len(c.lengths)
	c.lengths = append(c.lengths, 0)
	outer, end := c.in, c.at+h.length
	if h.length != indefinite {
		c.in = c.in[:end] // an inner element may not reach further
	}
	for {
		if h.length == indefinite && c.isEnd() {
			c.at += 2
			break
		}
		if h.length != indefinite && c.at == end {
			break
		}
		size, err := c.measure(depth+1, h.tag == octetString|constructed)
		if err != nil {
			return 0, err
		}
		content += size
	}
	c.in = outer
	c.lengths[slot] = content
	return content, nil
}

// write copies one element, which measure has seen.
func (c *converter) write() {
	h, _ := c.header()
	c.at += h.size
	if h.tag&constructed == 0 {
		c.out = appendHeader(c.out, h.tag, h.length)
		c.copy(h.length)
		return
	}
	tag := h.tag
	if tag == octetString|constructed {
		tag = octetString
	}
	c.out = appendHeader(c.out, tag, c.lengths[c.next])
	c.writeContents(h)
}

func (c *converter) writeContents(h header) {
	c.next++
	for end := c.at + h.length; ; {
		if h.length == indefinite && c.isEnd() {
			c.at += 2
			return
		}
		if h.length != indefinite && c.at == end {
			return
		}
		if h.tag == octetString|constructed {
			c.writePiece()
		} else {
			c.write()
		}
	}
}

// writePiece copies the contents of one piece of an octet string.
func (c *converter) writePiece() {
	h, _ := c.header()
	c.at += h.size
	if h.tag&constructed == 0 {
		c.copy(h.length)
		return
	}
	c.writeContents(h)
}

func (c *converter) copy(length int) {
	c.out = append(c.out, c.in[c.at:c.at+length]...)
	c.at += length
}

// lengthSize is how many bytes a length has behind its first.
func lengthSize(length int) int {
	size := 0
	if length >= 0x80 {
		for ; length > 0; length >>= 8 {
			size++
		}
	}
	return size
}

func headerSize(length int) int { return 2 + lengthSize(length) }

func appendHeader(out []byte, tag byte, length int) []byte {
	size := lengthSize(length)
	if size == 0 {
		return append(out, tag, byte(length))
	}
	out = append(out, tag, 0x80|byte(size))
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		out = append(out, byte(length>>shift))
	}
	return out
}
