package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// TestInspectMalformedLists shows revocation lists, requests and OCSP messages
// that are broken on purpose: as much of them as can be read, and no defect.
func TestInspectMalformedLists(t *testing.T) {
	for _, kind := range []string{"asn1", "crl", "ocsp"} {
		dir := t.TempDir()
		args := []string{"inspect"}
		for _, data := range peers.BadInputs(t, kind) {
			path := filepath.Join(dir, strconv.Itoa(len(args)))
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
		t.Logf("%s: %d files", kind, len(args)-1)
		for _, args := range [][]string{args, append(args, "--json")} {
			have := signetMain(t, nil, args...)
			if out := have.stdout + have.stderr; have.code != 2 || strings.Contains(out, string(Panicked)) || strings.Contains(out, "\x1b") {
				t.Errorf("%s: exit %d, %.2000s", kind, have.code, have.stderr)
			}
		}
	}
}
