package record

import (
	"crypto/tls"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSupports asks in each FIPS 140-3 mode, which is chosen when a program starts.
func TestSupports(t *testing.T) {
	const mode = "SIGNET_TEST_FIPS"
	if want, ok := os.LookupEnv(mode); ok {
		for _, suite := range allSuites {
			if have := Supports(suite); have != (want == "off") {
				t.Errorf("%s: %v", tls.CipherSuiteName(suite), have)
			}
		}
		if _, err := NewSession(Keys{Suite: tls.TLS_AES_128_GCM_SHA256, Read: random(32), Write: random(32)}); (err == nil) != (want == "off") {
			t.Errorf("NewSession: %v", err)
		}
		return
	}
	if Supports(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) {
		t.Error("it supports a suite of TLS 1.2")
	}
	for _, fips := range []string{"off", "on", "only"} {
		t.Run(fips, func(t *testing.T) {
			again := exec.Command(os.Args[0], "-test.run=^TestSupports$", "-test.v")
			again.Env = append(os.Environ(), "GODEBUG=fips140="+fips, mode+"="+fips)
			if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSupports") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
