package pki_test

import (
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// FuzzLint looks at any certificate that can be read: each finding is one line
// that can be printed, and each code occurs once.
func FuzzLint(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pki.ParseCertificates(data)
		if err != nil {
			return
		}
		type place struct {
			code string
			at   int
		}
		seen := map[place]bool{}
		for _, finding := range pki.LintChain(certs, pki.LintOptions{Now: now, Public: true}) {
			if finding.Found != fault.Printable(finding.Found, 1000) || finding.Hint == "" {
				t.Errorf("it says more than a line, or too little: %+v", finding)
			}
			if at := (place{finding.Code, finding.At}); seen[at] {
				t.Errorf("%s occurs twice", finding.Code)
			} else {
				seen[at] = true
			}
		}
	})
}
