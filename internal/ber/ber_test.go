package ber

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// unhex reads hexadecimal with spaces.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestToDER(t *testing.T) {
	long := strings.Repeat("aa", 200)
	tests := []struct{ name, ber, want string }{
		{"DER", "30 03 02 01 05", "30 03 02 01 05"},
		{"a primitive", "02 01 05", "02 01 05"},
		{"empty", "30 00", "30 00"},
		{"an indefinite length", "30 80 02 01 05 00 00", "30 03 02 01 05"},
		{"empty, indefinite", "30 80 00 00", "30 00"},
		{"one in the other", "30 80 30 80 02 01 05 00 00 02 01 06 00 00", "30 08 30 03 02 01 05 02 01 06"},
		{"definite in indefinite", "30 80 30 03 02 01 05 00 00", "30 05 30 03 02 01 05"},
		{"indefinite in definite", "30 07 30 80 02 01 05 00 00", "30 05 30 03 02 01 05"},
		{"a length of more bytes than it needs", "30 82 00 03 02 01 05", "30 03 02 01 05"},
		{"a long length for a short value inside", "30 04 02 81 01 05", "30 03 02 01 05"},
		{"an octet string in pieces", "24 80 04 02 01 02 04 01 03 00 00", "04 03 01 02 03"},
		{"pieces of a definite length", "24 07 04 02 01 02 04 01 03", "04 03 01 02 03"},
		{"pieces of pieces", "30 80 24 80 24 80 04 01 01 00 00 04 01 02 00 00 02 01 05 00 00", "30 07 04 02 01 02 02 01 05"},
		{"no pieces", "24 80 00 00", "04 00"},
		{"a tag of the context", "a0 80 04 01 01 00 00", "a0 03 04 01 01"},
		{"contents that look like an end", "30 80 04 02 00 00 00 00", "30 04 04 02 00 00"},
		{"a length that grows", "30 80 04 81 c8" + long + "00 00", "30 81 cb 04 81 c8" + long},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have, err := ToDER(unhex(t, test.ber))
			if err != nil || !bytes.Equal(have, unhex(t, test.want)) {
				t.Errorf("have %x, %v; want %s", have, err, test.want)
			}
		})
	}
}

func TestToDERKeepsDER(t *testing.T) {
	data := unhex(t, "30 03 02 01 05")
	have, err := ToDER(data)
	if err != nil || &have[0] != &data[0] {
		t.Errorf("DER was copied: %v", err)
	}
}

func TestToDERRefuses(t *testing.T) {
	tests := []struct{ name, ber, says string }{
		{"nothing", "", "ends in the middle"},
		{"a tag alone", "30", "ends in the middle"},
		{"a length cut short", "30 82 01", "ends in the middle"},
		{"contents cut short", "30 03 02 01", "an element of 3 bytes, of which 2 are there, at byte 0"},
		{"an inner element that is too long", "30 03 02 02 05 00", "an element of 2 bytes, of which 1 are there, at byte 2"},
		{"an inner element beyond its outer", "30 80 30 03 02 02 05 00 00 00", "an element of 2 bytes, of which 1 are there, at byte 4"},
		{"without an end", "30 80 02 01 05", "ends in the middle"},
		{"half an end", "30 80 02 01 05 00", "ends in the middle"},
		{"a primitive without a length", "02 80 05 00 00", "an indefinite length of a primitive element at byte 0"},
		{"a tag of two bytes", "30 80 1f 85 01 00 00 00", "a tag of several bytes at byte 2"},
		{"a length of five bytes", "30 85 00 00 00 00 00", "a length of more than four bytes at byte 0"},
		{"a reserved length", "30 ff 00", "a length of more than four bytes at byte 0"},
		{"more behind it", "02 01 05 00", "something behind the end of the value at byte 3"},
		{"more behind an indefinite one", "30 80 00 00 00 00", "something behind the end of the value at byte 4"},
		{"a number in an octet string", "24 80 02 01 05 00 00", "a piece of an octet string that is none, at byte 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have, err := ToDER(unhex(t, test.ber))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("have %x, %v; want an error that says %q", have, err, test.says)
			}
		})
	}
}

// nested is n elements of indefinite length, one in the other.
func nested(n int) []byte {
	return append(bytes.Repeat([]byte{0x30, 0x80}, n), make([]byte, 2*n)...)
}

func TestToDERBounds(t *testing.T) {
	if _, err := ToDER(nested(maxDepth)); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if _, err := ToDER(nested(maxDepth + 1)); err == nil || !strings.Contains(err.Error(), "more than 64 levels at byte 128") {
		t.Errorf("%d levels: %v", maxDepth+1, err)
	}
	if _, err := ToDER(bytes.Repeat([]byte{0x30, 0x80}, 8<<20)); err == nil {
		t.Error("levels without an end were taken")
	}
	row := func(n int) []byte { // n constructed elements, with the one around them
		return slices.Concat([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x30, 0}, n-1), []byte{0, 0})
	}
	if _, err := ToDER(row(maxElements)); err != nil {
		t.Errorf("%d elements: %v", maxElements, err)
	}
	if _, err := ToDER(row(maxElements + 1)); err == nil || !strings.Contains(err.Error(), "more than 1048576 constructed elements") {
		t.Errorf("%d elements: %v", maxElements+1, err)
	}
}

func FuzzToDER(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		der, err := ToDER(data)
		if err != nil {
			return
		}
		if again, err := ToDER(der); err != nil || !bytes.Equal(again, der) {
			t.Errorf("%x became %x, and that %x: %v", data, der, again, err)
		}
		if rest, err := asn1.Unmarshal(der, new(asn1.RawValue)); err != nil || len(rest) > 0 {
			t.Errorf("%x became %x, which is not DER: %v", data, der, err)
		}
	})
}
