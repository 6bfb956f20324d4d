package tamper

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exampleTable has what came of cuts between records, on both of Signet's data paths;
// or why one of them was not tried.
func exampleTable(between, record Count, absent string) *Table {
	table := newTable([]*stack{{name: "Signet"}, {name: "Signet record", detached: true, absent: absent}, {name: "Go tls"}, {name: "OpenSSL", absent: "there is no program openssl"}})
	table.Took = 16_700 * time.Millisecond
	table.Rows[bitsFlipped].Cells = []Count{{Tried: 7766}, {}, {Tried: 8149}, {}}
	table.Rows[recordsMoved].Cells = []Count{{Tried: 419}, {}, {Tried: 419}, {}}
	table.Rows[recordsInserted].Cells = []Count{{Tried: 819}, {}, {Tried: 819}, {}}
	table.Rows[replays].Cells = []Count{{Tried: 156}, {}, {Tried: 156}, {}}
	table.Rows[impostors].Cells = []Count{{Tried: 54}, {}, {Tried: 54, Fooled: 4, ImpostorsTrusted: 4, Example: "case 27,000", first: 27_000}, {}}
	table.Rows[stripped].Cells = []Count{{Tried: 40}, {}, {}, {}}
	table.Rows[insideRecord].Cells = []Count{{Tried: 1718}, {}, {Tried: 1718}, {}}
	table.Rows[betweenRecords].Cells = []Count{between, record, {Tried: 260, Fooled: 260, UnnoticedTruncations: 260, Example: "case 21,004", first: 21_004}, {}}
	table.Rows[cleanEnds].Cells = []Count{{Tried: 10_000}, {}, {Tried: 1000}, {}}
	return table
}

func TestText(t *testing.T) {
	const others = `The others stand here as they come by default:
  Go tls was fooled by cut streams and impostors, first in case 21,004.
  OpenSSL was not tried: there is no program openssl
`
	tests := []struct {
		name            string
		between, record Count
		absent          string
		want            string
	}{
		{"nothing got through", Count{Tried: 260}, Count{Tried: 134}, "", `Attacked TLS 1.2 and 1.3 between a client and a server on this machine: 33,941 tries, 17 s.

                                       Signet  Signet record      Go tls  OpenSSL
changed, but believed
  bits flipped                     0 of 7,766              –  0 of 8,149        –
  records dropped, swapped           0 of 419              –    0 of 419        –
  records inserted                   0 of 819              –    0 of 819        –
  replay, downgrade                  0 of 156              –    0 of 156        –
cut short, but taken for whole
  inside a record                  0 of 1,718              –  0 of 1,718        –
  between records                    0 of 260       0 of 134  260 of 260        –
impostor, but trusted                 0 of 54              –     4 of 54        –
STARTTLS stripped, sent in clear      0 of 40              –           –        –
clean ends, called cut            0 of 10,000              –  0 of 1,000        –

Nothing got through Signet.
` + others},
		{"Signet was fooled", Count{Tried: 260, Fooled: 2, UnnoticedTruncations: 2, Example: "case 7: …"}, Count{Tried: 134}, "", `
Signet was fooled 2 times, first in case 7: …. Do not rely on this build.
` + others},
		{"its record path was fooled", Count{Tried: 260}, Count{Tried: 134, Fooled: 1, UnnoticedTruncations: 1, Example: "case 9: …"}, "", `
Signet record was fooled 1 time, first in case 9: …. Do not rely on this build.
` + others},
		{"there is no record path", Count{Tried: 260}, Count{}, "there are no loops", `
Nothing got through Signet.
Signet record was not tried: there are no loops
` + others},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have := exampleTable(test.between, test.record, test.absent).Text()
			if i > 0 { // the grid has been shown
				have = have[strings.LastIndex(have, "\n\n")+1:]
			}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	data, err := json.Marshal(exampleTable(Count{Tried: 260, Fooled: 1, UnnoticedTruncations: 1}, Count{Tried: 134, Fooled: 2, FalseAlarms: 2}, ""))
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := json.Unmarshal(data, &have); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]float64{"took_seconds": 16.7, "tries": 33_941, "tried": 21_366, "fooled": 3,
		"altered_bytes": 0, "unnoticed_truncations": 1, "false_alarms": 2} {
		if have[field] != want {
			t.Errorf("%s: have %v, want %v", field, have[field], want)
		}
	}
	row := have["rows"].([]any)[betweenRecords].(map[string]any)
	if row["row"] != "cut_between_records" || row["tried"] != 394.0 || row["fooled"] != 3.0 || row["unnoticed_truncations"] != 1.0 {
		t.Errorf("row: have %v", row)
	}
	column := row["columns"].([]any)[2].(map[string]any)
	if column["stack"] != "Go tls" || column["fooled"] != 260.0 {
		t.Errorf("column: have %v", column)
	}
}

func TestExampleIsTheFirstTry(t *testing.T) {
	var sum Count
	sum.add(Count{Tried: 1, Fooled: 1, Example: "case 9"}, 9)
	sum.add(Count{Tried: 1}, 2)
	sum.add(Count{Tried: 1, Fooled: 1, Example: "case 4"}, 4)
	sum.add(Count{Tried: 1, Fooled: 1, Example: "case 6"}, 6)
	if sum.Example != "case 4" || sum.Fooled != 3 || sum.Tried != 4 {
		t.Errorf("have %+v, want case 4 as the example, 3 of 4 fooled", sum)
	}
}

func TestPlaces(t *testing.T) {
	flow := reference{flow: make([]byte, 40), records: []int{10, 20, 30, 40}, handshake: 20}
	if diff := cmp.Diff([]int{20, 30}, flow.between()); diff != "" {
		t.Errorf("between (-want +have)\n%s", diff)
	}
	random := rand.New(rand.NewPCG(1, 2))
	if all := flow.inside(random, 0); len(all) != 36 || slices.ContainsFunc(all, func(at int) bool { return at%10 == 0 }) {
		t.Errorf("inside, all of them: have %v", all)
	}
	few := flow.inside(random, 3)
	if len(few) != 12 {
		t.Fatalf("inside, 3 of each: have %v", few)
	}
	for i, group := range slices.Collect(slices.Chunk(few, 3)) {
		slices.Sort(group)
		if group[0] != 10*i+1 || group[1] <= group[0] || group[1] >= group[2] || group[2] != 10*i+9 {
			t.Errorf("record %d: have %v, want its first place, its last and one between", i, group)
		}
	}
}

// TestPlanIsTheSameAgain holds that a case's number means the same attack in
// every run.
func TestPlanIsTheSameAgain(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		tries, err := plan(t.Context(), inProcess(t), newPayloads(), brief)
		if err != nil {
			t.Fatal(err)
		}
		for _, try := range tries {
			runs[i] = append(runs[i], try.String())
		}
	}
	if diff := cmp.Diff(runs[0], runs[1]); diff != "" {
		t.Errorf("(-first +second)\n%s", diff)
	}
	if diff := cmp.Diff(len(runs[0]), len(slices.Compact(slices.Sorted(slices.Values(runs[0]))))); diff != "" {
		t.Errorf("two tries have one name (-tries +names)\n%s", diff)
	}
}
