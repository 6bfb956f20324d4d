package pki

import (
	"crypto"
	"time"
)

// Severity is how much a Finding matters.
type Severity int

// The severities.
const (
	Notice  Severity = iota // allowed, but not what one would do today
	Warning                 // some clients refuse it, or soon will
	Error                   // it breaks what a standard demands, or clients refuse it
)

// String returns the severity's name, such as warning.
func (s Severity) String() string { return [...]string{"notice", "warning", "error"}[s] }

// Finding is one thing about a certificate, or a chain, that keeps some clients
// from accepting it, or may.
type Finding struct {
	Code      string // in snake_case; never renamed or reused
	Severity  Severity
	At        int    // the certificate's place in its chain, 0 for the leaf
	Found     string // what it has, and what is wanted
	Rule      string // where that is written, such as RFC 5280, section 4.1.2.2
	RefusedBy []string
	Hint      string // what to do
}

// Who refuses. The first four are asked in tests.
const (
	byGo           = "Go"
	byOpenSSL      = "OpenSSL"
	byPython       = "Python 3.13" // OpenSSL with X509_V_FLAG_X509_STRICT, its default since then
	byCryptography = "cryptography"
	byApple        = "Apple"
	byBrowsers     = "browsers"
	byWindows      = "Windows"
)

func by(clients ...string) []string { return clients }

// LintOptions say under which circumstances a certificate is looked at.
type LintOptions struct {
	Now    time.Time // zero: whether it is valid now is not looked at
	Public bool      // it is to be accepted by the roots of browsers, so rules for public authorities hold
}

// lintRule is one row of the table of findings: find returns what was found, or
// "".
type lintRule struct {
	code      string
	severity  Severity
	rule      string
	refusedBy []string
	hint      string
	find      func(*lint) string
}

// lintRules returns the table.
func lintRules() [][]lintRule {
	return [][]lintRule{fieldRules, nameRules, extensionRules, authorityRules, usageRules, lastRules}
}

// lint is a certificate that is looked at, with its extensions at hand; those
// that cannot be read are absent, and a finding of their own.
type lint struct {
	*Certificate
	LintOptions
	key         crypto.PublicKey // nil if it cannot be used
	constraints *BasicConstraints
	usage       *KeyUsage
	purposes    []OID
	names       []GeneralName
	findings    []Finding
}

// Lint looks for what keeps real clients from accepting a certificate.
func Lint(cert *Certificate, options LintOptions) []Finding {
	l := &lint{Certificate: cert, LintOptions: options}
	l.key, _ = cert.PublicKey().Key()
	l.constraints, _ = cert.BasicConstraints()
	l.usage, _ = cert.KeyUsage()
	l.purposes, _ = cert.ExtKeyUsage()
	l.names, _ = cert.SubjectAltNames()
	for _, rules := range lintRules() {
		for _, r := range rules {
			if found := r.find(l); found != "" {
				l.findings = append(l.findings, r.finding(found, 0))
			}
		}
	}
	return l.findings
}

func (r lintRule) finding(found string, at int) Finding {
	return Finding{r.code, r.severity, at, found, r.rule, r.refusedBy, r.hint}
}

// has reports whether the certificate has the extension, readable or not.
func (l *lint) has(id OID) bool { return l.extension(id) != nil }

func (l *lint) extension(id OID) *Extension {
	for i, e := range l.list {
		if e.ID == id {
			return &l.list[i]
		}
	}
	return nil
}

// isAuthority reports whether it says that it is an authority's.
func (l *lint) isAuthority() bool { return l.constraints != nil && l.constraints.CA }

// isLeaf reports whether it is one of today's leaf certificates; those of long
// ago say nothing about it, and are a finding of their own.
func (l *lint) isLeaf() bool {
	return l.version == 3 && !l.isAuthority() && !(l.usage != nil && *l.usage&KeyCertSign != 0)
}

// servesTLS reports whether it is a leaf that a TLS server may show.
func (l *lint) servesTLS() bool {
	if !l.isLeaf() {
		return false
	}
	for _, purpose := range l.purposes {
		if purpose == OIDServerAuth || purpose == OIDAnyUsage {
			return true
		}
	}
	return l.purposes == nil
}

// when returns text if the condition holds.
func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}
