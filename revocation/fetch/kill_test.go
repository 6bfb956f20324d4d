package fetch_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

// childVariable names the folder and the server with which this program, run
// again, works until it is killed.
const childVariable = "SIGNET_FETCH_CHILD"

func TestMain(m *testing.M) {
	if dir, url, found := strings.Cut(os.Getenv(childVariable), "|"); found {
		child(dir, url)
		return
	}
	os.Exit(m.Run())
}

// page is what the server has at a path: its length and bytes follow from it.
func page(path string) []byte {
	sum := sha256.Sum256([]byte(path))
	return bytes.Repeat(sum[:], 1+int(sum[0])*64)
}

// child fetches pages, and writes a line for each, until it is killed.
func child(dir, url string) {
	client := fetch.New(fetch.Config{Dir: dir, Private: loopback, MaxDisk: 4 << 20})
	for n := 0; ; n++ {
		path := fmt.Sprintf("/%d", n%64)
		if _, err := client.Fetch(context.Background(), revocation.Request{URL: url + path, Body: fmt.Append(nil, rand.Uint32N(4)), Check: anything}); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		fmt.Println(path)
	}
}

// TestKilled kills a process while it writes, twenty times on the same folder:
// what is found there is whole or absent, and the next process goes on.
func TestKilled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { w.Write(page(q.URL.Path)) }))
	defer server.Close()
	dir, kept := t.TempDir(), 0
	for round := range 20 {
		cmd := exec.Command(testpki.Must(os.Executable()))
		cmd.Env = append(os.Environ(), childVariable+"="+dir+"|"+server.URL)
		cmd.Stderr = os.Stderr
		out := testpki.Must(cmd.StdoutPipe())
		testpki.Must(0, cmd.Start())
		lines, last := 0, 1+rand.IntN(40)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			if lines++; lines == last {
				testpki.Must(0, cmd.Process.Kill())
			}
		}
		if err := cmd.Wait(); lines < last {
			t.Fatalf("round %d: the child ended by itself after %d answers: %v", round, lines, err)
		}
		dead := fetch.New(fetch.Config{Dir: dir}) // may ask no server of this machine
		for n := range 64 {
			for body := range 4 {
				path := fmt.Sprintf("/%d", n)
				data, err := dead.Fetch(t.Context(), revocation.Request{URL: server.URL + path, Body: fmt.Append(nil, body), Check: anything})
				if err == nil && !bytes.Equal(data, page(path)) {
					t.Fatalf("round %d: %s has %d bytes that are not its own", round, path, len(data))
				}
				if err == nil {
					kept++
				}
			}
		}
	}
	if kept == 0 {
		t.Error("nothing was ever kept")
	}
	t.Logf("%d answers were found whole after 20 kills, %d files are there", kept, len(testpki.Must(os.ReadDir(dir))))
}
