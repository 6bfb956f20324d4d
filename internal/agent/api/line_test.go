package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// full is an event of which each field has a value.
func full(t testing.TB) Event {
	var e Event
	fields := reflect.ValueOf(&e).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); value := field.Addr().Interface().(type) {
		case *time.Time:
			*value = time.Date(2026, 1, 2, 3, 4, 5, 67, time.UTC)
		case *spiffeid.ID:
			id, err := spiffeid.Parse("spiffe://example.org/" + fields.Type().Field(i).Name)
			if err != nil {
				t.Fatal(err)
			}
			*value = id
		default:
			if field.Kind() == reflect.String {
				field.SetString("the " + fields.Type().Field(i).Name)
			} else {
				field.SetInt(int64(i) + 1)
			}
		}
		if fields.Field(i).IsZero() {
			t.Fatalf("%s has no value", fields.Type().Field(i).Name)
		}
	}
	return e
}

// TestEventLine: a line has each field of an event, letter for letter as encoding/json
// has it.
func TestEventLine(t *testing.T) {
	for name, e := range map[string]Event{"each field": full(t), "no field but the ends": {Kind: Opened, From: full(t).From, To: full(t).To}} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if have := e.line(nil); string(have) != string(want)+"\n" {
			t.Errorf("%s:\n%swant\n%s", name, have, want)
		}
	}
	e := full(t)
	e.Time = e.Time.In(time.FixedZone("elsewhere", 3600))
	if have := e.line(nil); !bytes.Contains(have, []byte(`"2026-01-02T03:04:05.000000067Z"`)) {
		t.Errorf("the time is not in UTC: %s", have)
	}
}

// FuzzEventLine: whatever others have said that an event tells, its line is one line, and
// says what encoding/json would.
func FuzzEventLine(f *testing.F) {
	f.Add("", "", "", int64(0))
	f.Add("a reason", "127.0.0.1:7000", "because", int64(-1))
	f.Add("\"quoted\"\\", "\x1b[31m\x00\n\r\u2028", "<é>&\x7f\xff\xed\xa0\x80", int64(1<<62))
	f.Fuzz(func(t *testing.T, reason, remote, because string, n int64) {
		e := Event{Time: time.Unix(1e9, n&0xffff).UTC(), Kind: Ended, Reason: reason, Remote: remote, Because: because, Revision: n, Sent: n}
		line := e.line([]byte("before\n"))
		rest, ok := bytes.CutPrefix(line, []byte("before\n"))
		if !ok || bytes.Count(rest, newline) != 1 || !bytes.HasSuffix(rest, newline) {
			t.Fatalf("it is not one line behind another: %q", line)
		}
		var have, want Event
		if err := json.Unmarshal(rest, &have); err != nil {
			t.Fatalf("%v: %q", err, rest)
		}
		marshalled, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(marshalled, &want); err != nil {
			t.Fatal(err)
		}
		if have != want {
			t.Errorf("it is read as\n%+v, want\n%+v", have, want)
		}
	})
}

func BenchmarkEventLine(b *testing.B) {
	e := full(b)
	b.Run("Line", func(b *testing.B) {
		b.ReportAllocs()
		var lines []byte
		for b.Loop() {
			lines = e.line(lines[:0])
		}
	})
	b.Run("json.Marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
