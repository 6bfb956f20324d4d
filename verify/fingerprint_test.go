package verify_test

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestFingerprint holds that every question has a fingerprint of its own, which
// does not depend on what people call the roots, on their order, or on time and
// evidence.
func TestFingerprint(t *testing.T) {
	ours, other := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	one, two := ours.Roots()[0], other.Roots()[0]
	file := func(name string, anchors ...*pki.Certificate) verify.Roots {
		return testpki.Must(verify.NewRoots(name, anchors...))
	}
	limited := func(c verify.Constraints) verify.Roots { return testpki.Must(file("a.pem", one).Constrain(c)) }
	named := func(name string) *pki.NameConstraints {
		return &pki.NameConstraints{Permitted: []pki.Subtree{testpki.Must(pki.ParseSubtree("DNS:" + name))}}
	}
	depth := 1
	base := verify.Options{Roots: file("a.pem", one), Name: verify.Host(testpki.Host)}
	with := func(change func(*verify.Options)) verify.Options {
		opts := base
		change(&opts)
		return opts
	}
	questions := map[string]verify.Options{
		"nothing":          {},
		"base":             base,
		"another root":     with(func(o *verify.Options) { o.Roots = file("a.pem", two) }),
		"two roots":        with(func(o *verify.Options) { o.Roots = file("a.pem", one, two) }),
		"a domain's":       with(func(o *verify.Options) { o.Roots = rootsOf("a.example", one) }),
		"another domain's": with(func(o *verify.Options) { o.Roots = rootsOf("b.example", one) }),
		"the system's":     with(func(o *verify.Options) { o.Roots = testpki.Must(verify.SystemRoots()) }),
		"a pin":            with(func(o *verify.Options) { o.Roots = testpki.Must(verify.Pin("a.pem", one)) }),
		"a pinned key":     with(func(o *verify.Options) { o.Roots = testpki.Must(verify.PinKey(one.PublicKey().PinText())) }),
		"a union":          with(func(o *verify.Options) { o.Roots = testpki.Must(verify.Union(base.Roots, rootsOf("a.example", one))) }),
		"until":            with(func(o *verify.Options) { o.Roots = limited(verify.Constraints{Until: now}) }),
		"issued until":     with(func(o *verify.Options) { o.Roots = limited(verify.Constraints{IssuedUntil: now}) }),
		"for servers": with(func(o *verify.Options) {
			o.Roots = limited(verify.Constraints{Purposes: []verify.Purpose{verify.ServerAuth}})
		}),
		"for a name":        with(func(o *verify.Options) { o.Roots = limited(verify.Constraints{Names: named("a.example")}) }),
		"for another name":  with(func(o *verify.Options) { o.Roots = limited(verify.Constraints{Names: named("b.example")}) }),
		"another host":      with(func(o *verify.Options) { o.Name = verify.Host("other.example") }),
		"an ID":             with(func(o *verify.Options) { o.Name = verify.ID(id("spiffe://a.example/web")) }),
		"a member":          with(func(o *verify.Options) { o.Name = verify.Member(domain("a.example")) }),
		"any":               with(func(o *verify.Options) { o.Name = verify.Any("a") }),
		"any otherwise":     with(func(o *verify.Options) { o.Name = verify.Any("b") }),
		"a client":          with(func(o *verify.Options) { o.Purpose = verify.ClientAuth }),
		"a profile":         with(func(o *verify.Options) { o.Profile = verify.WebPKI }),
		"a permission":      with(func(o *verify.Options) { o.Legacy = []dangerous.Legacy{dangerous.SHA1()} }),
		"a depth":           with(func(o *verify.Options) { o.MaxIntermediates = &depth }),
		"a policy":          with(func(o *verify.Options) { o.Policies = []pki.OID{pki.OIDAnyPolicy} }),
		"a required policy": with(func(o *verify.Options) { o.RequirePolicy = true }),
		"no mapping":        with(func(o *verify.Options) { o.InhibitMapping = true }),
		"no \"any policy\"": with(func(o *verify.Options) { o.InhibitAnyPolicy = true }),
		"revocation":        with(func(o *verify.Options) { o.Revocation = &verify.Revocation{} }),
		"revocation of one": with(func(o *verify.Options) { o.Revocation = &verify.Revocation{Scope: verify.LeafAlone} }),
	}
	seen := map[[32]byte]string{}
	for name, opts := range questions {
		sum := opts.Fingerprint()
		if twin, ok := seen[sum]; ok {
			t.Errorf("%q and %q have the same fingerprint", name, twin)
		}
		seen[sum] = name
	}

	same := map[string][2]verify.Options{
		"another name for the roots": {base, with(func(o *verify.Options) { o.Roots = file("b.pem", one) })},
		"another order":              {with(func(o *verify.Options) { o.Roots = file("a.pem", one, two) }), with(func(o *verify.Options) { o.Roots = file("a.pem", two, one) })},
		"another time":               {base, with(func(o *verify.Options) { o.Now = now.Add(time.Hour) })},
		"a handshake":                {base, with(func(o *verify.Options) { o.Handshake = &verify.Handshake{Staple: []byte("x")} })},
	}
	for name, pair := range same {
		if pair[0].Fingerprint() != pair[1].Fingerprint() {
			t.Errorf("%s has another fingerprint", name)
		}
	}
}
