package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParse measures a few certificates, so that what is measured keeps working.
func TestParse(t *testing.T) {
	t.Chdir("..")
	folder, count := t.TempDir(), 0
	err := readArchive(pkits, func(data []byte) {
		if count++; count > 40 {
			return
		}
		for _, copy := range []string{"a", "b"} { // each counts once
			name := filepath.Join(folder, copy+strings.Repeat("x", count))
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parse(&out, 1, []string{folder}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" certificates; ", "1 rounds", "crypto/x509 ", "\npki ", "\npki, key and every extension read "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &out)
		}
	}
	if err := parse(&out, 1, []string{t.TempDir()}); err == nil {
		t.Error("a folder without certificates was measured")
	}
}
