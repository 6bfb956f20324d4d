package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestProxyGuide holds the quick start of docs/proxy.md to its story: the same
// commands, and the same files.
func TestProxyGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	story, err := txtar.ParseFile("testdata/proxy_files.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, start, _ := strings.Cut(string(page), "\n## Two proxies")
	start, _, _ = strings.Cut(start, "\n## ")
	files := map[string]bool{}
	for _, file := range story.Files {
		files[string(file.Data)] = true
	}
	n := 0
	for _, block := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(start, -1) {
		n++
		if block[1] != "sh" {
			if !files[block[2]] {
				t.Errorf("no file of the story is this of docs/proxy.md:\n%s", block[2])
			}
			continue
		}
		for line := range strings.Lines(block[2]) {
			if command := strings.TrimSuffix(line, "\n"); !strings.HasPrefix(command, "curl ") && !strings.Contains(string(story.Comment), command) {
				t.Errorf("the story does not run %q", command)
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d blocks were looked at", n)
	}
}
