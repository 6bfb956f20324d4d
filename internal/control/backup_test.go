package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExportAndImport(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s)
	issue(t, s, Certificate{Serial: "ab77", ID: id("orders"), NotAfter: time.Now().Add(time.Hour), Holder: id("proxy/edge-3")})
	if err := s.PutToken(t.Context(), Token{Hash: strings.Repeat("0", 64), ID: id("orders"), Expires: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	change(t, s, func(tx *Tx) {
		for i := range maxOps/2 + 100 { // two of these are more than one transaction takes
			tx.PutRule(rule("web", fmt.Sprintf("orders-%d", i)))
		}
	})
	before := change(t, s, func(tx *Tx) {
		for i := range maxOps/2 + 100 {
			tx.PutRule(rule("batch", fmt.Sprintf("orders-%d", i)))
		}
	})
	values, state, err := s.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, state, sameState...); diff != "" {
		t.Errorf("the exported state differs (-stored +exported):\n%s", diff)
	}
	for _, v := range values {
		if strings.HasPrefix(v.Key, tokenPrefix) {
			t.Errorf("a token was exported: %s", v.Key)
		}
	}
	dir := t.TempDir()
	other := open(t, dir)
	after, err := other.Import(t.Context(), values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after, sameState...); diff != "" {
		t.Errorf("the imported state differs (-stored +imported):\n%s", diff)
	}
	if held, err := other.Certificates(t.Context(), id("orders")); err != nil || len(held) != 1 || held[0].Serial != "ab77" {
		t.Errorf("the imported store has the certificates %v, %v of orders; want ab77", held, err)
	}
	if revoked := change(t, other, func(tx *Tx) { tx.Revoke(Revocation{ID: id("proxy/edge-3")}) }); len(revoked.Revocations[id("proxy/edge-3")].Serials) != 1 {
		t.Error("a revocation in the imported store does not find the certificate in the proxy's hands")
	}
	_, err = other.Import(t.Context(), values)
	wantCode(t, err, ChangeInvalid, "in use")
	closeStore(t, other)
	if again := open(t, dir).State(); again.Revision != before.Revision+1 || len(again.Rules) != len(before.Rules) {
		t.Errorf("opened again: revision %d with %d rules, want %d with %d", again.Revision, len(again.Rules), before.Revision+1, len(before.Rules))
	}
}

func TestImportRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s)
	values, _, err := s.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]Value(nil), values...)
	changed[0].Value = strings.Replace(changed[0].Value, "a", "b", 1)
	_, err = open(t, t.TempDir()).Import(t.Context(), changed)
	wantCode(t, err, ValueDamaged)
	_, err = open(t, t.TempDir()).Import(t.Context(), nil)
	wantCode(t, err, ChangeInvalid, "no revision")
}
