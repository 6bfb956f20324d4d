package verify_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// optionsOf is what a case asks.
func optionsOf(c testpki.Case) (verify.Options, error) {
	opts := verify.Options{Name: verify.Any("the kind asks for no name"), Now: now, Profile: verify.RFC5280, MaxIntermediates: c.MaxIntermediates,
		Policies: c.Policies, RequirePolicy: c.RequirePolicy, InhibitMapping: c.InhibitMapping, InhibitAnyPolicy: c.InhibitAnyPolicy}
	if c.Host != "" {
		opts.Name = verify.Host(c.Host)
	}
	if c.Client {
		opts.Purpose = verify.ClientAuth
	}
	switch c.Profile {
	case "web":
		opts.Profile = verify.WebPKI
	case "workload":
		opts.Profile = verify.Workload
	}
	if c.Revocation {
		evidence, err := revocation.New(c.Lists, c.Responses)
		if err != nil {
			return opts, err
		}
		opts.Revocation = &verify.Revocation{Evidence: evidence}
	}
	var err error
	opts.Roots, err = verify.NewRoots("ca.pem", c.Roots...)
	return opts, err
}

// judge returns the code of what is said of a case, and the check that it is of;
// none of a case that is accepted, or whose roots are refused.
func judge(t *testing.T, c testpki.Case) (fault.Code, *verify.Check) {
	t.Helper()
	opts, err := optionsOf(c)
	if e, ok := fault.Of(err); ok {
		return e.Code, nil
	}
	return headline(verify.Verify(c.Credential.Chain, opts))
}

// headline returns a refusal's code, and the check that it is of.
func headline(_ *verify.Proof, err error) (fault.Code, *verify.Check) {
	report := verify.ReportOf(err)
	if report == nil {
		return "", nil
	}
	at := slices.IndexFunc(report.Checks, func(c verify.Check) bool { return c.Verdict == verify.Stop && c.Code == report.Code })
	return report.Code, &report.Checks[at]
}

// wantCase holds what is said of a case against what it wants.
func wantCase(t *testing.T, c testpki.Case) {
	t.Helper()
	code, check := judge(t, c)
	if code != c.Code || check != nil && check.Depth != c.Depth {
		t.Fatalf("have %q, %+v; want %q at %d", code, check, c.Code, c.Depth)
	}
	if check == nil {
		return
	}
	without := check.Rule == "" || check.Have == "" && (code == verify.ExtensionForbidden || code == verify.ExtensionMissing)
	if !without && (check.Have == "" || check.Want == "" || check.Have == check.Want) {
		t.Errorf("have %q, want %q of %s", check.Have, check.Want, check.Rule)
	}
	opts := testpki.Must(optionsOf(c))
	report, err := judged(c.Credential.Chain, opts)
	wantWhole(t, report, err)
	for _, candidate := range report.Candidates {
		if !candidate.Chosen || !candidate.Anchored || check.Name == "name" {
			continue
		}
		if !slices.ContainsFunc(candidate.Certificates[c.Depth].Checks, func(c verify.Check) bool { return c.Verdict == verify.Stop && c.Code == code }) {
			t.Errorf("no check of the certificate at %d stops with %s", c.Depth, code)
		}
	}
}

// TestKinds makes every kind at every place of chains of up to four certificates:
// each is refused by its own code, about its own certificate.
func TestKinds(t *testing.T) {
	t.Parallel()
	bench := testpki.NewWorkbench(now)
	codes, names := map[fault.Code]bool{}, map[string]bool{}
	for _, kind := range testpki.Kinds() {
		if names[kind.Name] {
			t.Errorf("two kinds are named %q", kind.Name)
		}
		names[kind.Name] = true
		made := 0
		for length := 2; length <= 4; length++ {
			for at := range length {
				key := pki.P256
				if !kind.Fits(key, length, at) {
					key = pki.RSA(2048) // MD5
				}
				if !kind.Fits(key, length, at) {
					continue
				}
				made++
				t.Run(fmt.Sprintf("%s at %d of %d", kind.Name, at, length), func(t *testing.T) {
					c, err := bench.Make(kind, key, length, at)
					if err != nil {
						t.Fatal(err)
					}
					wantCase(t, c)
				})
			}
		}
		if made == 0 || kind.Code != "" && kind.Rule == "" {
			t.Errorf("%s: made %d times, breaks %q", kind.Name, made, kind.Rule)
		}
		codes[kind.Code] = true
	}
	t.Logf("%d kinds, %d codes", len(names), len(codes)-1)
}
