package verify_test

import (
	"fmt"
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

// judge returns the code and the depth of what is said of a case.
func judge(t *testing.T, c testpki.Case) (fault.Code, int, *verify.Report) {
	t.Helper()
	opts, err := optionsOf(c)
	if e, ok := fault.Of(err); ok {
		return e.Code, c.Depth, nil
	}
	report, err := verify.Verify(c.Credential.Chain, opts)
	if report == nil {
		t.Fatal(err)
	}
	wantWhole(t, report, err)
	for _, check := range report.Checks {
		if check.Verdict == verify.Stop && check.Code == report.Code {
			return report.Code, check.Depth, report
		}
	}
	return report.Code, c.Depth, report
}

// TestKinds makes every kind at every place of chains of up to four certificates:
// each is refused by its own code, about its own certificate.
func TestKinds(t *testing.T) {
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
					code, depth, report := judge(t, c)
					if code != c.Code || depth != c.Depth {
						t.Errorf("have %q at %d, want %q at %d", code, depth, c.Code, c.Depth)
						if report != nil {
							t.Log("\n" + text(report))
						}
					}
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
