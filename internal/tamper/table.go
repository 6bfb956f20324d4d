package tamper

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Count is what came of tries.
type Count struct {
	// Tried is how many connections were made.
	Tried int `json:"tried"`
	// Fooled is how many of them went wrong in one of the ways below.
	Fooled int `json:"fooled"`
	// AlteredBytes were delivered to an application and differ from what was
	// sent at their place.
	AlteredBytes int `json:"altered_bytes"`
	// UnnoticedTruncations are streams that were cut, or short for another
	// reason, and taken for whole.
	UnnoticedTruncations int `json:"unnoticed_truncations"`
	// FalseAlarms are streams that were whole and taken for cut, or refused.
	FalseAlarms int `json:"false_alarms"`
	// Example is the first try that was fooled, "" if none was.
	Example string `json:"example,omitempty"`

	first int // the example's number
}

func (c *Count) add(other Count, number int) {
	c.Tried += other.Tried
	c.Fooled += other.Fooled
	c.AlteredBytes += other.AlteredBytes
	c.UnnoticedTruncations += other.UnnoticedTruncations
	c.FalseAlarms += other.FalseAlarms
	if other.Example != "" && (c.Example == "" || number < c.first) {
		c.Example, c.first = other.Example, number
	}
}

// Row is one kind of attack.
type Row struct {
	Name  string  // stable, for programs
	Group string  // what being fooled would mean
	Title string  // what was done, or "" if the group says it
	Cells []Count // by column
}

// Table is the outcome of all attacks. Its first column is Signet.
type Table struct {
	Took    time.Duration
	Columns []string
	Rows    []Row
}

// titles are the rows, by kind.
var titles = [...]Row{
	bitsFlipped:    {Name: "bits_flipped", Group: "changed, but believed", Title: "bits flipped"},
	insideRecord:   {Name: "cut_inside_record", Group: "cut short, but taken for whole", Title: "inside a record"},
	betweenRecords: {Name: "cut_between_records", Group: "cut short, but taken for whole", Title: "between records"},
	cleanEnds:      {Name: "clean_ends", Group: "clean ends, called cut"},
}

func (k kind) String() string { return titles[k].Title }

func newTable(stacks []*stack) *Table {
	t := &Table{}
	for _, s := range stacks {
		t.Columns = append(t.Columns, s.name)
	}
	for _, row := range titles {
		row.Cells = make([]Count, len(stacks))
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (t *Table) enter(done try, result Count) {
	t.Rows[done.kind].Cells[done.arena.column].add(result, done.number)
}

// Total returns what came of all tries of a column; column 0 is Signet.
func (t *Table) Total(column int) (sum Count) {
	for _, row := range t.Rows {
		sum.add(row.Cells[column], row.Cells[column].first)
	}
	return sum
}

// Tries returns how many tries there were in all columns.
func (t *Table) Tries() (sum int) {
	for column := range t.Columns {
		sum += t.Total(column).Tried
	}
	return sum
}

// Text returns the table for a person.
func (t *Table) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Attacked TLS 1.2 and 1.3 between a client and a server on this machine: %s tries, %.0f s.\n\n",
		grouped(t.Tries()), t.Took.Seconds())
	fmt.Fprintf(&out, "%-29s%9s", "", "tried")
	for _, name := range t.Columns {
		fmt.Fprintf(&out, "%9s", name)
	}
	out.WriteByte('\n')
	group := ""
	for _, row := range t.Rows {
		label := row.Group
		if row.Title != "" {
			if row.Group != group {
				fmt.Fprintln(&out, row.Group)
			}
			label = "  " + row.Title
		}
		group = row.Group
		fmt.Fprintf(&out, "%-29s%9s", label, grouped(row.Cells[0].Tried))
		for _, cell := range row.Cells {
			fmt.Fprintf(&out, "%9s", grouped(cell.Fooled))
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	out.WriteString(t.summary())
	return out.String()
}

// summary is what a person should take away.
func (t *Table) summary() string {
	var out strings.Builder
	own := t.Total(0)
	if own.Fooled == 0 {
		fmt.Fprintf(&out, "Nothing got through %s.\n", t.Columns[0])
	} else {
		fmt.Fprintf(&out, "%s was fooled %s times, first in %s. Do not rely on this build.\n", t.Columns[0], grouped(own.Fooled), own.Example)
	}
	for i, name := range t.Columns[1:] {
		other := t.Total(i + 1)
		fmt.Fprintf(&out, "%s, as it comes by default, was tried %s times", name, grouped(other.Tried))
		switch {
		case other.Fooled == 0:
			out.WriteString(" and not fooled either.\n")
		case other.UnnoticedTruncations == other.Fooled:
			out.WriteString(" and stopped every changed byte,\nbut programs that use it are fooled by cut streams unless they check by themselves.\n")
		default:
			fmt.Fprintf(&out, " and fooled %s times, first in %s.\n", grouped(other.Fooled), other.Example)
		}
	}
	return out.String()
}

// MarshalJSON writes Signet's counts in all and by row, and beside them those of
// every column.
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
		Count
		Columns []column `json:"columns"`
		Rows    []row    `json:"rows"`
	}{Seconds: t.Took.Seconds(), Tries: t.Tries(), Count: t.Total(0)}
	for i, name := range t.Columns {
		all.Columns = append(all.Columns, column{name, t.Total(i)})
	}
	for _, r := range t.Rows {
		entry := row{Row: r.Name, Count: r.Cells[0]}
		for i, name := range t.Columns {
			entry.Columns = append(entry.Columns, column{name, r.Cells[i]})
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
