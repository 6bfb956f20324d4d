package pki

import "golang.org/x/crypto/cryptobyte/asn1"

// longTag are the bits of a tag's first byte that say that its number, which is
// above 30, follows (X.690, section 8.1.2.4).
const longTag = 0x1f

// longTagged reads an element with such a tag, of which cryptobyte reads none.
// Nothing that is known here has one, but where any value may stand, in an
// attribute of a request, it is passed over like every other. The tag that is
// returned has no number.
func (d *der) longTagged(what string) (whole []byte, tag asn1.Tag, content der) {
	all := []byte(d.String)
	number := base128(all[1:])
	size := 0
	if number > 0 {
		size = lengthSize(all[1+number:])
	}
	header := 1 + number + size
	if length := lengthOf(all[1+number : header]); size > 0 && length <= len(all)-header {
		d.String = all[header+length:]
		return all[:header+length], asn1.Tag(all[0]), der{all[header : header+length], d.problem}
	}
	d.fail("no valid %s", what)
	return nil, 0, der{nil, d.problem}
}

// base128 returns how many bytes the number of a tag takes, 0 if it is none that
// needs its own bytes, or is above 2²¹.
func base128(data []byte) int {
	for i, octet := range data[:min(3, len(data))] {
		switch {
		case i == 0 && (octet == 0x80 || octet < longTag):
			return 0
		case octet < 0x80:
			return i + 1
		}
	}
	return 0
}

// lengthSize returns how many bytes the length of an element takes, 0 if it is not
// as DER has it (X.690, section 10.1), or is of 16 MiB and more.
func lengthSize(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	if data[0] < 0x80 {
		return 1
	}
	size := 1 + int(data[0]&0x7f)
	if size < 2 || size > 4 || size > len(data) || data[1] == 0 || lengthOf(data[:size]) < 0x80 {
		return 0
	}
	return size
}

// lengthOf returns the number that the bytes of a length are.
func lengthOf(data []byte) int {
	if len(data) == 1 {
		return int(data[0])
	}
	length := 0
	for _, octet := range data[min(1, len(data)):] {
		length = length<<8 | int(octet)
	}
	return length
}
