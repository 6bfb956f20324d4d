//go:build unix

package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// TestExposedSecrets names files with a passphrase, or an operator's key, that others can
// read.
func TestExposedSecrets(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	path := filepath.Join(t.TempDir(), "secret")
	for mode, exposed := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o644: true, 0o602: true} {
		if err := errors.Join(os.WriteFile(path, []byte("correct horse\nnotes"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		line, err := secret{PassphraseFile: path}.written(&shell{})
		if errors.Is(err, SecretExposed) != exposed || !exposed && string(line) != "correct horse" {
			t.Errorf("%04o: %q, %v; want that it is refused: %t", mode, line, err, exposed)
		}
		if _, _, err = (&shell{}).identity(path); errors.Is(err, SecretExposed) != exposed {
			t.Errorf("%04o, as --as: %v; want that it is refused: %t", mode, err, exposed)
		}
		if ours, is := fault.Of(err); exposed && is && ours.Hint == "" {
			t.Error("there is no next step")
		}
		os.Remove(path)
	}
}
