package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, have []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("%s (-want +have; -update accepts it):\n%s", name, diff)
	}
}

func TestChart(t *testing.T) {
	c := chart{title: "Bytes & more", about: "what <it> shows", groups: []bars{{"down", []bar{
		{name: "ours", value: .7, low: .65, high: .75, words: "0.70 ×", emphasised: true},
		{name: "base", value: 1, low: 1, high: 1, words: "1.00 ×"},
		{name: "far off", value: 9, low: 8, high: 10, words: "9.00 ×"},
	}}}}
	drawn := c.svg()
	if !bytes.Equal(drawn, c.svg()) {
		t.Error("the same chart is drawn otherwise")
	}
	for decoder := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("it is no XML: %v", err)
		}
	}
	for _, want := range []string{
		`<rect class="o" x="190.0" y="66.0" width="63.0" height="12"/>`,   // 0.7 of 4
		`<rect class="b" x="190.0" y="86.0" width="90.0" height="12"/>`,   // 1
		`<rect class="b" x="190.0" y="106.0" width="360.0" height="12"/>`, // cut off at 4
		`<line class="i" x1="248.5" x2="257.5" y1="72.0" y2="72.0"/>`,     // the interval
		`<line class="one" x1="280.0" x2="280.0" y1="34" y2="126.0"/>`,    // where nginx is
		"Bytes &amp; more", "what &lt;it&gt; shows", "prefers-color-scheme:dark",
	} {
		if !strings.Contains(string(drawn), want) {
			t.Errorf("there is no %s in\n%s", want, drawn)
		}
	}
}
