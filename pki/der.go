package pki

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Tags of context-specific elements.
func primitive(number uint8) asn1.Tag   { return asn1.Tag(number).ContextSpecific() }
func constructed(number uint8) asn1.Tag { return primitive(number).Constructed() }

// der reads the elements of one DER value from the front. The first element that
// is not as it must be is kept as the error, and from then on everything reads
// as empty: a parser asks for the error once, at its end. Readers of inner
// values share the error of the outermost.
type der struct {
	cryptobyte.String
	problem *derProblem
}

// derProblem is the first error of a value, and where it is.
type derProblem struct {
	size int // of the outermost value's memory, to tell an offset by
	err  error
}

// derError says what could not be read, and at which byte of the input.
type derError struct {
	what   string
	offset int
}

func (e *derError) Error() string { return fmt.Sprintf("%s at byte %d", e.what, e.offset) }

func newDER(data []byte) der {
	return der{data, &derProblem{size: cap(data)}}
}

// restart has d read other data, as if nothing had been wrong.
func (d *der) restart(data []byte) {
	d.String, *d.problem = data, derProblem{size: cap(data)}
}

// fail keeps an error about the element that begins where d stands. Slices of
// one array differ in their capacity by their distance.
func (d *der) fail(format string, args ...any) {
	d.failAt(d.String, format, args...)
}

func (d *der) failAt(place []byte, format string, args ...any) {
	if d.problem.err == nil {
		d.problem.err = &derError{fmt.Sprintf(format, args...), d.problem.size - cap(place)}
	}
	d.String = nil
}

func (d *der) err() error { return d.problem.err }

// end returns the error, if there is one or anything is left.
func (d *der) end(what string) error {
	if d.err() == nil && len(d.String) > 0 {
		d.fail("%s goes on where it should end,", what)
	}
	return d.err()
}

// more reports whether there is another element.
func (d *der) more() bool { return d.err() == nil && len(d.String) > 0 }

// read returns the contents of the next element, which must have the tag.
func (d *der) read(tag asn1.Tag, what string) der {
	var content cryptobyte.String
	if d.err() != nil || !d.ReadASN1(&content, tag) {
		d.fail("no valid %s", what)
		return der{nil, d.problem}
	}
	return der{content, d.problem}
}

// element returns the next element, whatever its tag: whole, and its tag and
// contents.
func (d *der) element(what string) (whole []byte, tag asn1.Tag, content der) {
	var all cryptobyte.String
	if d.err() == nil && len(d.String) > 0 && d.String[0]&longTag == longTag {
		return d.longTagged(what)
	}
	if d.err() != nil || !d.ReadAnyASN1Element(&all, &tag) {
		d.fail("no valid %s", what)
		return nil, 0, der{nil, d.problem}
	}
	header := 2
	if all[1] >= 0x80 { // the length's own length (X.690, section 8.1.3.5)
		header += int(all[1] & 0x7f)
	}
	return all, tag, der{all[header:], d.problem}
}

// whole returns the next element with its header, which must have the tag, and
// its contents.
func (d *der) whole(tag asn1.Tag, what string) ([]byte, der) {
	if d.err() == nil && !d.PeekASN1Tag(tag) {
		d.fail("no valid %s", what)
	}
	all, _, content := d.element(what)
	return all, content
}

func (d *der) sequence(what string) der { return d.read(asn1.SEQUENCE, what) }

// has reports whether the next element has the tag, as optional ones do.
func (d *der) has(tag asn1.Tag) bool { return d.err() == nil && d.PeekASN1Tag(tag) }

func (d *der) oid(what string) OID {
	content := d.read(asn1.OBJECT_IDENTIFIER, what)
	return content.oidContent(what)
}

// oidContent takes the rest as the contents of an object identifier.
func (d *der) oidContent(what string) OID {
	if d.err() != nil {
		return ""
	}
	if !isOID(d.String) {
		d.fail("no valid object identifier of %s", what)
		return ""
	}
	return intern(d.String)
}

// integer returns the contents of an INTEGER: two's complement in the fewest
// bytes (X.690, section 8.3).
func (d *der) integer(what string) []byte {
	content := d.read(asn1.INTEGER, what)
	return content.integerContent(what)
}

func (d *der) integerContent(what string) []byte {
	b := []byte(d.String)
	if d.err() != nil {
		return nil
	}
	if len(b) == 0 || len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		d.fail("no valid number of %s", what)
		return nil
	}
	return b
}

// small returns an INTEGER between 0 and 2³¹-1.
func (d *der) small(what string) int {
	content := d.read(asn1.INTEGER, what)
	return content.smallContent(what)
}

func (d *der) smallContent(what string) int {
	b := d.integerContent(what)
	if d.err() != nil {
		return 0
	}
	if len(b) > 4 || b[0] >= 0x80 {
		d.fail("a number out of bounds in %s", what)
		return 0
	}
	n := 0
	for _, octet := range b {
		n = n<<8 | int(octet)
	}
	return n
}

// bool returns a BOOLEAN (X.690, section 11.1).
func (d *der) bool(what string) bool {
	content := d.read(asn1.BOOLEAN, what)
	return content.boolContent(what)
}

