package pki

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestDumpLimits holds each limit of a text at its edge: what fits is whole, and
// of what does not the rest is counted.
func TestDumpLimits(t *testing.T) {
	dumped := func(write func(*dump)) string {
		var d dump
		write(&d)
		return d.out.String()
	}
	entries := func(n int) []string { return slices.Repeat([]string{"a"}, n) }
	names := func(n int) []GeneralName { return slices.Repeat([]GeneralName{dnsName}, n) }
	lines := func(n int) string { return strings.Repeat("  a\n", n) }
	extensions := func(n int) string {
		return dumped(func(d *dump) { d.extensions(0, "title", slices.Repeat([]Extension{{ID: oid123}}, n)) })
	}
	tests := []struct{ name, have, want string }{
		{"no entry", dumped(func(d *dump) { d.list(2, true, nil) }), "  <EMPTY>\n"},
		{"1,000 entries", dumped(func(d *dump) { d.list(2, true, entries(1000)) }), lines(1000)},
		{"1,001 entries", dumped(func(d *dump) { d.list(2, true, entries(1001)) }), lines(1000) + "  … and 1 more\n"},
		{"1,002 entries of one line", dumped(func(d *dump) { d.list(2, false, entries(1002)) }), "  " + strings.Repeat("a, ", 1000) + "… and 2 more\n"},
		{"1,002 names", dumped(func(d *dump) { d.extension(0, OIDSubjectAltName, names(1002)) }), strings.Repeat("DNS:a.example, ", 1000) + "… and 2 more\n"},
		{"1,000 extensions", extensions(1000), "title:\n" + strings.Repeat("    1.2.3: \n        \n", 1000)},
		{"1,002 extensions", extensions(1002), "title:\n" + strings.Repeat("    1.2.3: \n        \n", 1000) + "    … and 2 more\n"},
		{"octets of one line", dumped(func(d *dump) { d.octets(1, 2, []byte{1, 0xab}) }), " 01:ab\n"},
		{"octets of two lines", dumped(func(d *dump) { d.octets(1, 2, []byte{1, 0xab, 3}) }), " 01:ab:\n 03\n"},
		{"4,096 octets", dumped(func(d *dump) { d.octets(1, 4096, make([]byte, 4096)) }), " 00" + strings.Repeat(":00", 4095) + "\n"},
		{"4,097 octets", dumped(func(d *dump) { d.octets(1, 4096, make([]byte, 4097)) }), " 00" + strings.Repeat(":00", 4095) + "\n … and 1 more bytes\n"},
		{"4,096 octets on a line", hexBounded(make([]byte, 4096)), "00" + strings.Repeat(":00", 4095)},
		{"4,098 octets on a line", hexBounded(make([]byte, 4098)), "00" + strings.Repeat(":00", 4095) + "… (4098 bytes)"},
		{"4,096 octets as dots", dots(make([]byte, 4096)), strings.Repeat(".", 4096)},
		{"4,098 octets as dots", dots(make([]byte, 4098)), strings.Repeat(".", 4096) + "… (4098 bytes)"},
		{"ASCII among dots", dots([]byte(" ~\x7f\x1f\x80a")), " ~...a"},
		{"4,098 octets of a timestamp", dumped(func(d *dump) { d.hexLines(0, "l: ", make([]byte, 4098)) }), "l: " + strings.TrimSuffix(strings.Repeat(strings.Repeat("00:", 16)+"\n            ", 256), ":\n            ") + "\n"},
		{"a text of 16,384 bytes", plainText(strings.Repeat("a", 16384)), strings.Repeat("a", 16384)},
		{"a text of 16,385 bytes", plainText(strings.Repeat("a", 16385)), strings.Repeat("a", 16384) + "… (16385 bytes)"},
		{"a text cut within a letter", plainText("a" + strings.Repeat("é", 8192)), "a" + strings.Repeat("é", 8191) + "… (16385 bytes)"},
		{"a text that cannot be printed", plainText("a\n\u200bé"), `a\0a\e2808bé`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.have != test.want {
				t.Errorf("have %.200q of %d bytes, want %.200q of %d", test.have, len(test.have), test.want, len(test.want))
			}
		})
	}
}

// TestDumpOfLongLists holds the lists that are written entry by entry to the
// same limit.
func TestDumpOfLongLists(t *testing.T) {
	values := map[string]any{
		"Policy:":          slices.Repeat([]Policy{{ID: oid123}}, 1001),
		"Reasons:":         slices.Repeat([]DistributionPoint{{Reasons: 2}}, 1001),
		"Signed Cert":      slices.Repeat([]Timestamp{{Version: 1}}, 1001),
		"Unknown Qualifie": []Policy{{ID: oid123, Qualifiers: slices.Repeat([]Qualifier{{ID: oid123}}, 1001)}},
		"7":                []Policy{{ID: oid123, Qualifiers: []Qualifier{{ID: OIDPolicyNotice, Notice: &UserNotice{Numbers: slices.Repeat([]int{7}, 1001)}}}}},
		"OCSP - ":          slices.Repeat([]AccessDescription{{OIDAccessOCSP, dnsName}}, 1001),
		"IP:":              &NameConstraints{Excluded: slices.Repeat([]Subtree{{Base: GeneralName{IPName, make([]byte, 8)}}}, 1001)},
	}
	for word, value := range values {
		var d dump
		if !d.extension(0, oid123, value) {
			t.Errorf("%T is not written", value)
		}
		if have := bytes.Count([]byte(d.out.String()), []byte(word)); have != 1000 {
			t.Errorf("%T: %q stands there %d times, want %s", value, word, have, fmt.Sprint(maxDumpedItems))
		}
	}
}
