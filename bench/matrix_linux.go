package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// course is a matrix that is run.
type course struct {
	*arena
	recording
	entrants []entrant
	tests    []string
	rounds   int
	sizes    sizes
	to       io.Writer // the recording's lines
	out      io.Writer // what a person reads meanwhile
}

// matrix measures Signet and its peers in turn, round by round: what handshakes, bytes
// and round trips cost, and what idle connections hold. It writes what it finds to a
// file as it goes, and the report from that.
func matrix(out io.Writer, rounds int, args []string) error {
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	flags.IntVar(&rounds, "rounds", leastRounds, "how often each entrant runs each test")
	tests := flags.String("tests", strings.Join(testNames(), ","), "which tests")
	only := flags.String("peers", "", "which entrants, and nginx; without it all")
	quick := flags.Bool("quick", false, "small tests: a look, no figures to rely on")
	chapters := flags.Bool("others", true, "run the benches of verification, parsing, decisions, issuance, a storm and a slow reader after it")
	tools := flags.String("tools", ".cache/bench", "what make bench has brought")
	page := flags.String("out", "docs/benchmarks.md", "the report")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clients := 1
	if slices.Contains(strings.Split(*tests, ","), "hs-many") {
		clients = manyClients
	}
	a, err := newArena(*tools, clients)
	if err != nil {
		return err
	}
	defer a.close()
	c := &course{arena: a, tests: strings.FieldsFunc(*tests, func(r rune) bool { return r == ',' }), rounds: rounds, sizes: fullSizes, out: out, entrants: entrants()}
	if *quick {
		c.sizes = quickSizes
	}
	if err := c.choose(*only); err != nil {
		return err
	}
	path := filepath.Join(*tools, time.Now().UTC().Format("2006-01-02T150405")+".jsonl")
	if err := os.MkdirAll(*tools, 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	c.to = file
	fmt.Fprintln(out, "the recording is", path)
	if err := c.run(commandLine(flags, "out", "tools")); err != nil {
		return err
	}
	if *chapters {
		if err := c.others(*quick); err != nil {
			return err
		}
	}
	return c.write(out, *page)
}

// commandLine is how a bench was asked for, without the flags that decide no figure.
func commandLine(flags *flag.FlagSet, without ...string) string {
	line := "go run ./bench " + flags.Name()
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains(without, f.Name) {
			line += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		}
	})
	return line
}

// choose leaves the entrants that are asked for, and nginx.
func (c *course) choose(only string) error {
	for _, test := range c.tests {
		if _, err := loadTest(test); err != nil && test != cipherTest {
			return err
		}
	}
	if only == "" {
		return nil
	}
	wanted := append(strings.Split(only, ","), baseline)
	known := func(name string) bool {
		return slices.ContainsFunc(c.entrants, func(e entrant) bool { return e.Name == name })
	}
	for _, name := range wanted {
		if !known(name) {
			return fmt.Errorf("there is no entrant %q", name)
		}
	}
	c.entrants = slices.DeleteFunc(c.entrants, func(e entrant) bool { return !slices.Contains(wanted, e.Name) })
	return nil
}

