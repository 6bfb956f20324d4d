package tamper

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns the table for a person.
func (t *Table) Text() string {
	var out strings.Builder
	tries := grouped(t.Tries())
	if t.Tries() < t.planned {
		tries += " of " + grouped(t.planned)
		out.WriteString("Interrupted; so far:\n")
	}
	fmt.Fprintf(&out, "Attacked TLS 1.2 and 1.3 between a client and a server on this machine: %s tries, %.0f s.\n\n", tries, t.Took.Seconds())
	out.WriteString(t.grid())
	out.WriteByte('\n')
	out.WriteString(t.summary())
	return out.String()
}

// grid says of each row and column how many of how many tries fooled somebody.
func (t *Table) grid() string {
	lines := [][]string{append([]string{""}, t.Columns...)}
	group := ""
	for _, row := range t.Rows {
		label := row.Group
		if row.Title != "" {
			if row.Group != group {
				lines = append(lines, []string{row.Group})
			}
			label = "  " + row.Title
		}
		group = row.Group
		line := []string{label}
		for _, cell := range row.Cells {
			line = append(line, cell.text())
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(t.Columns)+1)
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		if len(line) == 1 {
			out.WriteString(line[0] + "\n")
			continue
		}
		fmt.Fprintf(&out, "%-*s", widths[0], line[0])
		for i, text := range line[1:] {
			fmt.Fprintf(&out, "  %*s", widths[i+1], text)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// text is a cell.
func (c Count) text() string {
	if c.Tried == 0 {
		return "–"
	}
	return grouped(c.Fooled) + " of " + grouped(c.Tried)
}

// summary is what a person should take away.
func (t *Table) summary() string {
	var out strings.Builder
	if t.Own().Fooled == 0 {
		fmt.Fprintf(&out, "Nothing got through %s.\n", t.Columns[0])
	}
	for i, name := range t.Columns[:t.own] {
		switch own := t.Total(i); {
		case own.Fooled > 0:
			fmt.Fprintf(&out, "%s was fooled %s, first in %s. Do not rely on this build.\n", name, count(own.Fooled, "time"), own.Example)
		case i > 0 && own.Tried == 0:
			fmt.Fprintf(&out, "%s %s\n", name, t.verdict(i))
		}
	}
	if len(t.Columns) > t.own {
		out.WriteString("The others stand here as they come by default:\n")
	}
	for i := t.own; i < len(t.Columns); i++ {
		fmt.Fprintf(&out, "  %s %s\n", t.Columns[i], t.verdict(i))
	}
	return out.String()
}

// verdict says what fooled a column.
func (t *Table) verdict(column int) string {
	if t.Absent[column] != "" {
		return "was not tried: " + t.Absent[column]
	}
	total := t.Total(column)
	if total.Tried == 0 {
		return "has not been tried yet."
	}
	var by []string
	for _, cause := range []struct {
		times int
		what  string
	}{
		{total.AlteredBytes, "changed bytes"},
		{total.Downgrades, "a downgrade"},
		{total.UnnoticedTruncations, "cut streams"},
		{total.ImpostorsTrusted, "impostors"},
		{total.SentInClear, "the loss of STARTTLS"},
		{total.FalseAlarms, "clean ends"},
	} {
		if cause.times > 0 {
			by = append(by, cause.what)
		}
	}
	if len(by) == 0 {
		return "was not fooled either."
	}
	text := by[0]
	if last := len(by) - 1; last > 0 {
		text = strings.Join(by[:last], ", ") + " and " + by[last]
	}
	return "was fooled by " + text + ", first in " + total.Example + "."
}

// MarshalJSON writes Signet's counts on both data paths, in all and by row, and beside
// them those of every column that was tried.
func (t *Table) MarshalJSON() ([]byte, error) {
	type column struct {
		Stack string `json:"stack"`
		Count
	}
	type row struct {
		Row string `json:"row"`
		Count
		Columns []column `json:"columns"`
	}
	all := struct {
		Seconds float64 `json:"took_seconds"`
		Tries   int     `json:"tries"`
		Planned int     `json:"planned"`
		Count
		Columns []column          `json:"columns"`
		Absent  map[string]string `json:"absent,omitempty"`
		Rows    []row             `json:"rows"`
	}{Seconds: t.Took.Seconds(), Tries: t.Tries(), Planned: t.planned, Count: t.Own(), Absent: map[string]string{}}
	for i, name := range t.Columns {
		if t.Absent[i] != "" {
			all.Absent[name] = t.Absent[i]
			continue
		}
		all.Columns = append(all.Columns, column{name, t.Total(i)})
	}
	for _, r := range t.Rows {
		entry := row{Row: r.Name}
		for _, cell := range r.Cells[:t.own] {
			entry.add(cell, cell.first)
		}
		for i, name := range t.Columns {
			if r.Cells[i].Tried > 0 {
				entry.Columns = append(entry.Columns, column{name, r.Cells[i]})
			}
		}
		all.Rows = append(all.Rows, entry)
	}
	return json.Marshal(all)
}

// grouped writes n with a comma between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
