package ciphers

import (
	"slices"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
)

// Codes of this package.
const (
	StringInvalid   fault.Code = "cipher_string_invalid"
	NotConfigurable fault.Code = "cipher_not_configurable"
	Unavailable     fault.Code = "cipher_unavailable"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: StringInvalid, Meaning: "A cipher string has a part that means nothing.",
			Cause: "A misspelt name, or one that this list does not know. OpenSSL would pass over it in silence.",
			Next:  "Correct the part that the message names, or take it out."},
		{Code: NotConfigurable, Meaning: "A cipher string asks for what cannot be chosen.",
			Cause: "The suites of TLS 1.3 are always all on: each of them is strong.",
			Next:  "Take the part out; choose among the suites of TLS 1.2 alone."},
		{Code: Unavailable, Meaning: "A cipher string chooses only suites that crypto/tls does not have.",
			Cause: "It asks for finite-field Diffie-Hellman, shared keys, Camellia, ARIA, CCM or none at all.",
			Next:  "Add suites of ECDHE with AES-GCM or ChaCha20-Poly1305."},
	}
}

// List is a choice of cipher suites of TLS up to 1.2. The zero value chooses
// none.
type List struct {
	chosen []suite // of the table, in its order
}

// maxString bounds a cipher string, in bytes.
const maxString = 4096

// Parse reads a string in OpenSSL's language, such as "HIGH:!aNULL" or
// "ECDHE+AESGCM:ECDHE+CHACHA20" (openssl-ciphers(1)). Signs of order, + and
// @STRENGTH, are read and change nothing: crypto/tls has its own order. A part
// that means nothing is an error, and so is a suite of TLS 1.3; a choice of which
// crypto/tls has nothing is Unavailable, with the List as its detail.
func Parse(text string) (List, error) {
	if len(text) > maxString {
		return List{}, invalid("a cipher string of %d bytes is longer than the %d that are read", len(text), maxString)
	}
	p := parser{in: make([]bool, len(suites())), never: make([]bool, len(suites()))}
	for i, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(":;, ", r) }) {
		if err := p.part(part, i == 0); err != nil {
			return List{}, err
		}
	}
	var list List
	for i, s := range suites() {
		if p.in[i] && s.allowed(p.level) {
			list.chosen = append(list.chosen, s)
		}
	}
	switch {
	case len(list.chosen) == 0:
		return List{}, invalid("the cipher string %q chooses nothing", fault.Printable(text, 100))
	case len(list.Suites()) == 0:
		return List{}, fault.New(Unavailable, "crypto/tls has none of the suites that the cipher string chooses: %s", some(list.Lacking())).
			WithHint("add, for example, ECDHE+AESGCM").WithDetail(list)
	}
	return list, nil
}

// Suites returns the numbers of the chosen suites that crypto/tls has.
func (l List) Suites() []uint16 {
	var ids []uint16
	for _, s := range l.chosen {
		if slices.Contains(goSuites(), s.id) {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// Lacking returns OpenSSL's names of the chosen suites that crypto/tls does not
// have.
func (l List) Lacking() []string {
	var names []string
	for _, s := range l.chosen {
		if !slices.Contains(goSuites(), s.id) {
			names = append(names, s.name)
		}
	}
	return names
}

// Names returns OpenSSL's names of all chosen suites.
func (l List) Names() []string {
	names := make([]string, len(l.chosen))
	for i, s := range l.chosen {
		names[i] = s.name
	}
	return names
}

// IsZero reports whether nothing is chosen.
func (l List) IsZero() bool { return len(l.chosen) == 0 }

// parser holds what the parts so far have chosen, by place in the table.
type parser struct {
	in, never []bool
	level     int // of security; 0 allows all
}

// part obeys one part of a string.
func (p *parser) part(part string, first bool) error {
	switch {
	case strings.HasPrefix(part, "@"):
		return p.command(part)
	case part == "DEFAULT" && first:
		for i, s := range suites() {
			p.in[i] = s.normal
			p.never[i] = p.never[i] || s.enc == none
		}
		return nil
	case strings.HasPrefix(part, "SUITEB") && first:
		return p.suiteB(part)
	}
	if base, command, ok := strings.Cut(part, "@"); ok { // "DEFAULT@SECLEVEL=2"
		if err := p.part(base, first); err != nil {
			return err
		}
		return p.command("@" + command)
	}
	name := strings.TrimLeft(part, "+-!")
	if len(part)-len(name) > 1 {
		return invalid("%q has more than one sign", fault.Printable(part, 100))
	}
	matches, err := matcher(name)
	if err != nil {
		return err
	}
	for i, s := range suites() {
		if !matches(s) {
			continue
		}
		switch part[0] {
		case '+': // its order
		case '-':
			p.in[i] = false
		case '!':
			p.in[i], p.never[i] = false, true
		default:
			p.in[i] = !p.never[i]
		}
	}
	return nil
}

// command obeys what begins with an @.
func (p *parser) command(part string) error {
	level, ok := strings.CutPrefix(part, "@SECLEVEL=")
	if part == "@STRENGTH" {
		return nil
	}
	number, err := strconv.Atoi(level)
	if !ok || err != nil || number < 0 || number > maxLevel {
		return invalid("%q is neither @STRENGTH nor @SECLEVEL=0 to %d", fault.Printable(part, 100), maxLevel)
	}
	p.level = number
	return nil
}

// suiteB chooses the profiles of RFC 6460.
func (p *parser) suiteB(part string) error {
	wanted, ok := map[string][]uint16{
		"SUITEB128": {0xc02b, 0xc02c}, "SUITEB128C2": {0xc02b, 0xc02c},
		"SUITEB128ONLY": {0xc02b}, "SUITEB192": {0xc02c},
	}[part]
	if !ok {
		return unknown(part)
	}
	for i, s := range suites() {
		p.in[i] = slices.Contains(wanted, s.id)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fault.New(StringInvalid, format, args...).WithHint("write, for example, ECDHE+AESGCM:ECDHE+CHACHA20")
}

func unknown(name string) error {
	return invalid("%q is no cipher suite, and no kind of them", fault.Printable(name, 100))
}

// some lists the first names, and how many more there are.
func some(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}
