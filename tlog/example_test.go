package tlog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/tlog"
)

// region auditor
// Print writes the entries of an audit log that its last checkpoint has signed.
// The folder is a copy of audit/; the key is its log.vkey, kept on another host.
func Print(folder, key string) error {
	verifier, err := tlog.ParseVerifier(key)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	checkpoint, err := verifier.Open(signed)
	if err != nil {
		return err
	}
	var tree tlog.Tree
	for n := int64(0); tree.Size() < checkpoint.Size; n++ {
		width := int(min(checkpoint.Size-tree.Size(), tlog.TileWidth))
		data, err := os.ReadFile(filepath.Join(folder, tlog.Path(tlog.Entries, n, width)))
		if err != nil {
			return err
		}
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			fmt.Printf("%d %s\n", tree.Size(), entry)
			tree.Add(tlog.LeafHash(entry))
		}
	}
	if tree.Root() != checkpoint.Root {
		return errors.New("these are not the entries that were signed")
	}
	return nil
}

// endregion

// Example has an authority write a log, and an auditor read it.
func Example() {
	folder, err := os.MkdirTemp("", "log")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	log, err := audit.Open(audit.Config{Dir: folder, Origin: "example.com/audit"})
	if err != nil {
		panic(err)
	}
	for _, verb := range []string{"allow", "deny"} {
		if _, err := log.Append(context.Background(), audit.Entry{Kind: audit.Acted, Act: &audit.Act{Verb: verb}}); err != nil {
			panic(err)
		}
	}
	if err := log.Close(); err != nil {
		panic(err)
	}
	key, err := os.ReadFile(filepath.Join(folder, "audit", "log.vkey"))
	if err != nil {
		panic(err)
	}
	if err := Print(filepath.Join(folder, "audit"), string(key)); err != nil {
		panic(err)
	}
	// Output:
	// 0 {"kind":"act","time":"0001-01-01T00:00:00Z","act":{"by":"","verb":"allow"}}
	// 1 {"kind":"act","time":"0001-01-01T00:00:00Z","act":{"by":"","verb":"deny"}}
}

// TestPage compares the auditor of docs/evidence.md with the one above.
func TestPage(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// region auditor\n")
	code, _, _ = strings.Cut(code, "\n// endregion")
	if !strings.Contains(string(page), "```go\n"+code+"```\n") {
		t.Error("docs/evidence.md has another auditor than example_test.go")
	}
}
