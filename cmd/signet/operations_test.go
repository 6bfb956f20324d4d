package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOperationsGuide: each command of docs/operations.md is one of a story, word for
// word; flags of ports may follow there.
func TestOperationsGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	story := ""
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stories {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		story += string(text)
	}
	commands, inside := 0, false
	for line := range strings.Lines(string(guide)) {
		if strings.HasPrefix(line, "```") {
			inside = strings.HasPrefix(line, "```sh")
			continue
		}
		if !inside {
			continue
		}
		commands++
		if command := strings.TrimSpace(line); !strings.Contains(story, command) {
			t.Errorf("no story runs: %s", command)
		}
	}
	if commands < 6 {
		t.Errorf("the guide has only %d commands", commands)
	}
}
