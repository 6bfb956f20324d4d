package pki_test

import (
	"bytes"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestTextOfLargeListIsBounded holds that the text of a list ends at its bound,
// and says how much is left out.
func TestTextOfLargeListIsBounded(t *testing.T) {
	now := time.Now()
	authority := testpki.Must(testpki.New(now))
	const count = 60_000
	spec := pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	for n := range int64(count) {
		spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: big.NewInt(n + 1), Date: now})
	}
	text := testpki.Must(authority.Root.NewRevocationList(spec)).Text()
	wantPlain(t, text)
	shown := strings.Count(text, "Serial Number:")
	if want := count - shown; shown < 10_000 || !strings.Contains(text, "    … and "+big.NewInt(int64(want)).String()+" more\n    Signature Algorithm:") {
		t.Errorf("of %d entries %d are shown, and the rest is not counted", count, shown)
	}
	if len(text) > 2<<20+8<<10 {
		t.Errorf("%d bytes of text", len(text))
	}
}

// TestTextOfHostileRequest holds that nothing of an attribute leaves its line.
func TestTextOfHostileRequest(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	const hostile = "\x1b[2J\nSignature Value:"
	harmless := strings.Repeat("x", len(hostile))
	der := testpki.Must(pki.RequestSpec{DNS: []string{"a.example"}, Challenge: harmless}.Sign(key)).Raw()
	der = bytes.Replace(der, []byte(harmless), []byte(hostile), 1)
	text := testpki.Must(pki.ParseRequests(der))[0].Text()
	wantPlain(t, text)
	if !strings.Contains(text, `challengePassword        :\1b[2J\0aSignature Value:`+"\n") {
		t.Errorf("the password is not on its line:\n%s", text)
	}
}
