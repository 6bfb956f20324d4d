package tamper

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
)

// processes returns the stacks that are other programs.
func processes(t *testing.T) []*stack {
	t.Helper()
	f, stacks := fixtureOf(t)
	dir, err := newFolder(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dir.remove)
	all, end := newProcesses(dir, stacks[1])
	t.Cleanup(end)
	return all
}

// TestProcesses holds what is known of OpenSSL's programs and of Python's module,
// each as it comes: a table in which these are never fooled would not have
// attacked them.
func TestProcesses(t *testing.T) {
	peers.OpenSSL(t)
	if _, err := exec.LookPath("python3"); err != nil {
		peers.Python(t)
	}
	table, err := attack(t.Context(), append(inProcess(t)[:1], processes(t)...), effort{flipBits: 1, flips: 1, cuts: 31, inside: 1, every: 64, clean: 1, own: 1, process: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table.Rows {
		for column, name := range table.Columns[1:] {
			cell := row.Cells[column+1]
			if row.Name == titles[stripped].Name {
				continue
			}
			// s_client and s_server report a bad certificate and go on; Python's server
			// does not look at a client's names, and a cut is the end of its stream.
			fools := row.Name == titles[impostors].Name ||
				name == "Python ssl" && row.Name == titles[betweenRecords].Name
			if cell.Tried == 0 || cell.AlteredBytes > 0 || cell.FalseAlarms > 0 || cell.Downgrades > 0 {
				t.Errorf("%s: %s: have %+v", row.Name, name, cell)
			}
			if fools && cell.Fooled == 0 {
				t.Errorf("%s: %s: have %+v, want it fooled", row.Name, name, cell)
			}
		}
	}
}

func TestAbsentProcesses(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, s := range processes(t) {
		if s.absent == "" {
			t.Errorf("%s is here", s.name)
		}
	}
	table, err := attack(t.Context(), append(inProcess(t)[:1], processes(t)...), effort{flipBits: 1, flips: 1, cuts: 31, inside: 1, every: 64, clean: 1, own: 1}, nil)
	if err != nil || table.Total(1).Tried != 0 || table.Rows[bitsFlipped].Cells[1].text() != "–" {
		t.Errorf("have %v and %+v", err, table)
	}
}

// TestUnwellProcess holds that a program of others which does not work leaves its
// column empty, and the table whole.
func TestUnwellProcess(t *testing.T) {
	all := inProcess(t)
	unwell := *all[1]
	unwell.process, unwell.faces = true, all[1]
	unwell.client = func(uint16) connect {
		return func(_ context.Context, raw net.Conn) (stream, error) {
			raw.Close()
			return nil, errors.New("no such option")
		}
	}
	table, err := attack(t.Context(), []*stack{all[0], &unwell}, effort{flipBits: 1, flips: 1, cuts: 31, inside: 1, every: 64, clean: 1, own: 1, process: 1}, nil)
	if err != nil || table.Total(0).Tried == 0 || table.Total(1).Tried != 0 || !strings.Contains(table.Absent[1], "no such option") {
		t.Errorf("have %v and %+v", err, table)
	}
}

func TestParseServer(t *testing.T) {
	const shook = "ACCEPT\nCIPHER is X\nSecure Renegotiation IS supported\n"
	tests := []struct {
		name, out string
		got       string
		whole     bool
	}{
		{"told that this was all", shook + "data\nDONE\nshutting down SSL\nCONNECTION CLOSED\n", "data\n", true},
		{"in error", shook + "dataERROR\nshutting down SSL\nCONNECTION CLOSED\n", "data", false},
		{"killed", shook + "da", "da", false},
		{"no handshake", "ERROR\nshutting down SSL\n", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseServer([]byte(test.out), nil)
			if diff := cmp.Diff(test.got, string(got)); diff != "" || (err == nil) != test.whole {
				t.Errorf("have %v; (-want +have)\n%s", err, diff)
			}
		})
	}
}

func TestParseAnswer(t *testing.T) {
	tests := []struct {
		line   string
		number int
		got    string
		whole  bool
		ok     bool
	}{
		{"7 whole aGVsbG8=", 7, "hello", true, true},
		{"8 cut ", 8, "", false, true},
		{"x whole aGVsbG8=", 0, "", false, false},
		{"7 whole ?", 7, "", true, false},
		{"Traceback", 0, "", false, false},
	}
	for _, test := range tests {
		number, a, ok := parseAnswer(test.line)
		if number != test.number || ok != test.ok || ok && (string(a.got) != test.got || (a.err == nil) != test.whole) {
			t.Errorf("%q: have %d, %q, %v, %v", test.line, number, a.got, a.err, ok)
		}
	}
}
