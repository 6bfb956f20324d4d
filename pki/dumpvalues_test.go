package pki

import (
	"math/big"
	"testing"
	"time"
)

// TestDumpOfListExtensions holds the extensions of revocation lists to OpenSSL's
// words for them.
func TestDumpOfListExtensions(t *testing.T) {
	large := new(big.Int).Lsh(big.NewInt(0xa), 127)
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"number", big.NewInt(12), "12\n"},
		{"number of 127 bits", new(big.Int).Lsh(big.NewInt(1), 126), "85070591730234615865843651857942052864\n"},
		{"number of 131 bits", large, "0x0500000000000000000000000000000000\n"},
		{"negative", new(big.Int).Neg(large), "-0x0500000000000000000000000000000000\n"},
		{"reason", RemoveFromCRL, "Remove From CRL\n"},
		{"date", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "Jan  2 03:04:05 2026 GMT\n"},
		{"features", []int{5, 17, 23}, "status_request, status_request_v2, 23\n"},
		{"no uses", []OID{}, "<EMPTY>\n"},
		{"empty scope", &IssuingPoint{}, "<EMPTY>\n"},
		{"scope", &IssuingPoint{OnlyUsers: true, OnlyAuthorities: true, Indirect: true, OnlyAttributeHolders: true, Reasons: 2},
			"Only User Certificates\nOnly CA Certificates\nIndirect CRL\nOnly Some Reasons:\n  Key Compromise\nOnly Attribute Certificates\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var d dump
			if !d.extension(0, OIDIssuingPoint, test.value) || d.out.String() != test.want {
				t.Errorf("have %q, want %q", d.out.String(), test.want)
			}
		})
	}
	if new(dump).extension(0, "\x2a\x03", nil) {
		t.Error("a kind that is not known is taken for one that is")
	}
}
