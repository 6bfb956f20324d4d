package cli

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet/verify"
)

func TestInquiry(t *testing.T) {
	q := inquiry{At: new("2027-01-31"), Purpose: "client", Profile: "webpki", PolicyOID: []string{"1.2.3", "2.23.140.1.1"}, upgrade: upgrade{"smtp"}, CRL: []string{"a b.crl"}}
	words := []string{"--purpose", "client", "--profile", "webpki", "--starttls", "smtp", "--policy-oid", "1.2.3", "--policy-oid", "2.23.140.1.1", "--crl", "a b.crl", "--at", "2027-01-31"}
	if have := q.words(); !slices.Equal(have, words) {
		t.Errorf("as it is typed: %q", have)
	}
	q.CRL = nil
	rules, err := q.rules(&shell{})
	if err != nil || rules.Purpose != verify.ClientAuth || rules.Profile != verify.WebPKI || !rules.RequirePolicy || len(rules.Policies) != 2 ||
		!rules.Now.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) || rules.Revocation != nil {
		t.Errorf("%+v, %v", rules, err)
	}
	usual := inquiry{Purpose: "server", Profile: "auto", upgrade: upgrade{"none"}}
	if rules, err := usual.rules(&shell{}); err != nil || rules.Profile != 0 || !rules.Now.IsZero() || rules.RequirePolicy || len(usual.words()) != 0 {
		t.Errorf("without flags: %+v, %v, %q", rules, err, usual.words())
	}
}

func TestMoment(t *testing.T) {
	at, err := moment("2027-01-31T12:00:00+09:00")
	if err != nil || !at.Equal(time.Date(2027, 1, 31, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", at, err)
	}
	for _, text := range []string{"", "now", "31.1.2027", "2027-02-30", "2027-01-31T12:00:00"} {
		if _, err := moment(text); !errors.Is(err, Usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// That one answer could not be had outweighs a no, wherever it stands.
func TestExitFor(t *testing.T) {
	yes, no := &verdict{Report: &verify.Report{Trusted: true}}, &verdict{Report: &verify.Report{}}
	unknown := &verdict{err: Usage}
	for _, test := range []struct {
		verdicts []*verdict
		want     error
	}{
		{[]*verdict{yes, yes}, nil},
		{[]*verdict{yes, no, yes}, exitNo},
		{[]*verdict{no, unknown, yes}, exitFailed},
		{[]*verdict{unknown, no}, exitFailed},
	} {
		if have := exitFor(test.verdicts); have != test.want {
			t.Errorf("%v, want %v", have, test.want)
		}
	}
}
