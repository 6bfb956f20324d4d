package pki

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// TestOIDTable holds that no row stands there twice, that each keyword stands
// for one object identifier, and that short names are those of OpenSSL, where it
// has the object identifier at all.
func TestOIDTable(t *testing.T) {
	out, err := exec.Command(peers.OpenSSL(t), "list", "-objects").Output()
	if err != nil {
		t.Fatal(err)
	}
	short, long := map[string]string{}, map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), " = ")
		at := strings.LastIndex(rest, ", ")
		if at < 0 { // one name is both
			short[rest], long[rest] = name, name
			continue
		}
		short[rest[at+2:]], long[rest[at+2:]] = name, rest[:at]
	}
	rows := 0
	seen, words := map[OID]bool{}, map[string]OID{}
	for _, table := range oidTables {
		for _, row := range table {
			rows++
			if seen[row.oid] || row.name == "" {
				t.Errorf("%s stands there twice, or has no name", row.oid)
			}
			seen[row.oid] = true
			if again, err := ParseOID(row.oid.String()); err != nil || again != row.oid {
				t.Errorf("%s is read as %s, %v", row.oid, again, err)
			}
			if want, ok := short[row.oid.String()]; ok && want != row.abbr {
				t.Errorf("%s: have %q, openssl %q", row.oid, row.abbr, want)
			}
			if want, ok := long[row.oid.String()]; ok && want != row.oid.dumpName() {
				t.Errorf("%s: a dump calls it %q, openssl %q", row.oid, row.oid.dumpName(), want)
			}
			if row.abbr == "" {
				continue
			}
			word := strings.ToLower(row.abbr)
			if other, ok := words[word]; ok {
				t.Errorf("%q stands for %s and %s", row.abbr, other, row.oid)
			}
			words[word] = row.oid
			if name, err := ParseName(row.abbr + "=a"); err != nil || len(name.Get(row.oid)) != 1 {
				t.Errorf("%s=a is %s, %v", row.abbr, name, err)
			}
		}
	}
	if rows < 200 {
		t.Errorf("%d rows", rows)
	}
}

// TestLongestOID meets the bound from both sides.
func TestLongestOID(t *testing.T) {
	longest := OID(strings.Repeat("\x2a", maxOID))
	for length, ok := range map[int]bool{maxOID: true, maxOID + 1: false} {
		content := []byte(strings.Repeat("\x2a", length))
		if isOID(content) != ok {
			t.Errorf("%d bytes: have %v", length, !ok)
		}
		if _, err := ParseOID(longest.String() + strings.Repeat(".1", length-maxOID)); (err == nil) != ok {
			t.Errorf("the text of %d bytes: %v", length, err)
		}
	}
}
