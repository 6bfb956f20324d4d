package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// host is a machine on which trust domains were started.
type host struct {
	t    *testing.T
	data string // the data home's own folder
}

func newHost(t *testing.T) host {
	t.Helper()
	base := t.TempDir()
	t.Setenv("XDG_DATA_HOME", base)
	t.Setenv("SIGNET_DATA", "")
	return host{t, filepath.Join(base, "signet")}
}

func (h host) write(path string, data []byte) string {
	h.t.Helper()
	path = filepath.Join(h.data, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// domain starts a trust domain on the host, with identities at the given paths.
func (h host) domain(name string, paths ...string) *testpki.PKI {
	h.t.Helper()
	authority := testpki.Must(testpki.New(time.Now()))
	h.write(name+"/signet.json", []byte(`{"format":1,"trust_domain":"`+name+`","ready":true}`))
	h.write(name+"/roots.pem", authority.Root.Leaf().PEM())
	for _, path := range paths {
		credential := testpki.Must(authority.Workload("spiffe://" + name + "/" + path))
		h.write(name+"/identities/"+path+".pem", testpki.Must(credential.PEM()))
	}
	return authority
}

func (h host) settings(name, address string) {
	h.t.Helper()
	h.write(name+"/settings.json", testpki.Must(json.Marshal(settings{Authority: address})))
}

func (h host) shell() *shell { return &shell{program: "signet", zone: time.UTC} }

func TestDataHome(t *testing.T) {
	tests := []struct{ name, xdg, home, want string }{
		{"XDG", "/data", "/home/ann", "/data/signet"},
		{"default", "", "/home/ann", "/home/ann/.local/share/signet"},
		{"relative is ignored", "data", "/home/ann", "/home/ann/.local/share/signet"},
		{"neither", "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_DATA_HOME", test.xdg)
			t.Setenv("HOME", test.home)
			have, err := dataHome()
			if have != test.want || (err != nil) != (test.want == "") {
				t.Errorf("have %q, %v; want %q", have, err, test.want)
			}
		})
	}
}

func TestFolder(t *testing.T) {
	tests := []struct {
		name string
		host func(host) string // prepares it and returns --data
		want string            // the trust domain
		code fault.Code
	}{
		{"nothing there", func(host) string { return "" }, "", NotRunning},
		{"one", func(h host) string { h.domain("demo.signet"); return "" }, "demo.signet", ""},
		{"one among others' folders", func(h host) string {
			h.domain("demo.signet")
			h.write("notes/todo.txt", nil)
			h.write("file.txt", nil)
			return ""
		}, "demo.signet", ""},
		{"two", func(h host) string { h.domain("demo.signet"); h.domain("prod.example"); return "" }, "", DataAmbiguous},
		{"two, and one is named", func(h host) string {
			h.domain("demo.signet")
			h.domain("prod.example")
			return filepath.Join(h.data, "prod.example")
		}, "prod.example", ""},
		{"named and missing", func(h host) string { return filepath.Join(h.data, "nowhere") }, "", DataUnreadable},
		{"named and not ours", func(h host) string { return filepath.Dir(h.write("x/y", nil)) }, "", DataUnreadable},
		{"marker damaged", func(h host) string { h.write("a/signet.json", []byte("{")); return "" }, "", DataUnreadable},
		{"marker without a domain", func(h host) string { h.write("a/signet.json", []byte("{}")); return "" }, "", DataUnreadable},
		{"marker with a bad domain", func(h host) string { h.write("a/signet.json", []byte(`{"trust_domain":"A B"}`)); return "" }, "", DataUnreadable},
		{"marker is a folder", func(h host) string { h.write("a/signet.json/x", nil); return "" }, "", DataUnreadable},
		{"home is a file", func(h host) string {
			if err := os.WriteFile(h.data, nil, 0o600); err != nil {
				h.t.Fatal(err)
			}
			return ""
		}, "", DataUnreadable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			s := h.shell()
			s.data = test.host(h)
			f, err := s.folder()
			if f.domain.String() != test.want || codeOf(err) != test.code {
				t.Errorf("have %q, %v; want %q, %q", f.domain, err, test.want, test.code)
			}
			if e, ok := fault.Of(err); ok && e.Hint == "" {
				t.Error("the error has no next step")
			}
		})
	}
}

func codeOf(err error) fault.Code {
	e, ok := fault.Of(err)
	if !ok {
		return ""
	}
	return e.Code
}

