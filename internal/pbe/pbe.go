// Package pbe derives keys from passwords in the way of PKCS#12, which keys and
// PKCS#12 files are read with. Nothing is written with it.
package pbe

import (
	"hash"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// Purpose is what the derived bytes are for (RFC 7292, appendix B.3).
type Purpose byte

// The purposes.
const (
	Key    Purpose = 1
	Vector Purpose = 2
	MAC    Purpose = 3
)

// Derive returns size bytes for a purpose from a password (RFC 7292, appendix
// B.2). Rounds are at least 1.
func Derive(h hash.Hash, purpose Purpose, password, salt []byte, rounds, size int) []byte {
	v := h.BlockSize()
	diversifier := slices.Repeat([]byte{byte(purpose)}, v)
	input := append(repeatTo(salt, v), repeatTo(password, v)...)
	var out []byte
	for len(out) < size {
		sum := slices.Concat(diversifier, input)
		for range rounds {
			h.Reset()
			h.Write(sum)
			sum = h.Sum(sum[:0])
		}
		out = append(out, sum...)
		addend := repeatTo(sum, v)[:v]
		for at := 0; at < len(input); at += v {
			addPlusOne(input[at:at+v], addend)
		}
	}
	return out[:size]
}

// repeatTo repeats data to the next multiple of size.
func repeatTo(data []byte, size int) []byte {
	if len(data) == 0 {
		return nil
	}
	length := (len(data) + size - 1) / size * size
	return slices.Repeat(data, length/len(data)+1)[:length]
}

// addPlusOne sets a to a + b + 1, without the carry out of it.
func addPlusOne(a, b []byte) {
	carry := 1
	for i := len(a) - 1; i >= 0; i-- {
		carry += int(a[i]) + int(b[i])
		a[i], carry = byte(carry), carry>>8
	}
}

// Password returns a passphrase as PKCS#12 has it: UTF-16, high byte first, with
// a zero at its end (RFC 7292, appendix B.1; characters beyond the first plane
// and passphrases that are not UTF-8 as OpenSSL takes them). No passphrase, nil,
// is no bytes at all, which some programs write instead of an empty one.
func Password(passphrase []byte) []byte {
	if passphrase == nil {
		return nil
	}
	var units []uint16
	if utf8.Valid(passphrase) {
		units = utf16.Encode([]rune(string(passphrase)))
	} else {
		for _, octet := range passphrase {
			units = append(units, uint16(octet))
		}
	}
	var out []byte
	for _, unit := range append(units, 0) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}
