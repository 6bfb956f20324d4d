package tamper

import (
	"bytes"
	"fmt"
	"slices"
)

// byRecord is an attack on whole records: edit takes them one by one, with
// their numbers.
func byRecord(edit func(number int, record []byte) (deliver []byte, ends bool)) alter {
	var pending []byte // of a record that is not whole yet
	number := 0
	return func(p []byte) (deliver []byte, ends bool) {
		pending = append(pending, p...)
		borders, _, err := records(pending)
		if err != nil { // no TLS: the receiver may see for itself
			deliver, pending = pending, nil
			return deliver, false
		}
		start := 0
		for _, border := range borders {
			var part []byte
			part, ends = edit(number, pending[start:border:border])
			deliver = append(deliver, part...)
			number, start = number+1, border
			if ends {
				break
			}
		}
		pending = slices.Clone(pending[start:])
		return deliver, ends
	}
}

// splice withholds the records from one up to another and delivers something
// else in their place; with ends, and then nothing more.
type splice struct {
	from, upTo int
	put        []byte
	ends       bool
	what       string
}

func (s splice) begin(*half) alter {
	return byRecord(func(number int, record []byte) ([]byte, bool) {
		switch {
		case number == s.from && s.from < s.upTo, number == s.from && s.ends:
			return s.put, s.ends
		case number == s.from:
			return slices.Concat(s.put, record), false
		case number > s.from && number < s.upTo:
			return nil, false
		}
		return record, false
	})
}

func (s splice) String() string { return s.what }

// later delivers a record behind a later one; with again, at its own place too.
type later struct {
	number, behind int
	again          bool
}

func (m later) begin(*half) alter {
	var held []byte
	return byRecord(func(number int, record []byte) (deliver []byte, ends bool) {
		if number == m.number {
			held = bytes.Clone(record)
		}
		if number != m.number || m.again {
			deliver = record
		}
		if number == m.behind {
			deliver = slices.Concat(deliver, held)
		}
		return deliver, false
	})
}

func (m later) String() string {
	if m.again {
		return fmt.Sprintf("record %d delivered again behind record %d", m.number, m.behind)
	}
	return fmt.Sprintf("record %d moved behind record %d", m.number, m.behind)
}

// reflect gives the receiver of a record the last one of its own instead.
type reflect struct{ number int }

func (r reflect) begin(opposite *half) alter {
	return byRecord(func(number int, record []byte) ([]byte, bool) {
		if number != r.number {
			return record, false
		}
		return lastRecord(opposite.delivered), false
	})
}

func (r reflect) String() string {
	return fmt.Sprintf("record %d replaced by the receiver's own last one", r.number)
}

// lastRecord returns the last whole record of a flow.
func lastRecord(flow []byte) []byte {
	ends, _, err := records(flow)
	if err != nil || len(ends) == 0 {
		return nil
	}
	start := 0
	if len(ends) > 1 {
		start = ends[len(ends)-2]
	}
	return flow[start:ends[len(ends)-1]]
}

// substitute replaces a text by another where it is first written.
type substitute struct {
	old, new string
	what     string
}

func (s substitute) begin(*half) alter {
	done := false
	return func(p []byte) ([]byte, bool) {
		if done || !bytes.Contains(p, []byte(s.old)) {
			return p, false
		}
		done = true
		return bytes.Replace(p, []byte(s.old), []byte(s.new), 1), false
	}
}

func (s substitute) String() string { return s.what }