func (d *der) boolContent(what string) bool {
	b := d.String
	if d.err() == nil && (len(b) != 1 || b[0] != 0 && b[0] != 0xff) {
		d.fail("no valid yes or no of %s", what)
	}
	return d.err() == nil && b[0] == 0xff
}

// bits returns a BIT STRING, and how many bits of its last byte do not count.
func (d *der) bits(what string) (data []byte, unused int) {
	content := d.read(asn1.BIT_STRING, what)
	return content.bitsContent(what)
}

func (d *der) bitsContent(what string) (data []byte, unused int) {
	b := []byte(d.String)
	if d.err() != nil {
		return nil, 0
	}
	if len(b) == 0 || b[0] > 7 || len(b) == 1 && b[0] != 0 || b[len(b)-1]&(1<<b[0]-1) != 0 && len(b) > 1 {
		d.fail("no valid bits of %s", what)
		return nil, 0
	}
	return b[1:], int(b[0])
}

// octets returns a BIT STRING that should be of whole bytes, as signatures and
// keys are; the bits of any other are moved to the right, as crypto/x509 does, so
// that it is another value.
func (d *der) octets(what string) []byte {
	data, unused := d.bits(what)
	if unused == 0 {
		return data
	}
	moved := make([]byte, len(data))
	carry := byte(0)
	for i, octet := range data {
		moved[i] = carry | octet>>unused
		carry = octet << (8 - unused)
	}
	return moved
}

// time returns a UTCTime or GeneralizedTime (RFC 5280, section 4.1.2.5).
func (d *der) time(what string) time.Time {
	t, _ := d.date(what)
	return t
}

// date is time, and whether it is written with seconds and the zone Z, as it must
// be.
func (d *der) date(what string) (t time.Time, whole bool) {
	all, tag, content := d.element(what)
	if d.err() != nil {
		return time.Time{}, false
	}
	err := errTime
	switch tag {
	case asn1.UTCTime:
		if t, whole = parseDigits(content.String, 2); whole {
			return t, true
		}
		t, err = parseUTC(content.String)
	case asn1.GeneralizedTime:
		if t, whole = parseDigits(content.String, 4); whole {
			return t, true
		}
		t, err = parseGeneralized(content.String)
	}
	if err != nil {
		d.failAt(all, "no valid time of %s", what)
	}
	return t, false
}

// generalized returns a GeneralizedTime.
func (d *der) generalized(what string) time.Time {
	content := d.read(asn1.GeneralizedTime, what)
	t, err := parseGeneralized(content.String)
	if d.err() == nil && err != nil {
		d.failAt(content.String, "no valid time of %s", what)
	}
	return t
}

var errTime = errors.New("not a time")

// parseZone reads a time in one of these layouts, with a zone. Fractions of
// seconds, which time.Parse reads in any layout, no time here may have
// (RFC 5280, sections 4.1.2.5.2 and 5.3.2).
func parseZone(text []byte, layouts ...string) (time.Time, error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '9' || bytes.ContainsAny(text, ".,") { // time.Parse would take a sign
		return time.Time{}, errTime
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(text)); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errTime
}

// parseUTC reads YYMMDDHHMMSSZ; years below 50 are of this century
// (RFC 5280, section 4.1.2.5.1). Seconds may be absent and the zone another, as
// some authorities once wrote it.
func parseUTC(text []byte) (time.Time, error) {
	t, err := parseZone(text, "060102150405Z0700", "0601021504Z0700")
	if err == nil && t.Year() >= 2050 {
		t = t.AddDate(-100, 0, 0)
	}
	return t.UTC(), err
}

// parseGeneralized reads YYYYMMDDHHMMSSZ (RFC 5280, section 4.1.2.5.2).
func parseGeneralized(text []byte) (time.Time, error) {
	if t, ok := parseDigits(text, 4); ok {
		return t, nil
	}
	t, err := parseZone(text, "20060102150405Z0700")
	return t.UTC(), err
}

// parseDigits reads a year of so many digits, then MMDDHHMMSSZ.
func parseDigits(text []byte, yearDigits int) (time.Time, bool) {
	if len(text) != yearDigits+11 || text[len(text)-1] != 'Z' {
		return time.Time{}, false
	}
	number := func(from, to int) int {
		n := 0
		for _, digit := range text[from:to] {
			if digit < '0' || digit > '9' {
				return -1 << 20 // no field of a date can be
			}
			n = n*10 + int(digit-'0')
		}
		return n
	}
	year := number(0, yearDigits)
	if yearDigits == 2 && year >= 0 {
		if year += 1900; year < 1950 {
			year += 100
		}
	}
	at := yearDigits
	month, day := number(at, at+2), number(at+2, at+4)
	hour, minute, second := number(at+4, at+6), number(at+6, at+8), number(at+8, at+10)
	if year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day && int(t.Month()) == month // else it was no day of the calendar
}

// bigInt returns the number whose contents as INTEGER these are.
func bigInt(content []byte) *big.Int {
	n := new(big.Int).SetBytes(content)
	if len(content) > 0 && content[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return n
}

// integerOf returns the contents of n as INTEGER.
func integerOf(n *big.Int) []byte {
	content := newDER(integerElement(n))
	return content.integer("number")
}
