package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T) *recording {
	t.Helper()
	file, err := os.Open("testdata/matrix.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := readRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReport makes the page of a recording in which Signet wins, loses, was not run and
// failed.
func TestReport(t *testing.T) {
	folder := t.TempDir()
	page := filepath.Join(folder, "page.md")
	var out bytes.Buffer
	if err := report(&out, 0, []string{"-out", page, "testdata/matrix.jsonl"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "matrix.md", text)
	for _, name := range []string{"handshakes", "bytes"} {
		drawn, err := os.ReadFile(filepath.Join(folder, "page", name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".svg", drawn)
	}
	if _, err := os.Stat(filepath.Join(folder, "page", "memory.svg")); err == nil {
		t.Error("there is a chart of what was not measured")
	}
}

// TestRecording writes a recording and reads it, line by line.
func TestRecording(t *testing.T) {
	var first, again bytes.Buffer
	r, copied := load(t), &recording{}
	lines := []recorded{{Setting: &r.setting}}
	for i := range r.runs {
		lines = append(lines, recorded{Run: &r.runs[i]})
	}
	for i := range r.chapters {
		lines = append(lines, recorded{Chapter: &r.chapters[i]})
	}
	for _, line := range lines {
		if err := copied.add(line, &first); err != nil {
			t.Fatal(err)
		}
	}
	read, err := readRecording(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if err := read.add(line, &again); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) || !bytes.Equal(r.page("x"), copied.page("x")) {
		t.Error("what is written is not what is read")
	}
	for text, want := range map[string]string{"": "no setting", "{}\nnonsense": "line 2: "} {
		if _, err := readRecording(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: have %v, want %q", text, err, want)
		}
	}
}

func TestAppend(t *testing.T) {
	r, other := load(t), load(t)
	rounds, runs := r.setting.Rounds, len(r.runs)
	if err := r.append(load(t)); err != nil || r.setting.Rounds != 2*rounds || len(r.runs) != 2*runs {
		t.Errorf("have %d rounds and %d runs (%v)", r.setting.Rounds, len(r.runs), err)
	}
	if have := len(r.series("signet", "hs", measureShake)); have != 2*rounds {
		t.Errorf("a series has %d rounds", have)
	}
	other.setting.Machine = "1 × another, load 0.1"
	if err := r.append(other); err == nil || !strings.Contains(err.Error(), "another machine") {
		t.Errorf("have %v", err)
	}
}

// TestPaired leaves out the rounds that one of two has not.
func TestPaired(t *testing.T) {
	r := recording{setting: setting{Rounds: 4}}
	a, b := r.paired(map[int]float64{1: 10, 2: 20, 4: 40}, map[int]float64{2: 2, 3: 3, 4: 8})
	if middle, low, high := ratio(a, b); len(a.times) != 2 || middle != 7.5 || low != 5 || high != 10 {
		t.Errorf("have %v and %v: %v, %v–%v", a.times, b.times, middle, low, high)
	}
}
