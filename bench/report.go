package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report writes the page of a recorded matrix, or of several in their order, and its
// charts beside it.
func report(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	page := flags.String("out", "docs/benchmarks.md", "the page; its charts go to a folder of its name")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("say which recording: go run ./bench report .cache/bench/FILE.jsonl")
	}
	r := &recording{}
	for _, name := range flags.Args() {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		next, err := readRecording(file)
		file.Close()
		if err == nil {
			err = r.append(next)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.write(out, *page)
}

// write writes the page and its charts.
func (r *recording) write(out io.Writer, page string) error {
	folder := strings.TrimSuffix(page, filepath.Ext(page))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range families {
		if len(r.chart(f).groups) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, f.file+".svg"), r.chart(f).svg(), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(page, r.page(filepath.Base(folder)), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote", page, "and the charts in", folder)
	return nil
}

// page is the report in Markdown; its charts are in a folder beside it.
func (r *recording) page(folder string) []byte {
	var out bytes.Buffer
	s := r.setting
	fmt.Fprintf(&out, "# Benchmarks\n\n<!-- Written by \"go run ./bench report\". Do not edit. -->\n\n"+
		"`make bench` makes this page anew, on the machine that it runs on; it takes hours, and wants that machine for itself. `make bench BENCH=\"-quick -rounds 3\"` is a look in a quarter of an hour.\n\n"+
		"- Machine: %s\n- Date: %s\n- Command: `%s`, %s\n", s.Machine, s.Begun.UTC().Format("2006-01-02 15:04 MST"), s.Command, s.Sizes)
	for _, version := range s.Versions {
		fmt.Fprintf(&out, "- %s\n", version)
	}
	if fewest := r.fewest(); fewest < leastRounds {
		fmt.Fprintf(&out, "\n**This run is a look**: a test has %d rounds where it has the fewest, and an interval wants %d.\n", fewest, leastRounds)
	}
	out.WriteString("\n" + howToRead + "\n## What runs\n\n| row | path | what carries the bytes |\n|---|---|---|\n")
	for _, e := range s.Entrants {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", e.Name, e.Path, e.By)
	}
	for _, f := range families {
		c := r.chart(f)
		if len(c.groups) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n![%s](%s/%s.svg)\n", f.title, f.about, c.about, folder, f.file)
		for _, v := range f.views {
			r.table(&out, v)
		}
	}
	r.ciphers(&out)
	for _, c := range r.chapters {
		fmt.Fprintf(&out, "\n## %s\n\n`%s`\n\n```text\n%s\n```\n", c.Title, c.Command, strings.TrimSpace(c.Text))
	}
	return out.Bytes()
}

const howToRead = `How to read it:

- Every entrant is started anew for each test of each round, and all take turns within a round, so that what else the machine does meets all of them alike. The load and the backend run on the same machine.
- A figure is CPU time of all the proxy's processes, or their memory (PSS): these hold on a machine that others use too. What is per second or in µs does not hold there, and stands beside it for orientation.
- *× nginx* is the median of the rounds' ratios to nginx, with its 95 % interval by bootstrap. Below 1 is less than nginx takes.
- **lost to** names each peer that takes less than a row of Signet's. What is lost stays here.
- All connections are within this machine. Where its TCP paces what is sent, as BBR does, Signet asks for its own connections there not to be paced, and so do the relays; nginx and the others leave that to the system. Over a network nobody is spared that.
- The relays speak no TLS, and AES-GCM is no proxy: they show what cannot be saved.
`

// row is one entrant in a view.
type row struct {
	entry
	values    map[int]float64 // by round
	value     float64         // their median
	compared  bool            // ratio says something
	ratio     float64         // to the baseline
	low, high float64         // its interval
	remark    string
}

// rows are the entrants that a view has something to say about.
func (r *recording) rows(v view) (rows []row) {
	base := r.series(baseline, v.test, v.measure)
	add := func(e entry, values map[int]float64, remark string) {
		if len(values) == 0 && remark == "" {
			return
		}
		line := row{entry: e, values: values, remark: remark}
		if len(values) > 0 {
			line.value = median(slices.Collect(maps.Values(values)))
		}
		if of, to := r.paired(values, base); len(of.times) > 0 {
			line.ratio, line.low, line.high = ratio(of, to)
			line.compared = true
		}
		rows = append(rows, line)
	}
	for _, e := range r.setting.Entrants {
		add(e, r.series(e.Name, v.test, v.measure), r.remark(e.Name, v.test))
	}
	if v.floor {
		add(entry{Name: copyAndSeal, Kind: floor}, r.least(v), "")
	}
	return rows
}

// least is what bytes cannot cost less than in user space: one copy and one encryption.
func (r *recording) least(v view) map[int]float64 {
	sealing, sum := r.series(cipher128, cipherTest, v.measure), map[int]float64{}
	for round, copying := range r.series(copyRelay, v.test, v.measure) {
		if seal, ok := sealing[round]; ok {
			sum[round] = copying + seal
		}
	}
	return sum
}

// lost names the peers that take less than a row of ours.
func (r *recording) lost(of row, rows []row) (to []string) {
	if of.Kind != ours {
		return nil
	}
	for _, other := range rows {
		if other.Kind != peers {
			continue
		}
		if a, b := r.paired(of.values, other.values); len(a.times) > 0 {
			if middle, _, _ := ratio(a, b); middle > 1 {
				to = append(to, other.Name)
			}
		}
	}
	return to
}

func (r *recording) table(out io.Writer, v view) {
	rows := r.rows(v)
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(out, "\n### %s (`%s`, %d rounds)\n\n| | %s | × nginx | 95 %% interval |", v.title, v.test, r.rounds(v.test), v.unit)
	if v.beside != "" {
		fmt.Fprintf(out, " %s |", v.besideUnit)
	}
	fmt.Fprint(out, " path | agreed on | |\n|---|---|---|---|---|---|---|")
	if v.beside != "" {
		fmt.Fprint(out, "---|")
	}
	fmt.Fprintln(out)
	for _, line := range rows {
		fmt.Fprintf(out, "| %s |", line.Name)
		if len(line.values) > 0 {
			fmt.Fprintf(out, " "+v.format+" |", line.value)
		} else {
			fmt.Fprint(out, " |")
		}
		if line.compared {
			fmt.Fprintf(out, " %.2f | %.2f–%.2f |", line.ratio, line.low, line.high)
		} else {
			fmt.Fprint(out, " | |")
		}
		if v.beside != "" {
			fmt.Fprintf(out, " %s |", r.besides(line, v))
		}
		words := line.remark + " " + r.beyond(line, v)
		if lost := r.lost(line, rows); len(lost) > 0 {
			words += " **lost to " + strings.Join(lost, ", ") + "**"
		}
		fmt.Fprintf(out, " %s | %s | %s |\n", line.Path, r.agreed(line.Name, v.test), cell.Replace(strings.TrimSpace(words)))
	}
}

// beyond compares another row of ours with the program as it is by default.
func (r *recording) beyond(line row, v view) string {
	if line.Kind != ours || line.Name == byDefault {
		return ""
	}
	of, to := r.paired(line.values, r.series(byDefault, v.test, v.measure))
	if len(of.times) == 0 {
		return ""
	}
	middle, low, high := ratio(of, to)
	return fmt.Sprintf("%.2f × %s (%.2f–%.2f)", middle, byDefault, low, high)
}

// cell puts text on one line of a table.
var cell = strings.NewReplacer("|", "\\|", "\n", "; ")

// besides is the median of the measure that stands beside a view's.
func (r *recording) besides(line row, v view) string {
	values := r.series(line.Name, v.test, v.beside)
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf("%.4g", median(slices.Collect(maps.Values(values))))
}

// agreed is what an entrant and the load have agreed on.
func (r *recording) agreed(entrant, test string) string {
	for _, run := range r.runs {
		if run.Entrant == entrant && run.Test == test && run.Agreed != "" {
			return run.Agreed
		}
	}
	return ""
}

// chart is a family of views as ratios to the baseline.
func (r *recording) chart(f family) chart {
	c := chart{title: f.title + ": × nginx, less is better", about: f.title + " by test and entrant, as ratios to nginx; the tables below have the same figures."}
	for _, v := range f.views {
		group := bars{title: v.title}
		for _, line := range r.rows(v) {
			if !line.compared {
				continue
			}
			group.bars = append(group.bars, bar{name: line.Name, value: line.ratio, low: line.low, high: line.high, emphasised: line.Kind == ours,
				words: fmt.Sprintf("%.2f × ("+v.format+" %s)", line.ratio, line.value, v.unit)})
		}
		if len(group.bars) > 0 {
			c.groups = append(c.groups, group)
		}
	}
	return c
}

// ciphers is the table of encryption alone.
func (r *recording) ciphers(out io.Writer) {
	short, long := r.series(cipher128, cipherTest, measureGiB), r.series(cipher256, cipherTest, measureGiB)
	if len(short) == 0 || len(long) == 0 {
		return
	}
	middle, low, high := ratio(r.paired(long, short))
	fmt.Fprintf(out, "\n## AES-GCM alone\n\nRecords of 16 KiB, encrypted by Go's crypto in one goroutine.\n\n| | s CPU a GiB | × AES-128 | 95 %% interval |\n|---|---|---|---|\n")
	fmt.Fprintf(out, "| %s | %.3f | 1.00 | |\n", cipher128, median(slices.Collect(maps.Values(short))))
	fmt.Fprintf(out, "| %s | %.3f | %.2f | %.2f–%.2f |\n", cipher256, median(slices.Collect(maps.Values(long))), middle, low, high)
}
