package tamper

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rec is a record of one type with a text in it.
func rec(text string) string { return "\x17\x03\x03\x00" + string(rune(len(text))) + text }

func TestEdits(t *testing.T) {
	flow := []string{rec("a"), rec("bb"), rec("c"), rec("d")}
	a, b, c, d := flow[0], flow[1], flow[2], flow[3]
	tests := []struct {
		name   string
		attack mutation
		want   string
		ends   bool
	}{
		{"dropped", splice{from: 1, upTo: 2}, a + c + d, false},
		{"replaced", splice{from: 1, upTo: 3, put: []byte("x")}, a + "x" + d, false},
		{"inserted", splice{from: 1, upTo: 1, put: []byte("x")}, a + "x" + b + c + d, false},
		{"ended by a forgery", splice{from: 2, upTo: 2, put: []byte("x"), ends: true}, a + b + "x", true},
		{"all replaced", splice{upTo: 4, put: []byte("x")}, "x", false},
		{"repeated at once", later{1, 1, true}, a + b + b + c + d, false},
		{"repeated later", later{0, 2, true}, a + b + c + a + d, false},
		{"moved", later{1, 2, false}, a + c + b + d, false},
		{"moved behind the end", later{1, 9, false}, a + c + d, false},
		{"reflected", reflect{2}, a + b + "\x15\x03\x03\x00\x01z" + d, false},
		{"a byte of one record", flipped{1, 6, 1}, a + rec("bc") + c + d, false},
		{"clipped inside", clip{number: 1, keep: 6}, a + b[:6], true},
		{"clipped in front", clip{number: 2}, a + b, true},
		{"a text", substitute{"bb", "xyz", ""}, a + strings.Replace(b, "bb", "xyz", 1) + c + d, false},
	}
	for _, test := range tests {
		for _, parts := range [][]string{flow, {a + b + c + d}} {
			t.Run(test.name, func(t *testing.T) {
				opposite := &half{delivered: []byte("\x16\x03\x03\x00\x01y\x15\x03\x03\x00\x01z")}
				done, have, ends := test.attack.begin(opposite), "", false
				for _, part := range parts {
					if ends {
						break
					}
					var deliver []byte
					deliver, ends = done([]byte(part))
					have += string(deliver)
				}
				if diff := cmp.Diff(test.want, have); diff != "" || ends != test.ends {
					t.Errorf("ends: %v; (-want +have)\n%s", ends, diff)
				}
			})
		}
	}
}

// TestRecordsInPieces holds that a record which comes in pieces is one.
func TestRecordsInPieces(t *testing.T) {
	done := splice{from: 1, upTo: 2}.begin(nil)
	have := ""
	for _, b := range []byte(rec("a") + rec("bb") + rec("c")) {
		deliver, _ := done([]byte{b})
		have += string(deliver)
	}
	if diff := cmp.Diff(rec("a")+rec("c"), have); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
}

// TestRewritesTouch holds that each changes the Hello that it is for, and no
// length.
func TestRewritesTouch(t *testing.T) {
	open := newArena(0, inProcess(t)[1], asItComes)
	for toward, all := range map[side][]rewrite{server: clientHellos, client: append(serverHellos, unmarked)} {
		flow, _, err := record(t.Context(), open, toward, newPayloads().now[small])
		if err != nil {
			t.Fatal(err)
		}
		ends, _, _ := records(flow)
		for _, r := range all {
			have, _ := r.begin(nil)(flow[:ends[0]])
			if string(have) == string(flow[:ends[0]]) || len(have) != ends[0] {
				t.Errorf("%s: nothing was changed, or its length", r.what)
			}
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"))
	f.Add(append([]byte("\x16\x03\x03\x00\x30\x02\x00\x00\x2c\x03\x03"), make([]byte, 42)...))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, r := range append(append(clientHellos, serverHellos...), unmarked) {
			if h, ok := parseHello(record); ok {
				r.change(h)
			}
		}
	})
}
