package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// setting is where and how a matrix was run.
type setting struct {
	Begun    time.Time `json:"begun"`
	Command  string    `json:"command"`
	Machine  string    `json:"machine"`
	Versions []string  `json:"versions"` // of those that are measured
	Sizes    string    `json:"sizes"`
	Rounds   int       `json:"rounds"`
	Entrants []entry   `json:"entrants"` // in their order
}

// entry says what an entrant of the matrix is.
type entry struct {
	Name string `json:"name"`
	Kind kind   `json:"kind"`
	Path string `json:"path"` // what carries the bytes, in a word
	By   string `json:"by"`   // the same in more
}

// kind is how an entrant's figures are read.
type kind string

const (
	ours  kind = "signet"
	peers kind = "peer"  // does the same
	floor kind = "floor" // does less: nobody can be below it
)

// run is one test of one entrant in one round.
type run struct {
	Entrant string  `json:"entrant"`
	Test    string  `json:"test"`
	Round   int     `json:"round"`
	Agreed  string  `json:"agreed,omitempty"` // version, cipher suite and key exchange
	Figures figures `json:"figures,omitempty"`
	NotRun  string  `json:"not_run,omitempty"` // why
	Error   string  `json:"error,omitempty"`
}

// chapter is what another bench has printed.
type chapter struct {
	Title   string `json:"title"`
	Command string `json:"command"`
	Text    string `json:"text"`
}

// recording is all that a matrix has found: one JSON object a line in a file, each
// with one of these.
type recording struct {
	setting  setting
	runs     []run
	chapters []chapter
}

// recorded is a line of that file.
type recorded struct {
	Setting *setting `json:"setting,omitempty"`
	Run     *run     `json:"run,omitempty"`
	Chapter *chapter `json:"chapter,omitempty"`
}

// add takes a line, and writes it down.
func (r *recording) add(line recorded, to io.Writer) error {
	r.take(line)
	return json.NewEncoder(to).Encode(line)
}

func (r *recording) take(line recorded) {
	if line.Setting != nil {
		r.setting = *line.Setting
	}
	if line.Run != nil {
		r.runs = append(r.runs, *line.Run)
	}
	if line.Chapter != nil {
		r.chapters = append(r.chapters, *line.Chapter)
	}
}

// readRecording reads what add has written.
func readRecording(in io.Reader) (*recording, error) {
	r := &recording{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var line recorded
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		r.take(line)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(r.setting.Entrants) == 0 {
		return nil, fmt.Errorf("there is no setting in it; next: go run ./bench matrix makes such a file")
	}
	return r, nil
}

// append adds what another recording of the same machine has: its rounds come after.
func (r *recording) append(next *recording) error {
	if len(r.setting.Entrants) == 0 {
		*r = *next
		return nil
	}
	if model(r.setting.Machine) != model(next.setting.Machine) {
		return fmt.Errorf("it is of another machine: %s; next: report it by itself", next.setting.Machine)
	}
	for _, line := range next.runs {
		line.Round += r.setting.Rounds
		r.runs = append(r.runs, line)
	}
	r.setting.Rounds += next.setting.Rounds
	r.setting.Command += "`, `" + next.setting.Command
	r.chapters = append(r.chapters, next.chapters...)
	return nil
}

// model is a machine without how busy it is.
func model(machine string) string {
	model, _, _ := strings.Cut(machine, ", load ")
	return model
}

// series are the figures of an entrant in a test by their rounds, of the same rounds
// as others'.
func (r *recording) series(entrant, test, measure string) map[int]float64 {
	values := map[int]float64{}
	for _, run := range r.runs {
		if run.Entrant == entrant && run.Test == test {
			if value, ok := run.Figures[measure]; ok {
				values[run.Round] = value
			}
		}
	}
	return values
}

// paired returns two series in the rounds that both have.
func (r *recording) paired(of, to map[int]float64) (a, b result) {
	for round := 1; round <= r.setting.Rounds; round++ {
		x, has := of[round]
		y, had := to[round]
		if has && had {
			a.times, b.times = append(a.times, x), append(b.times, y)
		}
	}
	return a, b
}

// rounds is in how many rounds a test was run.
func (r *recording) rounds(test string) int {
	seen := map[int]bool{}
	for _, run := range r.runs {
		if run.Test == test {
			seen[run.Round] = true
		}
	}
	return len(seen)
}

// fewest is how many rounds the test has that has the fewest.
func (r *recording) fewest() int {
	fewest := r.setting.Rounds
	for _, run := range r.runs {
		fewest = min(fewest, r.rounds(run.Test))
	}
	return fewest
}

// remark is why there are no figures, or that some are missing.
func (r *recording) remark(entrant, test string) string {
	failed, why := 0, ""
	for _, run := range r.runs {
		if run.Entrant != entrant || run.Test != test {
			continue
		}
		if run.NotRun != "" {
			return "NOT RUN: " + run.NotRun
		}
		if run.Error != "" {
			failed, why = failed+1, run.Error
		}
	}
	if failed > 0 {
		return fmt.Sprintf("failed in %d of %d rounds: %s", failed, r.rounds(test), why)
	}
	return ""
}
