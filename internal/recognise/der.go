package recognise

import "bytes"

// Tags of DER that tell the kinds apart (X.690, section 8.1.2).
const (
	tagInteger    = 0x02
	tagBits       = 0x03
	tagOctets     = 0x04
	tagOID        = 0x06
	tagEnumerated = 0x0a
	tagUTCTime    = 0x17
	tagTime       = 0x18
	tagSequence   = 0x30
	tagExplicit0  = 0xa0
)

// element is one element of DER or BER, as far as it is there: cryptobyte refuses
// what is cut short, and what that once was is of interest here.
type element struct {
	tag     byte
	content []byte
	whole   int // bytes with the header, were none missing; all there are for BER without a length
}

// sequence reports whether data may begin with an object of DER.
func sequence(data []byte) bool {
	_, ok := read(data)
	return ok && data[0] == tagSequence
}

// read reads the header of the first element.
func read(data []byte) (e element, ok bool) {
	if len(data) < 2 || data[0]&0x1f == 0x1f {
		return e, false
	}
	length, header := int(data[1]), 2
	switch {
	case length == 0x80: // of BER: until its end is said
		return element{data[0], data[2:], len(data)}, true
	case length > 0x80:
		digits := length & 0x7f
		if digits > 4 || len(data) < 2+digits {
			return e, false
		}
		length, header = 0, 2+digits
		for _, digit := range data[2:header] {
			length = length<<8 | int(digit)
		}
	}
	return element{data[0], data[header:min(header+length, len(data))], header + length}, true
}

// first splits off the first element, with its header.
func first(data []byte) (whole, rest []byte) {
	e, ok := read(data)
	if !ok {
		return data, nil
	}
	n := min(e.whole, len(data))
	return data[:n], data[n:]
}

// cutBy returns how many bytes are missing at the end.
func cutBy(data []byte) int {
	e, ok := read(data)
	if !ok {
		return 0
	}
	return max(e.whole-len(data), 0)
}

// inside returns the first elements of a sequence's contents, at most six: more
// are not needed to tell what it is.
func inside(content []byte) []element {
	var list []element
	for len(content) > 0 && len(list) < 6 {
		e, ok := read(content)
		if !ok {
			break
		}
		list = append(list, e)
		content = content[min(e.whole, len(content)):]
	}
	return list
}

// tagOf returns the tag of the element at a place, 0 if there is none.
func tagOf(list []element, at int) byte {
	if at >= len(list) {
		return 0
	}
	return list[at].tag
}

// kindOf tells by the outermost elements what an object is.
func kindOf(der []byte) Kind {
	outer, ok := read(der)
	if !ok || outer.tag != tagSequence {
		return Unknown
	}
	list := inside(outer.content)
	switch tagOf(list, 0) {
	case tagInteger:
		return kindOfNumbers(list)
	case tagOID:
		// 1.2.840.113549.1.7 is PKCS#7's, 1.2.840.113549.1.9.16.1 what CMS adds.
		if id := list[0].content; bytes.HasPrefix(id, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07")) || bytes.HasPrefix(id, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01")) {
			return PKCS7
		}
	case tagEnumerated:
		return OCSPResponse
	case tagSequence:
		return kindOfSequences(list)
	}
	return Unknown
}

// kindOfNumbers tells what begins with a version, or consists of numbers.
func kindOfNumbers(list []element) Kind {
	version := list[0].content
	small := len(version) == 1
	switch tagOf(list, 1) {
	case tagOctets: // SEC 1
		return PrivateKey
	case tagSequence:
		switch {
		case small && version[0] == 3: // RFC 7292, section 4
			return PKCS12
		case tagOf(list, 2) == tagOctets || len(list) == 2: // PKCS#8
			return PrivateKey
		}
	case tagInteger:
		switch {
		case small && len(list) >= 5: // PKCS#1, DSA
			return PrivateKey
		case len(list) == 2 && string(list[1].content) == "\x02": // PKCS#3: prime and generator
			return Parameters
		case len(list) == 2 && len(list[0].content) >= 64 && len(list[1].content) <= 9: // PKCS#1: modulus and exponent
			return PublicKey
		case len(list) == 2 && len(list[0].content) <= 67 && len(list[1].content) <= 67: // r and s of at most 521 bits
			return Signature
		case len(list) <= 4:
			return Parameters
		}
	}
	return Unknown
}

// kindOfSequences tells what begins with a sequence.
func kindOfSequences(list []element) Kind {
	inner := inside(list[0].content)
	switch tagOf(list, 1) {
	case tagBits:
		return PublicKey
	case tagOctets:
		if tagOf(inner, 0) == tagOID {
			return PrivateKey // encrypted PKCS#8
		}
	case tagSequence:
		return kindOfSigned(inner)
	case 0, tagExplicit0: // RFC 6960, section 4.1.1
		if cut := kindOfSigned(inner); len(list) == 1 && cut == Certificate {
			return cut // of which nothing else is left
		}
		if at := tagOf(inner, 0); at == tagSequence || at&0xe0 == 0xa0 {
			return OCSPRequest
		}
	}
	return Unknown
}

// kindOfSigned tells by its contents what is signed: a certificate, a request or a
// revocation list.
func kindOfSigned(tbs []element) Kind {
	isTime := func(at int) bool { tag := tagOf(tbs, at); return tag == tagUTCTime || tag == tagTime }
	switch tagOf(tbs, 0) {
	case tagExplicit0:
		if tagOf(tbs, 1) == tagInteger {
			return Certificate
		}
	case tagInteger:
		switch {
		case isTime(3):
			return CRL
		case tagOf(tbs, 3) == tagSequence:
			return Certificate // of version 1
		case tagOf(tbs, 3) == tagExplicit0 || len(tbs) == 3:
			return Request
		}
	case tagSequence:
		if isTime(2) { // of version 1
			return CRL
		}
	}
	return Unknown
}
