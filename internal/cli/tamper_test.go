package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/tamper"
)

// TestTamperCaseZero holds that a number which no attack has is not taken for none.
func TestTamperCaseZero(t *testing.T) {
	for _, number := range []string{"--case=0", "--case=-1"} {
		var stdout, stderr bytes.Buffer
		code := Main(t.Context(), []string{"tamper", "--client", "false {addr}", number}, nil, &stdout, &stderr)
		if code != 2 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "[tamper_case_unknown]") {
			t.Errorf("%s: have %d, %q, %q", number, code, &stdout, &stderr)
		}
	}
}

// TestTamperWords holds that what was not seen is not called good.
func TestTamperWords(t *testing.T) {
	unseen := tamper.Finding{Row: "cut", Silent: 16, Skipped: "it was silent"}
	cut := tamper.Finding{Row: "cut", Tried: 16}
	tests := []struct {
		name    string
		verdict tamper.Verdict
		want    string // the answer
		also    string
	}{
		{"all seen", tamper.Verdict{Findings: []tamper.Finding{cut}}, "Yes: localhost:1 was not fooled.", "0 of 16"},
		{"silent", tamper.Verdict{Findings: []tamper.Finding{unseen}}, "Yes: localhost:1 was not fooled; whether it takes cut requests for whole could not be seen.", "not checked"},
		{"one silent case", tamper.Verdict{Case: "case 1: cut", Findings: []tamper.Finding{unseen}}, "Could not tell whether localhost:1 was fooled by case 1: cut: it was silent.", ""},
		{"some missed", tamper.Verdict{Missed: 1, Findings: []tamper.Finding{cut}}, "Yes: localhost:1 was not fooled.", "not counted: 1 connection ended before anything was attacked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := (&tamperCmd{Server: "localhost:1"}).words(&test.verdict)
			if answer, rest, _ := strings.Cut(text, "\n"); answer != test.want || !strings.Contains(rest, test.also) {
				t.Errorf("have\n%s", text)
			}
		})
	}
}
