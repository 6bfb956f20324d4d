package verify_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// pinned are roots that believe the leaf of a chain, once by itself and once by
// its key.
func pinned(leaf *pki.Certificate) map[string]verify.Roots {
	return map[string]verify.Roots{
		"certificate": testpki.Must(verify.Pin("server.crt", leaf)),
		"key":         testpki.Must(verify.PinKey(leaf.PublicKey().PinText())),
	}
}

// TestPin: a pin needs no signature by anybody, and everything else is judged.
func TestPin(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	signed := testpki.Must(ours.Server(testpki.Host))
	self := forge(leaf(), nil)
	selfAuthority := forge(with(authority(testpki.Host), func(c *x509.Certificate) { c.DNSNames = []string{testpki.Host} }), nil)
	bare := forge(with(leaf(), func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), nil)
	altered := altered(signed.Leaf())
	host, elsewhere := verify.Host(testpki.Host), verify.Host("other.example")
	tests := []struct {
		name  string
		chain []*pki.Certificate
		opts  verify.Options
		want  fault.Code
	}{
		{"signed by an authority that is not sent", signed.Chain[:1], verify.Options{Name: host}, ""},
		{"signed by an authority that is sent", signed.Chain, verify.Options{Name: host}, ""},
		{"with a stranger's certificates", append(signed.Chain[:1:1], self.Leaf()), verify.Options{Name: host}, ""},
		{"self-signed", self.Chain, verify.Options{Name: host}, ""},
		{"self-signed, for clients", self.Chain, verify.Options{Name: host, Purpose: verify.ClientAuth}, ""},
		{"self-signed authority", selfAuthority.Chain, verify.Options{Name: host}, ""},
		{"signed by SHA-1, on which nothing rests", bare.Chain, verify.Options{Name: host}, ""},
		{"signature that does not fit", []*pki.Certificate{altered}, verify.Options{Name: host}, ""},
		{"another name", self.Chain, verify.Options{Name: elsewhere}, verify.NameMismatch},
		{"any name", self.Chain, verify.Options{Name: verify.Any("a test")}, ""},
		{"expired", self.Chain, verify.Options{Name: host, Now: now.Add(31 * day)}, verify.CertExpired},
		{"not yet valid", self.Chain, verify.Options{Name: host, Now: now.Add(-2 * day)}, verify.CertNotYetValid},
		{"another purpose", signed.Chain, verify.Options{Name: host, Purpose: verify.ClientAuth}, verify.WrongPurpose},
		{"weak key", []*pki.Certificate{withRSA(leaf(), 9000, self)}, verify.Options{Name: host}, verify.KeyTooLarge},
		{"unknown critical extension", forge(with(leaf(), unknownCritical), nil).Chain, verify.Options{Name: host}, verify.CriticalUnknown},
		{"revocation asked for", signed.Chain, verify.Options{Name: host, Revocation: &verify.Revocation{Evidence: testpki.Must(revocation.New(nil, nil))}}, verify.RevocationUnknown},
		{"permission changes nothing", self.Chain, verify.Options{Name: host, Legacy: []dangerous.Legacy{dangerous.SHA1()}}, ""},
	}
	for _, test := range tests {
		for kind, roots := range pinned(test.chain[0]) {
			t.Run(test.name+", by "+kind, func(t *testing.T) {
				opts := test.opts
				opts.Roots = roots
				if opts.Now.IsZero() {
					opts.Now = now
				}
				wantVerdict(t, test.chain, opts, test.want)
			})
		}
	}
}

// wantVerdict asks a question, whose answer must be yes, or no by a code.
func wantVerdict(t *testing.T, chain []*pki.Certificate, opts verify.Options, want fault.Code) {
	t.Helper()
	_, err := verify.Verify(chain, opts)
	if want == "" && err != nil || want != "" && !errors.Is(err, want) {
		t.Errorf("have %v, want the code %q", err, want)
	}
	if e, _ := fault.Of(err); err != nil && (e == nil || e.Hint == "" || e.Message != fault.Printable(e.Message, 500)) {
		t.Errorf("%v has no next step, or is no printable line", err)
	}
}

