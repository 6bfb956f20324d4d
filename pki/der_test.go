package pki

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tlv returns one element in DER.
func tlv(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	return append(appendHeader(nil, tag, len(content)), content...)
}

func text(s string) []byte { return []byte(s) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestOffsets(t *testing.T) {
	inner := tlv(0x30, tlv(0x02, []byte{1}), tlv(0x02))
	data := append(tlv(0x30, inner), make([]byte, 100)...)[:2+len(inner)]
	d := newDER(data)
	outer := d.sequence("outer")
	sequence := outer.sequence("inner")
	sequence.integer("first")
	sequence.integer("second")
	outer.integer("behind the error")
	var e *derError
	if !errors.As(d.err(), &e) || e.offset != 9 || e.Error() != "no valid number of second at byte 9" {
		t.Errorf("have %v", d.err())
	}
}

func TestIntegers(t *testing.T) {
	for _, test := range []struct {
		der   string
		want  int64
		small bool // also within small's bounds
		bad   bool
	}{
		{der: "02 01 00", want: 0, small: true},
		{der: "02 01 7f", want: 127, small: true},
		{der: "02 02 0080", want: 128, small: true},
		{der: "02 01 80", want: -128},
		{der: "02 01 ff", want: -1},
		{der: "02 02 ff7f", want: -129},
		{der: "02 04 7fffffff", want: 1<<31 - 1, small: true},
		{der: "02 05 0080000000", want: 1 << 31},
		{der: "02 00", bad: true},
		{der: "02 02 0000", bad: true},
		{der: "02 02 007f", bad: true},
		{der: "02 02 ff80", bad: true},
		{der: "02 02 ffff", bad: true},
		{der: "03 01 00", bad: true},
		{der: "", bad: true},
	} {
		d := newDER(unhex(test.der))
		content := d.integer("it")
		if (d.end("it") != nil) != test.bad {
			t.Errorf("%s: error %v", test.der, d.err())
			continue
		}
		if !test.bad && bigInt(content).Int64() != test.want {
			t.Errorf("%s: have %d, want %d", test.der, bigInt(content), test.want)
		}
		if !test.bad && !bytes.Equal(integerOf(big.NewInt(test.want)), content) {
			t.Errorf("%s: written as %x", test.der, integerOf(big.NewInt(test.want)))
		}
		d = newDER(unhex(test.der))
		if n := d.small("it"); (d.err() == nil) != test.small || test.small && int64(n) != test.want {
			t.Errorf("%s: small has %d, %v", test.der, n, d.err())
		}
	}
}

func TestBits(t *testing.T) {
	for _, test := range []struct {
		der    string
		want   string
		unused int
		bad    bool
	}{
		{der: "03 01 00"},
		{der: "03 02 00 ff", want: "ff"},
		{der: "03 02 07 80", want: "80", unused: 7},
		{der: "03 03 01 00fe", want: "00fe", unused: 1},
		{der: "03 02 01 ff", bad: true}, // bits that do not count are zero
		{der: "03 02 08 00", bad: true},
		{der: "03 01 01", bad: true},
		{der: "03 00", bad: true},
		{der: "04 01 00", bad: true},
	} {
		d := newDER(unhex(test.der))
		data, unused := d.bits("it")
		if (d.err() != nil) != test.bad || hex.EncodeToString(data) != test.want || unused != test.unused {
			t.Errorf("%s: have %x, %d, %v", test.der, data, unused, d.err())
		}
	}
}

func TestOctets(t *testing.T) {
	for der, want := range map[string]string{"03 03 00 8001": "8001", "03 03 01 8002": "4001", "03 03 04 8010": "0801", "03 03 07 8080": "0101", "03 01 00": ""} {
		d := newDER(unhex(der))
		if have := hex.EncodeToString(d.octets("it")); d.err() != nil || have != want {
			t.Errorf("%s: have %s, %v", der, have, d.err())
		}
	}
}

func TestBool(t *testing.T) {
	for der, want := range map[string]any{"01 01 00": false, "01 01 ff": true, "01 01 01": nil, "01 00": nil, "01 02 ffff": nil, "02 01 ff": nil} {
		d := newDER(unhex(der))
		have := d.bool("it")
		if want == nil && d.err() == nil || want != nil && (d.err() != nil || have != want) {
			t.Errorf("%s: have %v, %v", der, have, d.err())
		}
	}
}

func TestTimes(t *testing.T) {
	const layout = "2006-01-02 15:04:05"
	for _, test := range []struct {
		tag        byte
		text, want string
	}{
		{0x17, "000101000000Z", "2000-01-01 00:00:00"},
		{0x17, "491231235959Z", "2049-12-31 23:59:59"},
		{0x17, "500101000000Z", "1950-01-01 00:00:00"},
		{0x17, "991231235959Z", "1999-12-31 23:59:59"},
		{0x17, "240229120000Z", "2024-02-29 12:00:00"},
		{0x17, "2402291200Z", "2024-02-29 12:00:00"},
		{0x17, "240229120000+0130", "2024-02-29 10:30:00"},
		{0x17, "500229120000+0000", ""}, // 1950 was no leap year, and 2050 is none
		{0x17, "600229120000+0000", "1960-02-29 12:00:00"},
		{0x17, "230229120000Z", ""},
		{0x17, "231329120000Z", ""},
		{0x17, "230029120000Z", ""},
		{0x17, "230100120000Z", ""},
		{0x17, "230101240000Z", ""},
		{0x17, "230101236000Z", ""},
		{0x17, "230101235960Z", ""},
		{0x17, "230101235959", ""},
		{0x17, "2301012359xxZ", ""},
		{0x17, "-30101235959Z", ""},
		{0x17, "", ""},
		{0x18, "20240229120000Z", "2024-02-29 12:00:00"},
		{0x18, "00000101000000Z", "0000-01-01 00:00:00"},
		{0x18, "99991231235959Z", "9999-12-31 23:59:59"},
		{0x18, "20240229120000-0100", "2024-02-29 13:00:00"},
		{0x18, "20240229120000.5Z", ""},
		{0x18, "20240229120000,5Z", ""},
		{0x17, "240229120000.5Z", ""},
		{0x17, "500101000000+0100", "1949-12-31 23:00:00"},
		{0x18, "202402291200Z", ""},
		{0x18, "240229120000Z", ""},
		{0x18, "20230229120000Z", ""},
		{0x0c, "240229120000Z", ""},
	} {
		d := newDER(tlv(test.tag, text(test.text)))
		have := d.time("it")
		if test.want == "" {
			if d.err() == nil {
				t.Errorf("%s: have %s, want an error", test.text, have)
			}
			continue
		}
		if d.err() != nil || have.Format(layout) != test.want || have.Location() != time.UTC {
			t.Errorf("%s: have %s, %v", test.text, have, d.err())
		}
		if test.tag == 0x18 {
			d := newDER(tlv(test.tag, text(test.text)))
			if have := d.generalized("it"); d.err() != nil || have.Format(layout) != test.want {
				t.Errorf("%s: generalized has %s, %v", test.text, have, d.err())
			}
		}
	}
	d := newDER(tlv(0x17, text("240229120000Z")))
	if d.generalized("it"); d.err() == nil {
		t.Error("a UTCTime is no GeneralizedTime")
	}
}

func TestOIDs(t *testing.T) {
	for dotted, want := range map[string]string{
		"0.0":         "00",
		"0.39":        "27",
		"1.0":         "28",
		"1.39":        "4f",
		"2.0":         "50",
		"2.39":        "77",
		"2.40":        "78",
		"2.47":        "7f",
		"2.48":        "8100",
		"2.999":       "8837",
		"2.5.29.17":   "551d11",
		"1.2.840.127": "2a8648 7f",
		"1.2.840.128": "2a8648 8100",
		"2.25.340282366920938463463374607431768211455": "6983ffffffffffffffffffffffffffffffffff7f",
	} {
		oid, err := ParseOID(dotted)
		if err != nil || string(oid) != string(unhex(want)) || oid.String() != dotted {
			t.Errorf("%s: have %x, %s, %v", dotted, string(oid), oid, err)
		}
		d := newDER(tlv(0x06, unhex(want)))
		if have := d.oid("it"); have != oid || d.err() != nil {
			t.Errorf("%s: reads as %x, %v", dotted, string(have), d.err())
		}
	}
	for _, dotted := range []string{"", "1", "1.", ".1", "1..2", "3.1", "0.40", "1.40", "-1.2", "1.-2", "1.+2", "01.2", "1.02", "1.a", "1.2 ", "1." + strings.Repeat("1", 129), "1.2" + strings.Repeat(".1", 128)} {
		oid, err := ParseOID(dotted)
		if !errors.Is(err, OIDInvalid) || oid != "" {
			t.Errorf("%q: have %s, %v", dotted, oid, err)
		}
	}
	if oid, err := ParseOID("1.2" + strings.Repeat(".1", 127)); err != nil || len(oid) != maxOID {
		t.Errorf("the longest: %d bytes, %v", len(oid), err)
	}
	for _, content := range []string{"", "80", "8001", "2a80", "2a8001", "2a86", "2a 80 48"} {
		d := newDER(tlv(0x06, unhex(content)))
		if have := d.oid("it"); d.err() == nil || have != "" {
			t.Errorf("%s reads as %s", content, have)
		}
	}
	d := newDER(tlv(0x06, make([]byte, maxOID+1)))
	if d.oid("it"); d.err() == nil {
		t.Error("an object identifier beyond the bound is read")
	}
}

func TestOIDOfArcs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := asn1.ObjectIdentifier{rapid.IntRange(0, 2).Draw(t, "top"), rapid.IntRange(0, 39).Draw(t, "second")}
		id = append(id, rapid.SliceOfN(rapid.IntRange(0, 1<<40), 0, 10).Draw(t, "arcs")...)
		if have := oidOf(id); have.String() != id.String() {
			t.Errorf("have %s, want %s", have, id)
		}
		if have, err := ParseOID(id.String()); err != nil || have != oidOf(id) {
			t.Errorf("have %s, %v, want %s", have, err, id)
		}
	})
}

