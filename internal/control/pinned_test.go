package control

import (
	"os"
	"regexp"
	"testing"
)

// TestPinned has the clusters of the tests run the etcd that Signet is built with.
func TestPinned(t *testing.T) {
	server := regexp.MustCompile(`go\.etcd\.io/etcd/server/v3 v[0-9.]+`)
	own := server.FindString(string(must(os.ReadFile("../../go.mod"))))
	if theirs := server.FindString(string(must(os.ReadFile("../peers/etcd/go.mod")))); own == "" || own != theirs {
		t.Errorf("the tests' server is %q, and Signet's %q; next: go -C internal/peers/etcd get %s && go -C internal/peers/etcd mod tidy", theirs, own, own)
	}
}
