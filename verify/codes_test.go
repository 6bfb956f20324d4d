package verify_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// wrongQuestions are refused before any certificate is looked at.
func wrongQuestions() map[fault.Code]error {
	ours := testpki.Must(testpki.New(now))
	server := testpki.Must(ours.Server(testpki.Host)).Leaf()
	err := func(_ verify.Roots, err error) error { return err }
	return map[fault.Code]error{
		verify.RootsMissing:    err(verify.NewRoots("none")),
		verify.RootsIsLeaf:     err(verify.NewRoots("server.pem", server)),
		verify.RootsUnreadable: err(verify.LoadRoots(fstest.MapFS{}, "ca.pem")),
		verify.RootsDoNotFit:   verify.ID(id("spiffe://demo.signet/web")).Check(roots(ours.Roots()...)),
		verify.NameMissing:     verify.Name{}.Check(roots(ours.Roots()...)),
		verify.NameInvalid:     verify.Host("https://localhost").Check(roots(ours.Roots()...)),

		verify.PinInvalid:         err(verify.PinKey("sha256//short")),
		verify.ConstraintsInvalid: err(roots(ours.Roots()...).Constrain(verify.Constraints{})),
	}
}

// hints say for each code who must act, and what the hint names: a field, a flag or
// a command. The actor "issuer" is the one of the certificate that is at fault.
var hints = map[fault.Code]struct{ who, what string }{
	verify.RootsMissing:    {"give", "certificates of the authorities"},
	verify.RootsIsLeaf:     {"name", "certificate of the authority"},
	verify.RootsUnreadable: {"check", "path"},
	verify.RootsDoNotFit:   {"give", "roots of demo.signet"},
	verify.NameMissing:     {"say", "who it must be"},
	verify.NameInvalid:     {"write", "name without scheme"},

	verify.PinInvalid:         {"write", "sha256//"},
	verify.ConstraintsInvalid: {"say", "names"},
	verify.PinMismatch:        {"trust this peer|the peer", "pin"},
	verify.AnchorLimited:      {"trust this peer", "constraints"},
	verify.StapleMissing:      {"on the peer", "OCSP stapling"},
	verify.WorkloadIDInvalid:  {"issuer", "subjectAltName"},
	verify.FeatureMissing:     {"the peer", "tlsfeature status_request"},

	verify.NoCertificate:              {"configure the peer", "certificate"},
	verify.SignatureInvalid:           {"trust this peer", "certificate"},
	verify.SignatureAlgorithmMismatch: {"issuer", "signatureAlgorithm"},
	pki.KeyMalformed:                  {"issuer", "ECDSA"},
	pki.KeyUnsupported:                {"issuer", "ECDSA"},
	pki.SignatureUnsupported:          {"issuer", "signature by RSA"},
	verify.SelfSigned:                 {"an authority", "certificate signed"},
	verify.ChainIncomplete:            {"on the peer|web.pem", "certificate file|web.pem"},
	verify.UnknownRoot:                {"trust this peer", "ca.pem|--roots|roots of"},
	verify.IssuerNotAuthority:         {"trust this peer", "certificate that an authority signed"},
	verify.IssuerMayNotSign:           {"issuer", "keyUsage keyCertSign"},
	verify.NameConstraintMalformed:    {"issuer", "nameConstraints"},
	verify.NameConstraintUnknown:      {"the peer", "subjectAltName"},
	verify.NameNotPermitted:           {"an authority", "nameConstraints"},
	verify.VersionOld:                 {"issuer", "version 3"},
	verify.SANMissing:                 {"issuer", "subjectAltName localhost"},
	verify.NameMismatch:               {"have the peer", "certificate for"},
	verify.WildcardTooWide:            {"issuer", "subjectAltName"},
	verify.NameMalformed:              {"issuer", "subjectAltName"},
	verify.CertExpired:                {"on the peer|in ca.pem", "renew its certificate|present certificate"},
	verify.CertNotYetValid:            {"this machine", "clocks"},
	verify.WrongPurpose:               {"have the peer", "extended key usage|the key usage digitalSignature|an authority that may sign for TLS"},
	verify.PurposeUnlimited:           {"issuer", "extendedKeyUsage serverAuth"},
	verify.PathTooLong:                {"authority nearer to the root", "pathLenConstraint"},
	verify.PathOverLimit:              {"the caller", "MaxIntermediates"},
	verify.PolicyMappingInvalid:       {"issuer", "policyMappings"},
	verify.PolicyMissing:              {"issuer", "certificatePolicies"},
	pki.KeyWeak:                       {"issuer", "signet key new"},
	verify.KeyTooLarge:                {"issue", "key"},
	verify.KeyNotPermitted:            {"issuer", "signet key new"},
	verify.SignatureForgeable:         {"issuer", "SHA-256"},
	verify.CriticalUnknown:            {"issuer", "critical extension"},
	verify.LeafSigns:                  {"on the peer", "keyUsage keyCertSign"},
	verify.DateMalformed:              {"issuer", "notBefore|notAfter"},
	verify.NameEmpty:                  {"issuer", "issuer"},
	verify.SerialInvalid:              {"issuer", "serialNumber"},
	verify.ExtensionDuplicate:         {"issuer", "extension"},
	verify.ExtensionMalformed:         {"issuer", "subjectAltName"},
	verify.IssuerKeyIDInvalid:         {"issuer", "authorityKeyIdentifier"},
	verify.ExtensionForbidden:         {"issuer", "extension Name Constraints"},
	verify.ExtensionMissing:           {"issuer", "extension Extended Key Usage"},
	verify.ExtensionCriticality:       {"issuer", "Name Constraints absent or critical|Extended Key Usage not critical"},
	verify.CommonNameStray:            {"issuer", "common name"},
	verify.CertRevoked:                {"trust this peer", "new key"},
	verify.RevocationUnknown:          {"issuer", "revocation list"},
	revocation.Stale:                  {"issuer", "revocation list"},
	revocation.ListSigner:             {"issuer", "keyUsage has cRLSign"},
	verify.BudgetExceeded:             {"on the peer|web.pem", "certificate file|web.pem"},
}

