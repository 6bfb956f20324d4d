package signet_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// The guide's three tasks. What it calls must is testpki.Must.

func describe(data []byte) {
	// region: load a certificate and describe it
	cert := testpki.Must(pki.ParseCertificates(data))[0]
	fmt.Println(cert.Title())
	fmt.Println(cert.NotAfter().Format("20060102150405Z"))
	fmt.Printf("%x\n", cert.Fingerprint())
	// endregion
}

func makeTwo() (root, server *pki.Credential) {
	// region: make a root and a server's certificate
	root = testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Demo Root"}))
	server = testpki.Must(root.New(pki.Spec{Profile: pki.Server, DNS: []string{"db.example"}}))
	// endregion
	return root, server
}

func verifyFor(root *pki.Certificate, chain []*pki.Certificate) {
	// region: verify with roots
	roots := testpki.Must(verify.NewRoots("ca.crt", root))
	_, err := verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Host("shop.example")})
	fmt.Println(errors.Is(err, verify.NameMismatch), err)
	// endregion
}

// TestPortingCode holds the guide's Go to the regions above.
func TestPortingCode(t *testing.T) {
	var want []string
	for _, code := range regions(t, "porting_tasks_test.go") {
		want = append(want, strings.NewReplacer("testpki.Must(", "must(", "root = ", "root := ", "server = ", "server := ").Replace(code))
	}
	if diff := cmp.Diff(want, fences(t, portingPage, "go")[1:]); diff != "" {
		t.Errorf("%s shows other code than its file has (-file +page):\n%s", portingPage, diff)
	}
}

// TestPortingDescribe has both sides describe one certificate.
func TestPortingDescribe(t *testing.T) {
	root, _ := makeTwo()
	data := root.Leaf().PEM()
	theirs := pythonTask(t, 0, "data = open(sys.argv[1], 'rb').read()\n", "", data)
	if ours := printed(t, func() { describe(data) }); ours != theirs || strings.Count(ours, "\n") != 3 {
		t.Errorf("Signet says\n%sand pyOpenSSL\n%s", ours, theirs)
	}
}

// TestPortingMake has both sides make a chain, and each verify it: with
// pyOpenSSL's own, pyOpenSSL cannot do anything.
func TestPortingMake(t *testing.T) {
	const judge = `
store = crypto.X509Store()
store.add_cert(root)
try:
    crypto.X509StoreContext(store, server).verify_certificate()
except crypto.X509StoreContextError as error:
    print(server.get_extension_count(), error.errors[2])
`
	if have, want := pythonTask(t, 1, "", judge), "0 invalid CA certificate\n"; have != want {
		t.Errorf("of its own chain pyOpenSSL says %q, want %q", have, want)
	}
	root, server := makeTwo()
	roots := testpki.Must(verify.NewRoots("ca.crt", root.Leaf()))
	if _, err := verify.Verify(server.Chain, verify.Options{Roots: roots, Name: verify.Host("db.example")}); err != nil {
		t.Error(err)
	}
}

// TestPortingVerify has both sides verify one chain for a host that it is not
// for.
func TestPortingVerify(t *testing.T) {
	const load = `
root, server = (crypto.load_certificate(crypto.FILETYPE_PEM, open(file, "rb").read()) for file in sys.argv[1:])
chain = []
`
	root, server := makeTwo()
	if have, want := pythonTask(t, 2, load, "", root.Leaf().PEM(), server.Leaf().PEM()), "trusted\n"; have != want {
		t.Errorf("pyOpenSSL says %q, want %q", have, want)
	}
	if have := printed(t, func() { verifyFor(root.Leaf(), server.Chain) }); !strings.HasPrefix(have, "true ") {
		t.Errorf("Signet says %q, want true and why", have)
	}
}

// pythonTask runs the guide's Python of a task between two pieces of ours; its
// arguments are the paths of the files.
func pythonTask(t *testing.T, task int, before, after string, files ...[]byte) string {
	t.Helper()
	folder := t.TempDir()
	program := "import secrets, sys, warnings\nwarnings.simplefilter('ignore')\nfrom OpenSSL import crypto\n" + before + fences(t, portingPage, "python")[task] + after
	args := []string{"-c", program}
	for i, data := range files {
		path := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	return python(t, "", args...)
}

// printed returns what a function prints.
func printed(t *testing.T, print func()) string {
	t.Helper()
	out := testpki.Must(os.Create(filepath.Join(t.TempDir(), "out")))
	defer out.Close()
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = out
	print()
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return string(testpki.Must(io.ReadAll(out)))
}
