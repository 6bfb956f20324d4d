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
	text   []byte     // up to the next block
}

// Block is one PEM block of an input, and where it stands.
type Block struct {
	Label   string     // such as CERTIFICATE
	Decoded *pem.Block // nil if it is not valid PEM
	Offset  int        // of its first byte in the input
	Line    int        // of its first line, counted from 1
	Text    []byte     // from there up to the next block
}

// Blocks yields the PEM blocks of data, counted from 1, those that are not valid
// among them.
func Blocks(data []byte) iter.Seq2[int, Block] {
	return func(yield func(int, Block) bool) {
		for number, s := range sections(data) {
			if !yield(number, Block{s.label, s.block, s.offset, s.line, s.text}) {
				return
			}
		}
	}
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
			if !yield(number, section{string(label), block, offset, line, text}) {
				return
			}
		}
	}
}

// place says where the block is, for who looks for it in an editor.
func (s section) place(number int) string {
	return fmt.Sprintf("block %d (line %d, byte %d of the input)", number, s.line, s.offset)
}
