package verify

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

var noon = time.Date(2027, 1, 21, 12, 0, 0, 0, time.UTC)

// known is a verifier that has proved the chain of a server.
func known(t *testing.T) (*Verifier, []*pki.Certificate, Options) {
	t.Helper()
	fixture := testpki.Must(testpki.New(noon))
	chain := testpki.Must(fixture.Server(testpki.Host)).Chain
	opts := Options{Roots: testpki.Must(NewRoots("ca.pem", fixture.Roots()...)), Name: Host(testpki.Host), Now: noon}
	v := new(Verifier)
	if _, err := v.Verify(chain, opts); err != nil {
		t.Fatal(err)
	}
	return v, chain, testpki.Must(opts, opts.settle(chain))
}

// price is what signatures cost a search that answers a question.
func (v *Verifier) priceOf(t *testing.T, chain []*pki.Certificate, opts Options) int {
	t.Helper()
	if err := opts.settle(chain); err != nil {
		t.Fatal(err)
	}
	s := newSearch(chain, &opts, v)
	if s.find() == nil {
		t.Fatal("no path was found")
	}
	return s.price
}

// TestEveryKeyHasAPrice: there is no kind of key whose signatures cost nothing,
// and of one family the one that takes longer costs more.
func TestEveryKeyHasAPrice(t *testing.T) {
	for _, family := range [][]pki.KeyKind{{pki.RSA(2048), pki.RSA(3072), pki.RSA(4096)}, {pki.P256, pki.P224, pki.P384, pki.P521}, {pki.Ed25519}} {
		last := 0
		for _, kind := range family {
			key, template := testpki.Must(pki.GenerateKey(kind)), &x509.Certificate{SerialNumber: big.NewInt(1)}
			cert := testpki.Must(pki.ParseCertificate(testpki.Must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
			have := price(cert.PublicKey())
			if have <= last {
				t.Errorf("a signature by %s costs %d, not more than %d", kind, have, last)
			}
			last = have
		}
	}
}

// TestAgainWithoutKeys: what was proved once is proved again, under another
// question too, without an operation with a public key.
func TestAgainWithoutKeys(t *testing.T) {
	v, chain, opts := known(t)
	fresh := new(Verifier)
	if have := fresh.priceOf(t, chain, opts); have == 0 {
		t.Fatal("the first proof cost nothing")
	}
	other := opts
	other.Now = noon.Add(time.Hour)
	other.Roots = testpki.Must(NewRoots("others.pem", append(opts.Roots.set.anchors, testpki.Must(testpki.New(noon)).Roots()...)...))
	for name, asked := range map[string]Options{"the same": opts, "another time and set of roots": other} {
		if have := v.priceOf(t, chain, asked); have != 0 {
			t.Errorf("%s: signatures cost %d, want 0", name, have)
		}
	}
	if _, ok := v.recall(newQuestion(chain, &opts)); ok {
		t.Error("the chain of who came once is remembered")
	}
	testpki.Must(v.Verify(chain, opts))
	if known, ok := v.recall(newQuestion(chain, &opts)); !ok || len(known.path) != 3 {
		t.Errorf("the chain of who came again is not remembered: %v", ok)
	}
	if _, ok := v.recall(newQuestion(chain, &other)); ok {
		t.Error("the answer for some roots is remembered for others")
	}
}

// TestRefusedIsForgotten: of a chain that was refused nothing is kept.
func TestRefusedIsForgotten(t *testing.T) {
	v, chain, opts := new(Verifier), []*pki.Certificate(nil), Options{}
	_, chain, opts = known(t)
	opts.Name = Host("other.example")
	if _, err := v.Verify(chain, opts); err == nil {
		t.Fatal("another name was accepted")
	}
	if len(v.chains.now)+len(v.signatures.now) != 0 {
		t.Errorf("it remembers %d chains and %d signatures", len(v.chains.now), len(v.signatures.now))
	}
}

// TestMemoryEnds: what is remembered holds no longer than the certificates.
func TestMemoryEnds(t *testing.T) {
	v, chain, opts := known(t)
	from, until := chain[0].NotBefore(), chain[0].NotAfter()
	for _, test := range []struct {
		now  time.Time
		good bool
	}{{from.Add(-time.Second), false}, {from, true}, {until, true}, {until.Add(time.Second), false}} {
		opts.Now = test.now
		if _, err := v.Verify(chain, opts); (err == nil) != test.good {
			t.Errorf("at %v: have %v, want good %v", test.now, err, test.good)
		}
	}
}

// TestQuestionsDiffer: each part of a question counts.
func TestQuestionsDiffer(t *testing.T) {
	_, chain, opts := known(t)
	one := 1
	seen := map[question]string{newQuestion(chain, &opts): "as it was"}
	for name, change := range map[string]func(*Options){
		"roots":       func(o *Options) { o.Roots = testpki.Must(NewRoots("ca.pem", o.Roots.set.anchors...)) },
		"name":        func(o *Options) { o.Name = Host("b.example") },
		"purpose":     func(o *Options) { o.Purpose = ClientAuth },
		"profile":     func(o *Options) { o.Profile = WebPKI },
		"revocation":  func(o *Options) { o.Revocation = &Revocation{Scope: LeafAlone} },
		"no evidence": func(o *Options) { o.Revocation = &Revocation{} },
		"limit":       func(o *Options) { o.MaxIntermediates = &one },
		"policies":    func(o *Options) { o.Policies = []pki.OID{"1.2.3"} },
		"required":    func(o *Options) { o.RequirePolicy = true },
		"no mapping":  func(o *Options) { o.InhibitMapping = true },
		"any policy":  func(o *Options) { o.InhibitAnyPolicy = true },
		"two of them": func(o *Options) { o.RequirePolicy, o.InhibitMapping = true, true },
	} {
		other := opts
		change(&other)
		asked := newQuestion(chain, &other)
		if same, ok := seen[asked]; ok {
			t.Errorf("%s: the same question as %s", name, same)
		}
		seen[asked] = name
	}
	der := bytes.Clone(chain[0].Raw())
	der[len(der)-1] ^= 1
	for name, other := range map[string][]*pki.Certificate{
		"without its intermediate": chain[:1],
		"with another leaf":        {testpki.Must(pki.ParseCertificate(der)), chain[1]},
		"in another order":         {chain[1], chain[0]},
	} {
		if _, ok := seen[newQuestion(other, &opts)]; ok {
			t.Errorf("the chain %s is the same question", name)
		}
	}
}

// TestMemoryIsBounded: it keeps what is asked for, and forgets the rest.
func TestMemoryIsBounded(t *testing.T) {
	const most = 8
	var m memory[string, int]
	m.put("asked for", -1, most)
	for i := range 100 {
		m.put(fmt.Sprint(i), i, most)
		if have, ok := m.get("asked for"); !ok || have != -1 {
			t.Fatalf("after %d others: have %d, %v", i, have, ok)
		}
		if len(m.now)+len(m.old) > 2*most {
			t.Fatalf("it keeps %d and %d, want at most %d in all", len(m.now), len(m.old), 2*most)
		}
	}
	if _, ok := m.get("0"); ok {
		t.Error("what nobody asked for is still there")
	}
}

// TestShared is about the race detector: a verifier is used by many at once.
func TestShared(t *testing.T) {
	v, chain, opts := known(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				asked := opts
				asked.Now = opts.Now.Add(time.Duration(i+j) * time.Minute)
				if _, err := v.Verify(chain, asked); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestAdopt: what is taken from memory is what was verified, and only where each
// certificate is the same to the last byte.
func TestAdopt(t *testing.T) {
	fixture := testpki.Must(testpki.New(noon))
	var shown []*x509.Certificate // as crypto/tls gives it
	for _, cert := range testpki.Must(fixture.Server(testpki.Host)).Chain {
		shown = append(shown, testpki.Must(x509.ParseCertificate(cert.Raw())))
	}
	opts := Options{Roots: testpki.Must(NewRoots("ca.pem", fixture.Roots()...)), Name: Host(testpki.Host), Now: noon}
	v := new(Verifier)
	meet := func() *pki.Certificate {
		chain := v.Adopt(shown)
		testpki.Must(v.Verify(chain, opts))
		return chain[0]
	}
	if first, second := meet(), meet(); first == second {
		t.Error("a chain is remembered before it came again")
	}
	known := meet()
	if meet() != known {
		t.Error("a chain that came again is adopted again")
	}
	v.Adopt(shown)[0] = nil // a slice of the caller's own
	if meet() != known {
		t.Error("who changes what Adopt gave changes what is remembered")
	}
	again := testpki.Must(x509.ParseCertificate(shown[0].Raw))
	if v.Adopt([]*x509.Certificate{again, shown[1]})[0] != known {
		t.Error("another copy of a chain that came again is adopted again")
	}
	for name, other := range map[string][]*x509.Certificate{
		"the leaf alone": shown[:1],
		"another issuer": {shown[0], again},
		"one more":       append(shown[:len(shown):len(shown)], again),
	} {
		adopted := v.Adopt(other)
		if len(adopted) != len(other) {
			t.Fatalf("%s: %d certificates of %d", name, len(adopted), len(other))
		}
		for i, cert := range adopted {
			if cert == known || !bytes.Equal(cert.Raw(), other[i].Raw) {
				t.Errorf("%s: certificate %d is not the one that was shown", name, i)
			}
		}
	}
	if len(v.Adopt(nil)) != 0 {
		t.Error("of nothing there is something")
	}
}
