package ca

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestRootElsewhere has the root's key go to a file of its own, encrypted: the
// authority signs without it.
func TestRootElsewhere(t *testing.T) {
	made := testpki.Must(New(demo, now))
	folder := filepath.Join(t.TempDir(), "ca")
	away := filepath.Join(t.TempDir(), "root.pem")
	if err := made.Save(folder, Kept{RootFile: away, RootPassphrase: []byte("battery staple")}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, rootFile)); err == nil {
		t.Error("the root's key is in the folder, too")
	}
	wantSealed(t, away)
	stored := made.Stored()
	stored.RootElsewhere = true
	wantVerified(t, made.Root(), issue(t, testpki.Must(Load(folder, demo, stored, nil)), "web"))
	err := made.Save(folder, Kept{RootFile: away})
	wantFault(t, err, KeyFileFault, "cannot be kept") // a file that is there already
}

func wantSealed(t *testing.T, path string) {
	t.Helper()
	data := testpki.Must(os.ReadFile(path))
	if !bytes.Contains(data, []byte("BEGIN ENCRYPTED PRIVATE KEY")) || bytes.Contains(data, []byte("BEGIN PRIVATE KEY")) {
		t.Errorf("%s holds %s", path, data)
	}
}

// TestEncrypted opens an intermediate's key that OpenSSL has encrypted, which is
// quicker than ours: it lies in testdata, by "openssl pkcs8 -topk8 -iter 1000".
func TestEncrypted(t *testing.T) {
	key := testpki.Must(os.ReadFile("testdata/encrypted.key"))
	say := func(word string, err error) pki.Passphrase {
		return func() ([]byte, error) { return []byte(word), err }
	}
	signer := testpki.Must(testpki.Must(pki.ParsePrivateKey(key, say("correct horse", nil))).Signer())
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: now}))
	own := testpki.Must(root.New(pki.Spec{Profile: pki.Intermediate, Name: "authority", Key: signer, Now: now}))
	made := &CA{domain: demo, keys: keys{root: root.Leaf(), intermediate: own, stored: Stored{Root: string(root.Leaf().PEM()), Intermediate: string(own.Leaf().PEM())}}}
	folder := t.TempDir()
	write(t, folder, intermediateFile, append(own.ChainPEM(), key...))
	stored := made.Stored()
	stored.RootElsewhere = true
	loaded, err := Load(folder, demo, stored, say("correct horse", nil))
	if err != nil {
		t.Fatal(err)
	}
	wantVerified(t, made.Root(), issue(t, loaded, "web"))
	_, err = Load(folder, demo, stored, say("incorrect", nil))
	wantFault(t, err, pki.PassphraseWrong, "the passphrase does not open the authority's key in ")
	missing := fault.New("passphrase_missing", "there is nobody to ask").WithHint("be there")
	_, err = Load(folder, demo, stored, say("", missing))
	wantFault(t, err, missing.Code, "there is nobody to ask")
	_, err = Load(folder, demo, stored, nil)
	wantFault(t, err, KeyFileFault, "cannot be used")
}

// TestPlanned: a plan and a key make one certificate, however often it is signed.
func TestPlanned(t *testing.T) {
	ca := testpki.Must(New(demo, now))
	key := testpki.Must(pki.NewKey()).Public()
	plan := testpki.Must(ca.Plan(testpki.Must(demo.ID("web")), now.Add(time.Hour+time.Millisecond)))
	first, again := testpki.Must(ca.Sign(plan, key))[0], testpki.Must(ca.Sign(plan, key))[0]
	if !first.Equal(again) {
		t.Error("the same plan made two certificates")
	}
	if first.Serial() != plan.Serial || !first.NotAfter().Equal(plan.NotAfter) || !first.NotBefore().Equal(plan.At.Add(-pki.Backdate)) {
		t.Errorf("%+v became %s from %v until %v", plan, first.Serial(), first.NotBefore(), first.NotAfter())
	}
	if other := testpki.Must(ca.Plan(plan.ID, now)); other.Serial == plan.Serial {
		t.Error("two plans have one serial number")
	}
	late := ca.Intermediate().NotAfter().Add(-time.Hour)
	if plan = testpki.Must(ca.Plan(plan.ID, late)); !plan.NotAfter.Equal(ca.Intermediate().NotAfter()) {
		t.Errorf("planned until %v, beyond the authority's own end", plan.NotAfter)
	}
	if leaf := testpki.Must(ca.Sign(plan, key))[0]; !leaf.NotAfter().Equal(plan.NotAfter) {
		t.Errorf("signed until %v, planned until %v", leaf.NotAfter(), plan.NotAfter)
	}
}

// TestConstrained: the intermediate's key signs for no other trust domain.
func TestConstrained(t *testing.T) {
	ca := testpki.Must(New(demo, now))
	foreign := pki.Spec{Profile: pki.Workload, ID: testpki.Must(prod.ID("web")), Now: now}
	_, err := ca.intermediate.Issue(foreign, testpki.Must(pki.NewKey()).Public())
	wantFault(t, err, pki.BeyondAuthority, "a name constraint")
	constraints := testpki.Must(ca.Intermediate().NameConstraints())
	if len(constraints.Permitted) != 1 || constraints.Permitted[0].Base.String() != "URI:demo.signet" {
		t.Errorf("the constraints are %+v", constraints)
	}
	_, err = New(testpki.Must(spiffeid.ParseTrustDomain("10.0.0.1")), now)
	wantFault(t, err, DomainUnfit, "10.0.0.1")
}
