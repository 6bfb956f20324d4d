package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
)

// shell is what a command reads from and writes to.
type shell struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	inputTaken     bool            // standard input has been read
	stop           <-chan struct{} // closed by Ctrl-C
	program        string          // how this program was started
	zone           *time.Location  // of times of day
	data           string          // --data
	named          []string        // " --data DIR", as program has it and as it was typed
	json           bool            // --json
	quiet          bool            // --quiet
	full           bool            // --full

	notes sync.Mutex // held while a line about a session is written
}

// goRun matches the executables that "go run" makes: in its work folder at
// first, in the build cache from the second time on.
var goRun = regexp.MustCompile(`(/go-build[^/]*/b\d+/exe|/[0-9a-f]{2}/[0-9a-f]{64}-d)/[^/]+$`)

// program returns the command by which the user started this program.
func program() string {
	path, err := os.Executable()
	if err == nil && goRun.MatchString(filepath.ToSlash(path)) {
		return "go run ./cmd/signet"
	}
	return "signet"
}

// ownCommand matches a command of ours in a text: at its beginning, in quotation
// marks, or behind a pipe.
var ownCommand = regexp.MustCompile(`(^|"|\| )signet `)

// own writes commands of ours as they work here.
func (s *shell) own(text string) string {
	if ownCommand.MatchString(text) {
		for _, flag := range s.named { // which the program's name has already
			text = strings.ReplaceAll(text, flag, "")
		}
	}
	return ownCommand.ReplaceAllString(text, "${1}"+s.program+" ")
}

// print writes the answer.
func (s *shell) print(text string) error {
	if _, err := io.WriteString(s.stdout, text); err != nil {
		return fault.Wrap(err, OutputFailed, "the answer cannot be written").
			WithHint("make room, or write elsewhere, and run it again")
	}
	return nil
}

// printJSON writes the answer for programs.
func (s *shell) printJSON(value any) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	return s.print(text.String())
}

// isTerminal reports whether a person looks at what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// steps says below an answer what may follow it: "next", "undo".
func (s *shell) steps(label string, lines ...string) {
	if !s.quiet && !s.json && len(lines) > 0 {
		fmt.Fprintln(s.stderr)
		s.align(label+": ", lines)
	}
}

// align writes lines below one another, the first behind the label.
func (s *shell) align(label string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(s.stderr, "%s%s\n", label, clean(s.own(line)))
		label = strings.Repeat(" ", len(label))
	}
}

// complaint is an error for programs.
type complaint struct {
	Error complaintError `json:"error"`
}

type complaintError struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Next    []string   `json:"next,omitempty"`
}

// complaint returns an error for programs.
func (s *shell) complaint(err error) *complaintError {
	e := explained(err)
	c := &complaintError{Code: e.Code, Message: discreet(e.Message)}
	for _, line := range lines(e.Hint) {
		c.Next = append(c.Next, discreet(s.own(line)))
	}
	return c
}

// explained makes an error of ours of any other.
func explained(err error) *fault.Error {
	if e, ok := fault.Of(err); ok {
		return e
	}
	return fault.New(Internal, "%s", err).
		WithHint("if this does not help, report it, with the output of \"signet version\"")
}

// complain says an error: what, and what next.
func (s *shell) complain(err error) {
	if s.json {
		if s.printJSON(complaint{*s.complaint(err)}) == nil {
			return
		}
	}
	e := explained(err)
	fmt.Fprintf(s.stderr, "error: %s [%s]\n", clean(shortened(e.Message)), clean(string(e.Code)))
	if !s.quiet {
		s.align("  next: ", lines(e.Hint))
	}
}

// longWord matches what nobody reads to its end, such as a path of many folders.
var longWord = regexp.MustCompile(`\S{201,}`)

// shortened leaves out the middle of such words.
func shortened(text string) string {
	return longWord.ReplaceAllStringFunc(text, func(word string) string {
		letters := []rune(word)
		return string(letters[:80]) + "…" + string(letters[len(letters)-40:])
	})
}

// lines splits a hint into its steps.
func lines(hint string) []string {
	if hint == "" {
		return nil
	}
	return strings.Split(hint, "\n")
}

// clean makes any text fit to stand in one line of a terminal.
func clean(text string) string { return fault.Printable(discreet(text), 1000) }

// password matches that of a URL, which is nobody's to read.
var password = regexp.MustCompile(`(://[^\s/?#@:]*):[^\s/?#]*@`)

// discreet leaves passwords out of the URLs in a text.
func discreet(text string) string { return password.ReplaceAllString(text, "$1:…@") }
