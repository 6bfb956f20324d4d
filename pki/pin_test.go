package pki_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// TestFingerprintsAndPin compares with what OpenSSL computes.
func TestFingerprintsAndPin(t *testing.T) {
	cert := testpki.Must(testpki.New(now)).Root.Leaf()
	openssl := func(script string) string {
		command := exec.Command("sh", "-c", script, peers.OpenSSL(t))
		command.Stdin = bytes.NewReader(cert.PEM())
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	weak, strong := cert.Fingerprints()
	if want := openssl(`"$0" x509 -noout -fingerprint -sha1`); !strings.HasSuffix(want, "="+weak) {
		t.Errorf("have %s, want %s", weak, want)
	}
	if want := openssl(`"$0" x509 -noout -fingerprint -sha256`); !strings.HasSuffix(want, "="+strong) {
		t.Errorf("have %s, want %s", strong, want)
	}
	want := openssl(`"$0" x509 -noout -pubkey | "$0" pkey -pubin -outform DER | "$0" dgst -sha256 -binary | "$0" base64`)
	if have := cert.PublicKey().PinText(); have != "sha256//"+want {
		t.Errorf("have %s, want %s", have, want)
	}
}

func TestExpired(t *testing.T) {
	cert := testpki.Must(testpki.New(now)).Root.Leaf()
	for at, want := range map[time.Time]bool{
		cert.NotBefore().Add(-time.Second):    false,
		cert.NotAfter():                       false,
		cert.NotAfter().Add(time.Nanosecond):  true,
		cert.NotAfter().Add(-time.Nanosecond): false,
	} {
		if cert.Expired(at) != want {
			t.Errorf("at %s: have %v, want %v", at, !want, want)
		}
	}
}
