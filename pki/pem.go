package pki

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"iter"
)

var pemBegin = []byte("-----BEGIN ")

// section is one PEM block of an input.
type section struct {
	label  string     // such as CERTIFICATE
	block  *pem.Block // nil if it is not valid PEM
	offset int        // of its first byte in the input
	line   int        // of its first line, counted from 1
}

// sections yields the PEM blocks of data, counted from 1. pem.Decode alone
// passes over a block that it cannot read, so that a chain would lose a
// certificate without a word; each block is decoded by itself instead.
func sections(data []byte) iter.Seq2[int, section] {
	return func(yield func(int, section) bool) {
		start := bytes.Index(data, pemBegin)
		offset, line := 0, 1
		for number := 1; start >= 0; number++ {
			offset, line = offset+start, line+bytes.Count(data[:start], []byte{'\n'})
			data = data[start:]
			text := data
			after := data[len(pemBegin):]
			if start = bytes.Index(after, pemBegin); start >= 0 {
				start += len(pemBegin)
				text = data[:start]
			}
			label, _, _ := bytes.Cut(after, []byte("-----"))
			block, _ := pem.Decode(text)
			if !yield(number, section{string(label), block, offset, line}) {
				return
			}
		}
	}
}

// place says where the block is, for who looks for it in an editor.
func (s section) place(number int) string {
	return fmt.Sprintf("block %d (line %d, byte %d of the input)", number, s.line, s.offset)
}