// run makes all entrants ready, and lets them take turns.
func (c *course) run(command string) error {
	s := setting{Begun: time.Now(), Command: command, Machine: machine(), Versions: c.versionsOf(c.entrants), Sizes: c.sizes.String(), Rounds: c.rounds}
	for _, e := range c.entrants {
		s.Entrants = append(s.Entrants, e.entry)
	}
	if err := c.add(recorded{Setting: &s}, c.to); err != nil {
		return err
	}
	missing := map[string]string{}
	for _, e := range c.entrants {
		if e.ready == nil {
			continue
		}
		if err := e.ready(c.arena); err != nil {
			missing[e.Name] = err.Error()
			fmt.Fprintf(c.out, "%s: NOT RUN: %v\n", e.Name, err)
		}
	}
	for round := 1; round <= c.rounds; round++ {
		for _, test := range c.tests {
			for i := range c.entrants {
				e := c.entrants[(i+round)%len(c.entrants)]
				if e.skips != nil && e.skips(test) || test == cipherTest {
					continue
				}
				line := run{Entrant: e.Name, Test: test, Round: round, NotRun: missing[e.Name]}
				if line.NotRun == "" {
					c.measure(e, &line)
				}
				if err := c.note(line); err != nil {
					return err
				}
			}
			if test == cipherTest {
				if err := c.ciphers(round); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *course) note(line run) error {
	if line.NotRun == "" {
		fmt.Fprintf(c.out, "%d/%d %-14s %-22s %v %s\n", line.Round, c.rounds, line.Test, line.Entrant, line.Figures, line.Error)
	}
	return c.add(recorded{Run: &line}, c.to)
}

// measure runs one test of one entrant.
func (c *course) measure(e entrant, line *run) {
	t, err := e.start(c.arena)
	if err == nil {
		defer t.process.kill()
		group := tls.X25519
		if line.Test == "hs-mlkem" {
			group = tls.X25519MLKEM768
		}
		if line.Agreed, err = t.ready(t.settings(group)); err == nil {
			line.Figures, err = sure(loadTest(line.Test))(t, c.sizes)
		}
	}
	if err != nil {
		line.Error = err.Error()
	}
}

// ciphers measures encryption alone.
func (c *course) ciphers(round int) error {
	for name, bits := range map[string]int{cipher128: 128, cipher256: 256} {
		line := run{Entrant: name, Test: cipherTest, Round: round, Figures: figures{measureGiB: sealing(bits, c.sizes.bulk/4)}}
		if err := c.note(line); err != nil {
			return err
		}
	}
	return nil
}

// sealing is the CPU time, in seconds a GiB, of so many bytes in records of 16 KiB.
func sealing(bits int, bytes int64) float64 {
	const record = 16 << 10
	aead := sure(cipher.NewGCM(sure(aes.NewCipher(make([]byte, bits/8)))))
	nonce, data := make([]byte, aead.NonceSize()), make([]byte, record, record+aead.Overhead())
	begun := cpuTime()
	for range bytes / record {
		aead.Seal(data[:0], nonce, data, nil)
	}
	return (cpuTime() - begun).Seconds() * (1 << 30) / float64(bytes)
}

// String says how much load there is.
func (s sizes) String() string {
	return fmt.Sprintf("%d handshakes by %d clients at once, %d MiB, %s of round trips", s.shakes, s.workers, s.bulk>>20, s.pings)
}

// others runs the benches whose figures the report has too.
func (c *course) others(quick bool) error {
	issuing, storming, slowing := []string{}, []string{}, []string{}
	if quick {
		issuing, storming, slowing = []string{"-passes", "2"}, []string{"-n", "2000"}, []string{"-n", "500"}
	}
	for _, other := range []struct {
		title, name string
		run         func(io.Writer, int, []string) error
		args        []string
	}{
		{"Everybody comes back at once", "storm", storm, storming},
		{"One slow, one busy, and the others", "slow", slow, slowing},
		{"Verification of a chain", "verify", verifyChains, nil},
		{"Parsing of a certificate", "parse", parse, nil},
		{"Decisions", "decide", decide, nil},
		{"Certificates issued", "issue", issue, issuing},
	} {
		var text bytes.Buffer
		fmt.Fprintln(c.out, other.title)
		if err := other.run(io.MultiWriter(&text, c.out), leastRounds, other.args); err != nil {
			fmt.Fprintf(&text, "NOT RUN: %v\n", err)
		}
		command := strings.Join(append([]string{"go run ./bench", "-rounds", fmt.Sprint(leastRounds), other.name}, other.args...), " ")
		if err := c.add(recorded{Chapter: &chapter{other.title, command, text.String()}}, c.to); err != nil {
			return err
		}
	}
	return nil
}
