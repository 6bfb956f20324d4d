package ca

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestEncrypted keeps the keys under a passphrase, and the root's in a file of its
// own: neither key can be read without, and the authority signs without the root's.
func TestEncrypted(t *testing.T) {
	made := testpki.Must(New(demo, now))
	folder := filepath.Join(t.TempDir(), "ca")
	away := filepath.Join(t.TempDir(), "root.pem")
	how := Kept{Passphrase: []byte("correct horse"), RootFile: away, RootPassphrase: []byte("battery staple")}
	if err := made.Save(folder, how); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, rootFile)); err == nil {
		t.Error("the root's key is in the folder, too")
	}
	for _, path := range []string{filepath.Join(folder, intermediateFile), away} {
		data := testpki.Must(os.ReadFile(path))
		if !bytes.Contains(data, []byte("BEGIN ENCRYPTED PRIVATE KEY")) || bytes.Contains(data, []byte("BEGIN PRIVATE KEY")) {
			t.Errorf("%s holds %s", path, data)
		}
	}
	stored := made.stored()
	stored.RootElsewhere = true
	missing := fault.New("passphrase_missing", "there is nobody to ask").WithHint("be there")
	say := func(word string, err error) pki.Passphrase {
		return func() ([]byte, error) { return []byte(word), err }
	}
	loaded, err := Load(folder, demo, stored, say("correct horse", nil))
	if err != nil {
		t.Fatal(err)
	}
	wantVerified(t, made.Root(), issue(t, loaded, "web"))
	if _, err = Load(folder, demo, stored, say("incorrect", nil)); !errors.Is(err, pki.PassphraseWrong) {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	if _, err = Load(folder, demo, stored, say("", missing)); !errors.Is(err, missing.Code) {
		t.Errorf("without a passphrase: %v", err)
	}
	if err := made.Save(folder, how); !errors.Is(err, KeyFileFault) { // the file of the root is there already
		t.Errorf("the second time: %v", err)
	}
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
