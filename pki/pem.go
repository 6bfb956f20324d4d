package pki

import (
	"bytes"
	"encoding/pem"
	"iter"
)

var pemBegin = []byte("-----BEGIN ")

// section is one PEM block of an input.
type section struct {
	label string     // such as CERTIFICATE
	block *pem.Block // nil if it is not valid PEM
}

// sections yields the PEM blocks of data, counted from 1. pem.Decode alone
// passes over a block that it cannot read, so that a chain would lose a
// certificate without a word; each block is decoded by itself instead.
func sections(data []byte) iter.Seq2[int, section] {
	return func(yield func(int, section) bool) {
		start := bytes.Index(data, pemBegin)
		for number := 1; start >= 0; number++ {
			data = data[start:]
			text := data
			after := data[len(pemBegin):]
			if start = bytes.Index(after, pemBegin); start >= 0 {
				start += len(pemBegin)
				text = data[:start]
			}
			label, _, _ := bytes.Cut(after, []byte("-----"))
			block, _ := pem.Decode(text)
			if !yield(number, section{string(label), block}) {
				return
			}
		}
	}
}