// fixedCases are the chains at a fixed time.
func fixedCases() []badCase {
	return slices.Concat(brokenKinds(), chainCases(), ruleCases(), nameCases(), formCases(), constraintCases(), webCases())
}

// allCases are every chain that the tests know, and what callers may ask beyond.
func allCases(t *testing.T) []badCase {
	cases := fixedCases()
	today := time.Now() // as the lists of evidence
	ours := testpki.Must(testpki.New(today))
	chain := testpki.Must(ours.Server(testpki.Host)).Chain
	opts := verify.Options{Roots: roots(ours.Roots()...), Name: verify.Host(testpki.Host), Now: today}
	asked := func(code fault.Code, change func(*verify.Options)) {
		other := opts
		change(&other)
		cases = append(cases, badCase{"asked for " + string(code), "", code, 0, chain, other})
	}
	none := 0
	asked(verify.PathOverLimit, func(o *verify.Options) { o.MaxIntermediates = &none })
	asked(verify.RevocationUnknown, func(o *verify.Options) { o.Revocation = ask(verify.LeafAlone, evidence(t, nil, nil)) })
	asked(verify.CertRevoked, func(o *verify.Options) {
		o.Revocation = ask(verify.LeafAlone, evidence(t, ours.Intermediate, nil, chain[0]))
	})
	asked(revocation.Stale, func(o *verify.Options) {
		o.Now, o.Revocation = today.Add(25*time.Hour), ask(verify.LeafAlone, evidence(t, ours.Intermediate, nil))
	})
	namesake := testpki.Must(testpki.New(today)).Intermediate
	byNamesake := opts
	byNamesake.Revocation = ask(verify.LeafAlone, evidence(t, namesake, nil))
	cases = append(cases, badCase{"a list by a namesake below another root", "", revocation.ListSigner, 0, append(chain[:2:2], namesake.Leaf()), byNamesake})
	asked(verify.PinMismatch, func(o *verify.Options) {
		o.Roots = testpki.Must(verify.Pin("pin.pem", testpki.Must(ours.Client("other.example")).Leaf()))
	})
	must := testpki.Must(ours.Intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, Now: today, MustStaple: true, OCSP: []string{"http://ocsp.example"}}))
	opts.Handshake = &verify.Handshake{}
	cases = append(cases, badCase{"no staple", "", verify.StapleMissing, 0, must.Chain, opts})
	return cases
}

// TestHints: each refusal names who must act, and one field, flag or command.
func TestHints(t *testing.T) {
	provoked := map[fault.Code]bool{}
	for code, err := range wrongQuestions() {
		have, _ := fault.Of(err)
		if have == nil || have.Code != code {
			t.Errorf("want %s, have %v", code, err)
			continue
		}
		provoked[code] = true
		wantHint(t, code, have.Hint, hints[code].who)
	}
	for _, test := range allCases(t) {
		report, err := judged(test.chain, test.opts)
		if report.Code != test.code {
			t.Errorf("%s: want %q, have %v", test.name, test.code, err)
		}
		if report.Trusted {
			continue
		}
		provoked[test.code] = true
		who := strings.ReplaceAll(hints[test.code].who, "peer", test.opts.Purpose.String())
		if who == "issuer" {
			who = "its authority|authority of"
			for _, candidate := range report.Candidates {
				for _, cert := range candidate.Certificates {
					who += "|" + cert.Issuer
				}
			}
		}
		wantHint(t, test.code, strings.Join(report.Next, "; "), who)
	}
	for _, entry := range verify.Codes() {
		if !provoked[entry.Code] {
			t.Errorf("nothing provokes %s", entry.Code)
		}
	}
}

// wantHint holds a hint against the table's row; alternatives stand between bars.
func wantHint(t *testing.T, code fault.Code, hint, who string) {
	t.Helper()
	row, known := hints[code]
	if !known {
		t.Fatalf("%s has no row: who must act, and what the hint names", code)
	}
	for _, want := range []string{who, row.what} {
		if !slices.ContainsFunc(strings.Split(want, "|"), func(part string) bool { return strings.Contains(hint, part) }) {
			t.Errorf("%s: the hint %q does not name %s", code, hint, want)
		}
	}
}
