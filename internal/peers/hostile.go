package peers

import (
	"testing"

	"github.com/signet-tls/signet/fault"
)

// WantCoded holds a refusal of hostile input to what every error promises: a code,
// a next step, and a line that can be printed.
func WantCoded(t testing.TB, err error) {
	t.Helper()
	if e, ok := fault.Of(err); !ok || e.Code == "" || e.Hint == "" || e.Message != fault.Printable(e.Message, 1000) {
		t.Errorf("have %v, want a printable fault with code and hint", err)
	}
}

// ReadBadInputs gives a parser the malformed files of some kinds, of which there
// are at least so many. It reports whether it could read one in spite of it.
func ReadBadInputs(t *testing.T, least int, read func(data []byte) bool, kinds ...string) {
	t.Helper()
	files, known := 0, 0
	for _, kind := range kinds {
		for name, data := range BadInputs(t, kind) {
			files++
			if read(data) {
				known++
			}
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
	t.Logf("%d of %d files can be read in spite of it", known, files)
	if files < least {
		t.Errorf("there are only %d files", files)
	}
}
