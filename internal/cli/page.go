package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
)

// Widths of a page, in characters.
const (
	lineWidth  = 100
	labelWidth = 11 // of a row's name
	textWidth  = 63 // of a row's text, up to its verdict
)

// page gathers the lines of an answer.
type page struct{ strings.Builder }

// line adds one line.
func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(clean(fmt.Sprintf(format, args...)), " ") + "\n")
}

// headline adds the answer itself: a refusal ends with its code.
func (p *page) headline(text string, code fault.Code) {
	if code != "" {
		text += "  [" + string(code) + "]"
	}
	p.line("%s", text)
	p.line("")
}

// row adds one piece of evidence with its verdict.
func (p *page) row(name, text, verdict string) {
	for _, part := range wrap(text, textWidth-2) {
		p.line("%s%s", gap("  "+gap(name, labelWidth)+part, 2+labelWidth+textWidth), verdict)
		name, verdict = "", ""
	}
}

// fact adds one piece of evidence that nobody judges.
func (p *page) fact(name, format string, args ...any) {
	for _, part := range wrap(fmt.Sprintf(format, args...), lineWidth-labelWidth-2) {
		p.line("  %s%s", gap(name, labelWidth), part)
		name = ""
	}
}

// pad fills text up to width characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// gap is pad for text that something follows: two spaces at least.
func gap(text string, width int) string { return pad(text+"  ", width) }

// wrap breaks text between words into lines of at most width characters; a
// longer word has a line of its own.
func wrap(text string, width int) []string {
	if utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	line, out := "", []string(nil)
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			out, line = append(out, line), word
		}
	}
	return append(out, line)
}

// count writes a number with its noun: "1 proxy", "2 proxies".
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}

// thousands writes a number of at least 0 with a comma between groups of three
// digits.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes in its largest unit: "412 B", "2.1 MiB".
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/(1<<10), []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for value >= 1<<10 {
		value, units = value/(1<<10), units[1:]
	}
	if text := fmt.Sprintf("%.1f", value); len(text) == len("9.9") {
		return strings.TrimSuffix(text, ".0") + " " + units[0]
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}

// long writes how long something lasted in its two largest units: "3 min 12 s".
func long(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return milliseconds(d)
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d days %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// milliseconds writes a short time, rounded up: nothing takes no time.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", max((d+time.Millisecond-1)/time.Millisecond, 1))
}

// possessive writes whose something is: "web's", "orders'".
func possessive(name string) string {
	if strings.HasSuffix(name, "s") {
		return name + "'"
	}
	return name + "'s"
}