func TestIdentityOnThisHost(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet", "web", "operator/ann", "both")
	prod := h.domain("prod.example", "api", "both")
	file := h.write("elsewhere/client.pem", testpki.Must(testpki.Must(prod.Client("client.example")).PEM()))
	h.write("demo.signet/identities/broken.pem", []byte("no PEM"))
	h.write("demo.signet/identities/keyless.pem", prod.Root.Leaf().PEM())
	tests := []struct {
		name, as string
		leaf     string // title of the certificate that is wanted
		domain   string // whose folder
		code     fault.Code
	}{
		{"a name", "web", "spiffe://demo.signet/web", "demo.signet", ""},
		{"a path", "operator/ann", "spiffe://demo.signet/operator/ann", "demo.signet", ""},
		{"of the other domain", "api", "spiffe://prod.example/api", "prod.example", ""},
		{"a SPIFFE ID of two", "spiffe://prod.example/both", "spiffe://prod.example/both", "prod.example", ""},
		{"a name of two", "both", "", "", DataAmbiguous},
		{"a file", file, "client.example", "", ""},
		{"unknown", "wbe", "", "", CredentialUnknown},
		{"unknown SPIFFE ID", "spiffe://demo.signet/wbe", "", "", CredentialUnknown},
		{"upwards", "../../prod.example/identities/api", "", "", CredentialUnknown},
		{"broken", "broken", "", "", "identity_unreadable"},
		{"without a key", "keyless", "", "", "identity_unreadable"},
		{"a folder", h.data, "", "", "identity_unreadable"},
		{"with a zero byte", "we\x00b", "", "", "identity_unreadable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			credential, home, err := h.shell().identity(test.as)
			if codeOf(err) != test.code {
				t.Fatalf("have %v, want %q", err, test.code)
			}
			if err != nil {
				return
			}
			if have := credential.Leaf().Title(); have != test.leaf {
				t.Errorf("have %s, want %s", have, test.leaf)
			}
			if (home == nil) != (test.domain == "") || home != nil && home.domain.String() != test.domain {
				t.Errorf("have the folder %v, want %s", home, test.domain)
			}
		})
	}
	_, _, err := h.shell().identity("wbe")
	if e, _ := fault.Of(err); !strings.HasSuffix(e.Hint, "both, broken, keyless, operator/ann, web, api, both") {
		t.Errorf("the hint does not list who is known: %s", e.Hint)
	}
}

func TestRootsAndNames(t *testing.T) {
	h := newHost(t)
	demo := h.domain("demo.signet", "web")
	file := h.write("elsewhere/ca.pem", demo.Root.Leaf().PEM())
	leaf := h.write("elsewhere/leaf.pem", testpki.Must(demo.Server("a.example")).Leaf().PEM())
	empty := h.write("elsewhere/empty.pem", nil)
	huge := h.write("elsewhere/huge.pem", nil)
	if err := os.Truncate(huge, pki.MaxInput+1); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		flags       trust
		roots, want string // as texts
		code        fault.Code
	}{
		{"a file", trust{Roots: file}, "Demo Root (ca.pem)", "no name", ""},
		{"a file and a host", trust{Roots: file, Name: "a.example"}, "Demo Root (ca.pem)", "a.example", ""},
		{"a file and a SPIFFE ID", trust{Roots: file, Name: "spiffe://other.example/x"}, "Demo Root (other.example)", "spiffe://other.example/x", ""},
		{"a file and a bad SPIFFE ID", trust{Roots: file, Name: "spiffe://other.example"}, "", "", "spiffe_id_invalid"},
		{"a trust domain", trust{Roots: "demo.signet"}, "Demo Root (demo.signet)", "no name", ""},
		{"a trust domain and a name", trust{Roots: "demo.signet", Name: "orders"}, "Demo Root (demo.signet)", "spiffe://demo.signet/orders", ""},
		{"a trust domain and a bad name", trust{Roots: "demo.signet", Name: "or ders"}, "", "", "spiffe_id_invalid"},
		{"an identity brings roots", trust{As: "web", Name: "orders"}, "Demo Root (demo.signet)", "spiffe://demo.signet/orders", ""},
		{"an identity and other roots", trust{As: "web", Roots: file}, "Demo Root (ca.pem)", "no name", ""},
		{"neither file nor domain", trust{Roots: "nowhere.pem"}, "", "", verify.RootsUnreadable},
		{"a folder", trust{Roots: h.data}, "", "", verify.RootsUnreadable},
		{"a leaf", trust{Roots: leaf}, "", "", verify.RootsIsLeaf},
		{"empty", trust{Roots: empty}, "", "", verify.RootsUnreadable},
		{"huge", trust{Roots: huge}, "", "", verify.RootsUnreadable},
		{"huge for a SPIFFE ID", trust{Roots: huge, Name: "spiffe://other.example/x"}, "", "", pki.InputTooLarge},
		{"unknown identity", trust{As: "nobody"}, "", "", CredentialUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := h.shell().basis(test.flags)
			if codeOf(err) != test.code {
				t.Fatalf("have %v, want %q", err, test.code)
			}
			if err == nil && (b.roots.String() != test.roots || b.name.String() != test.want) {
				t.Errorf("have %s and %s, want %s and %s", b.roots, b.name, test.roots, test.want)
			}
			if (b.own != nil) != (test.flags.As != "" && err == nil) {
				t.Errorf("own identity: %v", b.own)
			}
		})
	}
}

func TestRootsFileBeatsTrustDomain(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet")
	other := testpki.Must(testpki.Must(testpki.New(time.Now())).Root.New(pki.Spec{Profile: pki.Intermediate, Name: "Other"}))
	t.Chdir(t.TempDir())
	if err := os.WriteFile("demo.signet", other.Leaf().PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := h.shell().basis(trust{Roots: "demo.signet"})
	if err != nil || b.roots.String() != "Other (demo.signet)" || !b.roots.TrustDomain().IsZero() {
		t.Errorf("have %s: %v", b.roots, err)
	}
	if err := os.Remove("demo.signet"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("demo.signet", 0o700); err != nil {
		t.Fatal(err)
	}
	b, err = h.shell().basis(trust{Roots: "demo.signet"})
	if err != nil || b.roots.TrustDomain().String() != "demo.signet" {
		t.Errorf("a folder of that name: have %s: %v", b.roots, err)
	}
}
