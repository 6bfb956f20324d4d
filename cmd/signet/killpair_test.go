package main

import (
	"crypto/tls"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKillPair kills "cert new --force" with SIGKILL at random moments while it
// replaces a certificate and its key. At each moment they are a pair, or the old
// key is at hand to make them one again; and the next run leaves nothing behind.
func TestKillPair(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	command := func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), hurry)
		c.Args = []string{"signet", "cert", "new", "server", "a.example", "--self-signed", "--out", cert, "--key-out", key, "--force"}
		return c
	}
	begun := time.Now()
	run(t, command())
	whole := time.Since(begun)
	torn, killed, rounds := 0, 0, 0
	for ; killed < 40 && rounds < 400; rounds++ {
		c := command()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(whole))
		c.Process.Kill()
		if c.Wait() != nil {
			killed++
		}
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			torn++
			takeBack(t, rounds, cert, key)
		}
	}
	t.Logf("%d of %d runs were killed; %d of them between the two files", killed, rounds, torn)
	if killed < 40 {
		t.Error("too few to show anything")
	}
	run(t, command())
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v (%v), want two files", entries, err)
	}
}

func run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// takeBack finds the old key beside the new one.
func takeBack(t *testing.T, round int, cert, key string) {
	t.Helper()
	olds, err := filepath.Glob(filepath.Join(filepath.Dir(key), ".k.pem.*.old"))
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range olds {
		if _, err := tls.LoadX509KeyPair(cert, old); err == nil {
			return
		}
	}
	t.Errorf("round %d: no key is that of the certificate; beside it there are %s", round, strings.Join(olds, " "))
}
