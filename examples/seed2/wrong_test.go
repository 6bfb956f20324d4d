package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
)

// TestWrong shows what the wrong way lets through: whoever answers gets its data,
// and whatever comes is its answer. TestClient has the right way meet the same.
func TestWrong(t *testing.T) {
	stranger := testpki.Must(authority(t.TempDir()))
	pem := write(t, "impostor.pem", testpki.Must(workload(t, stranger, "spiffe://impostor.example/server").PEM()))
	tests := []struct {
		name   string
		ending string
		stdout string
	}{
		{"an impostor", "complete", "Hello, client!\n"},
		{"an impostor, whose answer is cut", "cut", "Hello, \n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			impostor := python(t, filepath.Join("..", "..", "seed1", "testdata", "server.py"), pem, test.ending)
			wrong := python(t, filepath.Join("..", "wrong.py"), impostor.line())
			if code, stdout, stderr := wrong.finish(); code != 0 || stdout != test.stdout {
				t.Errorf("exit %d, stdout %q, stderr %q; want %q", code, stdout, stderr, test.stdout)
			}
			if diff := cmp.Diff(saw{nil, "Hello, World!", "complete"}, impostor.saw()); diff != "" {
				t.Errorf("the impostor saw (-want +have):\n%s", diff)
			}
		})
	}
}

// TestWrongIdentity shows what the identity of the wrong way is worth: a server
// that asks who its clients are refuses it.
func TestWrongIdentity(t *testing.T) {
	ours := testpki.Must(authority(t.TempDir()))
	pem := write(t, "server.pem", testpki.Must(workload(t, ours, serverID).PEM()))
	server := python(t, "server.py", pem, write(t, "ca.crt", ours.ChainPEM()))
	wrong := python(t, filepath.Join("..", "wrong.py"), server.line())
	if code, stdout, _ := wrong.finish(); code == 0 || stdout != "" {
		t.Errorf("exit %d, stdout %q; want a refusal", code, stdout)
	}
	if diff := cmp.Diff(saw{[]string{}, "", "refused"}, server.saw()); diff != "" {
		t.Errorf("the server saw (-want +have):\n%s", diff)
	}
}
