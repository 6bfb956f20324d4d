package main

import (
	"os"
	"strings"
	"testing"
)

// guides are pages whose every command is run by a story, word for word.
var guides = []struct {
	page, story string
	commands    int // at least
}{
	{"agent.md", "agent.txtar", 3},
}

func TestGuides(t *testing.T) {
	for _, guide := range guides {
		t.Run(guide.page, func(t *testing.T) {
			page, err := os.ReadFile("../../docs/" + guide.page)
			if err != nil {
				t.Fatal(err)
			}
			story, err := os.ReadFile("testdata/" + guide.story)
			if err != nil {
				t.Fatal(err)
			}
			commands, language := 0, ""
			for line := range strings.Lines(string(page)) {
				if fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
					language = fence
					continue
				}
				text := strings.TrimSpace(line)
				if language == "" || text == "" {
					continue
				}
				if language == "sh" {
					commands++
				}
				if (language == "sh" || language == "toml") && !strings.Contains(string(story), text) {
					t.Errorf("%s does not have: %s", guide.story, text)
				}
			}
			if commands < guide.commands {
				t.Errorf("only %d commands were looked at", commands)
			}
		})
	}
}
