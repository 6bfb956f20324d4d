package identity_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestLoad(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	ours := testpki.Must(p.Client("client.example"))
	other := testpki.Must(p.Client("other.example"))
	whole := testpki.Must(ours.PEM())
	key := whole[len(ours.ChainPEM()):]
	tests := []struct {
		name string
		data []byte
		code error // the cause's, beside Unreadable; nil: it loads
	}{
		{"chain and key", whole, nil},
		{"key first", append(append([]byte{}, key...), ours.ChainPEM()...), nil},
		{"empty", nil, pki.NoCertificate},
		{"no key", ours.ChainPEM(), pki.KeyMissing},
		{"no certificate", key, pki.NoCertificate},
		{"another's key", append(other.ChainPEM(), key...), pki.KeyMismatch},
		{"not PEM", []byte("hello"), pki.NoCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			credential, err := identity.Load(fstest.MapFS{"web.pem": {Data: test.data}}, "web.pem")
			if test.code == nil {
				if err != nil {
					t.Fatal(err)
				}
				if len(credential.Chain) != len(ours.Chain) || !credential.Leaf().Equal(ours.Leaf()) {
					t.Errorf("have %d certificates of %s, want %d of %s", len(credential.Chain), credential.Leaf().Title(), len(ours.Chain), ours.Leaf().Title())
				}
				return
			}
			if !errors.Is(err, identity.Unreadable) || !errors.Is(err, test.code) {
				t.Errorf("have %v, want %s because of %s", err, identity.Unreadable, test.code)
			}
			e, _ := fault.Of(err)
			if !strings.Contains(e.Message, "web.pem") || e.Hint == "" || strings.Contains(e.Message, "PRIVATE") {
				t.Errorf("have %q, hint %q; want the file's name, a next step and no secret", e.Message, e.Hint)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := identity.Load(fstest.MapFS{}, "web.pem")
		if !errors.Is(err, identity.Unreadable) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("have %v, want %s because %v", err, identity.Unreadable, fs.ErrNotExist)
		}
	})
}

func TestStatic(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	want := testpki.Must(p.Client("client.example"))
	if have, err := identity.Static(want).Credential(); have != want || err != nil {
		t.Errorf("have %v, %v; want the credential that was given", have, err)
	}
}

func TestCodesAreInTheTable(t *testing.T) {
	want := []fault.Code{identity.Unreadable, identity.Exposed, identity.Unfit, identity.Expired}
	entries := identity.Codes()
	if len(entries) != len(want) {
		t.Fatalf("the table has %d rows, this test knows %d codes", len(entries), len(want))
	}
	for i, entry := range entries {
		if entry.Code != want[i] || entry.Meaning == "" || entry.Cause == "" || entry.Next == "" {
			t.Errorf("have %+v, want a complete row for %s", entry, want[i])
		}
	}
}