// TestPinIsOfOne: a pin is met by the peer's own certificate or key, and by no
// other.
func TestPinIsOfOne(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	server := testpki.Must(ours.Server(testpki.Host))
	renewed := testpki.Must(testpki.Must(testpki.New(now)).Server(testpki.Host))
	self := forge(leaf(), nil)
	again := &pki.Credential{Chain: []*pki.Certificate{resigned(self, self)}, Key: self.Key}
	opts := verify.Options{Name: verify.Host(testpki.Host), Now: now}
	tests := []struct {
		name             string
		pinned           *pki.Certificate
		shown            []*pki.Certificate
		byCert, byKeyPin fault.Code
	}{
		{"another certificate", server.Leaf(), renewed.Chain, verify.PinMismatch, verify.PinMismatch},
		{"another certificate of the same key", self.Leaf(), again.Chain, verify.PinMismatch, ""},
		{"the authority above", ours.Root.Leaf(), server.Chain, verify.PinMismatch, verify.PinMismatch},
		{"the intermediate above", server.Chain[1], server.Chain, verify.PinMismatch, verify.PinMismatch},
		{"a certificate that is sent along", self.Leaf(), append(server.Chain[:1:1], self.Leaf()), verify.PinMismatch, verify.PinMismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			roots := pinned(test.pinned)
			opts.Roots = roots["certificate"]
			wantVerdict(t, test.shown, opts, test.byCert)
			opts.Roots = roots["key"]
			wantVerdict(t, test.shown, opts, test.byKeyPin)
		})
	}
	opts.Roots = testpki.Must(verify.Pin("both", server.Leaf(), self.Leaf()))
	wantVerdict(t, self.Chain, opts, "")
	wantVerdict(t, server.Chain, opts, "")
	opts.Roots = testpki.Must(verify.PinKey(server.Leaf().PublicKey().PinText(), self.Leaf().PublicKey().PinText()))
	wantVerdict(t, again.Chain, opts, "")
	wantVerdict(t, renewed.Chain, opts, verify.PinMismatch)
}

func TestPinTexts(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	server := testpki.Must(ours.Server(testpki.Host))
	text := server.Leaf().PublicKey().PinText()
	for _, wrong := range []string{"", "sha256//", "sha1//" + text[8:], text[8:], text + "=", text[:len(text)-4], "sha256//" + strings.Repeat("!", 44),
		"sha256:" + strings.Repeat("ab", 32), "sha256//" + strings.Repeat("A", 1<<16), text[:len(text)-2] + "9=", " " + text} {
		_, err := verify.PinKey(text, wrong)
		wantFault(t, err, verify.PinInvalid, "is not the pin of a key")
	}
	_, err := verify.PinKey()
	wantFault(t, err, verify.RootsMissing, "no key was given")
	_, err = verify.Pin("nobody's")
	wantFault(t, err, verify.RootsMissing, "no certificate was given")
	_, err = verify.Pin("nil", server.Leaf(), nil)
	wantFault(t, err, verify.RootsMissing, "no certificate was given")

	one, two := testpki.Must(verify.PinKey(text)), testpki.Must(verify.PinKey(text, ours.Root.Leaf().PublicKey().PinText()))
	if one.String() != "the pinned key" || two.String() != "the pinned keys" || one.IsZero() || !one.TrustDomain().IsZero() || one.OnlyIDs() {
		t.Errorf("have %q and %q of the trust domain %q", one, two, one.TrustDomain())
	}
	web := verify.ID(id("spiffe://demo.signet/web"))
	workload := testpki.Must(ours.Workload("spiffe://demo.signet/web"))
	for _, roots := range pinned(workload.Leaf()) {
		wantFault(t, web.Check(roots), verify.RootsDoNotFit, "cannot vouch for spiffe://demo.signet/web")
		proof, err := verify.Verify(workload.Chain, verify.Options{Roots: roots, Name: verify.Any("a test"), Purpose: verify.ClientAuth, Now: now})
		if err != nil || !proof.ID().IsZero() {
			t.Errorf("have %v, want a peer without an ID: a pin proves none", err)
		}
	}
	other := testpki.Must(ours.Server(testpki.Host))
	_, err = verify.Verify(other.Chain, verify.Options{Roots: one, Name: verify.Host(testpki.Host), Now: now})
	wantFault(t, err, verify.PinMismatch, "the server shows another certificate than the pinned key")
	if _, check := headline(nil, err); !strings.Contains(check.Text, other.Leaf().PublicKey().PinText()) {
		t.Errorf("the row %q does not say which key was shown", check.Text)
	}
}

// TestBelievedInPlace says in the report whose word it was.
func TestBelievedInPlace(t *testing.T) {
	self := forge(leaf(), nil)
	opts := verify.Options{Roots: pinned(self.Leaf())["certificate"], Name: verify.Host(testpki.Host), Now: now}
	report, err := judged(self.Chain, opts)
	if err != nil || !strings.Contains(text(report), "localhost (the pinned server.crt)") {
		t.Errorf("have %v\n%s", err, text(report))
	}
	opts.Now = now.Add(100 * 365 * 24 * time.Hour)
	report, err = judged(self.Chain, opts)
	if err == nil || !strings.Contains(text(report), "localhost (the pinned server.crt)") {
		t.Errorf("have %v\n%s", err, text(report))
	}
}
