package policy

import (
	"errors"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"text/scanner"

	"github.com/cedar-policy/cedar-go/ast"
)

// token is one word or sign of a rule.
type token struct {
	text         string
	line, column int
	end          int // offset of the byte after it
}

func (t token) in(r Rule) Position { return Position{r.Name, t.line, t.column} }

// scan splits text into at most maxRuleTokens+1 tokens without comments. On
// every text that Cedar's own scanner accepts both agree on where strings and
// comments end, and Cedar scans a whole text before it parses any of it.
func scan(text string) []token {
	s := newScanner(text)
	var tokens []token
	for s.Scan() != scanner.EOF && len(tokens) <= maxRuleTokens {
		text := s.TokenText()
		tokens = append(tokens, token{text, s.Position.Line, s.Position.Column, s.Position.Offset + len(text)})
	}
	return tokens
}

func newScanner(text string) *scanner.Scanner {
	var s scanner.Scanner
	s.Init(strings.NewReader(text))
	s.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings | scanner.ScanComments | scanner.SkipComments
	s.Error = func(*scanner.Scanner, string) {} // Cedar's parser reports it
	return &s
}

// find returns the first token of the first run of tokens that spells name.
func find(tokens []token, name string) (token, bool) {
	for i, first := range tokens {
		rest := name
		for _, t := range tokens[i:] {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, t.text); !ok {
				break
			}
			if rest == "" {
				return first, true
			}
		}
	}
	return token{}, false
}

// cedarPlace is how cedar-go writes a place; its errors have no fields.
var cedarPlace = regexp.MustCompile(`<input>:(\d+):(\d+)(: )?`)

// placeOf returns the place that an error of Cedar's parser names: that of the
// token at fault or of the one after it.
func placeOf(err error) (at token, ok bool) {
	m := cedarPlace.FindStringSubmatch(err.Error())
	if m == nil {
		return token{}, false
	}
	at.line, _ = strconv.Atoi(m[1])
	at.column, _ = strconv.Atoi(m[2])
	return at, at.line > 0
}

// search finds the token at fault for an error without a place, such as a
// number out of range: no text that ends before this token has the same error.
func search(text string, tokens []token, err error) token {
	i := sort.Search(len(tokens), func(i int) bool {
		prefixErr := new(ast.Policy).UnmarshalCedar([]byte(text[:tokens[i].end]))
		return prefixErr != nil && prefixErr.Error() == err.Error()
	})
	if i == len(tokens) {
		return token{} // the fault lies in no token, so in no place
	}
	return tokens[i]
}

// causeOf returns what Cedar's parser says, without the place.
func causeOf(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return clean(cedarPlace.ReplaceAllString(err.Error(), ""))
}
