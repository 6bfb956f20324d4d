package policy

import (
	"fmt"
	"strconv"
	"strings"
	"text/scanner"
)

// Split cuts a text of several Cedar policies into rules, and says on which line
// each begins. A rule is called as its annotation @id says, and else by the given
// name and its number. What follows the last semicolon is a rule too, unless it is
// empty, so that New refuses it. The rules are not checked: New does that.
func Split(name, text string) (rules []Rule, lines []int) {
	var s scanner.Scanner
	s.Init(strings.NewReader(text))
	s.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings | scanner.ScanComments | scanner.SkipComments
	s.Error = func(*scanner.Scanner, string) {} // Cedar's parser reports it
	var words []string                          // of the rule's beginning
	begin, line := 0, 1
	cut := func(end int) {
		called := fmt.Sprintf("%s:%d", name, len(rules)+1)
		if id, ok := annotated(words); ok {
			called = id
		}
		rules, lines = append(rules, Rule{called, text[begin:end]}), append(lines, line)
		begin, words = end, nil
	}
	for s.Scan() != scanner.EOF {
		if len(words) == 0 {
			begin, line = s.Position.Offset, s.Position.Line
		}
		if len(words) < maxAnnotated {
			words = append(words, s.TokenText())
		}
		if s.TokenText() == ";" {
			cut(s.Position.Offset + 1)
		}
	}
	if len(words) > 0 {
		cut(len(text))
	}
	return rules, lines
}

// maxAnnotated is how many words of a rule are looked through for its @id.
const maxAnnotated = 256

// annotated returns the value of @id, of the annotations that a rule begins with.
func annotated(words []string) (id string, ok bool) {
	for len(words) >= 5 && words[0] == "@" {
		if words[1] == "id" && words[2] == "(" {
			id, err := strconv.Unquote(words[3])
			return id, err == nil
		}
		words = words[5:]
	}
	return "", false
}
