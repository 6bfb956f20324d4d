package tamper

import "time"

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
	// ImpostorsTrusted are peers that were not who they had to be, and got data or
	// had theirs taken.
	ImpostorsTrusted int `json:"impostors_trusted"`
	// Downgrades are connections that came about although a Hello was rewritten.
	Downgrades int `json:"downgrades"`
	// SentInClear are connections on which TLS did not begin, and data was sent.
	SentInClear int `json:"sent_in_clear"`
	// FalseAlarms are streams that were whole and taken for cut, or refused.
	FalseAlarms int `json:"false_alarms"`
	// Example is the first try that was fooled, "" if none was.
	Example string `json:"example,omitempty"`

	first int // the example's number
}

// wrong reports whether anything went wrong.
func (c *Count) wrong() bool {
	return c.AlteredBytes+c.UnnoticedTruncations+c.ImpostorsTrusted+c.Downgrades+c.SentInClear+c.FalseAlarms > 0
}

func (c *Count) add(other Count, number int) {
	c.Tried += other.Tried
	c.Fooled += other.Fooled
	c.AlteredBytes += other.AlteredBytes
	c.UnnoticedTruncations += other.UnnoticedTruncations
	c.ImpostorsTrusted += other.ImpostorsTrusted
	c.Downgrades += other.Downgrades
	c.SentInClear += other.SentInClear
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

// Table is the outcome of all attacks. Its first column is Signet as it comes, and
// the next its record path.
type Table struct {
	Took    time.Duration
	Columns []string
	Absent  []string // by column: why it was not tried, or ""
	Rows    []Row

	planned int // tries
	own     int // of the columns, the first so many are Signet's
}

// Groups of rows: what being fooled would mean.
const (
	changed = "changed, but believed"
	short   = "cut short, but taken for whole"
)

// titles are the rows, by kind.
var titles = [...]Row{
	bitsFlipped:     {Name: "bits_flipped", Group: changed, Title: "bits flipped"},
	recordsMoved:    {Name: "records_moved", Group: changed, Title: "records dropped, swapped"},
	recordsInserted: {Name: "records_inserted", Group: changed, Title: "records inserted"},
	replays:         {Name: "replay_downgrade", Group: changed, Title: "replay, downgrade"},
	insideRecord:    {Name: "cut_inside_record", Group: short, Title: "inside a record"},
	betweenRecords:  {Name: "cut_between_records", Group: short, Title: "between records"},
	impostors:       {Name: "impostors", Group: "impostor, but trusted"},
	stripped:        {Name: "starttls_stripped", Group: "STARTTLS stripped, sent in clear"},
	cleanEnds:       {Name: "clean_ends", Group: "clean ends, called cut"},
}

// String names what is attacked.
func (k kind) String() string {
	if titles[k].Title == "" {
		return titles[k].Group
	}
	return titles[k].Title
}

func newTable(stacks []*stack) *Table {
	t := &Table{}
	for column, s := range stacks {
		if s.own(column) {
			t.own++
		}
		t.Columns, t.Absent = append(t.Columns, s.name), append(t.Absent, s.absent)
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

// Own returns what came of all tries of Signet's columns.
func (t *Table) Own() (sum Count) {
	for column := range t.own {
		total := t.Total(column)
		sum.add(total, total.first)
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