func TestOIDNames(t *testing.T) {
	for oid, row := range oidNames {
		if oid != row.oid || !isOID([]byte(oid)) {
			t.Errorf("%s is no object identifier", oid)
		}
		if row.name == "" || oid.Name() != row.name {
			t.Errorf("%s is called %q", oid, oid.Name())
		}
	}
	if have := OID("\x2a\x03").Name(); have != "1.2.3" {
		t.Errorf("an unknown one is called %q", have)
	}
}

func TestHeaders(t *testing.T) {
	for length, want := range map[int]string{0: "0400", 127: "047f", 128: "048180", 255: "0481ff", 256: "04820100", 65535: "0482ffff", 65536: "0483010000", 1<<24 - 1: "0483ffffff", 1 << 24: "048401000000"} {
		if have := hex.EncodeToString(appendHeader(nil, 4, length)); have != want {
			t.Errorf("%d: have %s, want %s", length, have, want)
		}
	}
}

func TestLongTags(t *testing.T) {
	long := strings.Repeat("00", 0x80)
	for der, want := range map[string]string{
		"1f1f00":                   "",
		"7f200401020304":           "01020304",
		"bf8f7f01aa":               "aa",
		"ff8180018180" + long:      long,
		"1f1f0a01":                 "no",
		"1f1f":                     "no",
		"1f":                       "no",
		"1f1e00":                   "no", // fits into one byte
		"1f801f00":                 "no", // a needless byte
		"1fffffff7f00":             "no", // above 2²¹
		"1f1f80":                   "no", // a length without an end
		"1f1f8101aa":               "no", // a length of needless bytes
		"1f1f820080" + long:        "no",
		"1f1f84ffffffff":           "no",
		"1f1f8900000000000000ff00": "no",
	} {
		d := newDER(unhex(der + "0500"))
		whole, _, content := d.element("it")
		rest := d.String
		switch {
		case want == "no":
			if d.err() == nil {
				t.Errorf("%s is read as %x", der, content.String)
			}
		case d.err() != nil || fmt.Sprintf("%x", content.String) != want || len(whole)*2 != len(der) || len(rest) != 2:
			t.Errorf("%s: have %x, %v", der, content.String, d.err())
		}
	}
}
