package control

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
)

func TestMain(m *testing.M) {
	if dir := peers.ChildFolder(); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

// child makes changes and records certificates, and writes a line for each that
// is confirmed, until it is killed. It runs in a process of its own.
func child(dir string) {
	s, err := Open(context.Background(), configOf(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	ctx := context.Background()
	web := Identity{ID: id("web"), Kind: Service}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	must(s.Change(ctx, func(tx *Tx) error { tx.PutIdentity(web); return nil }))
	go func() {
		for {
			serial := fmt.Sprintf("%016x", rand.Uint64())
			noError(s.RecordCertificate(ctx, Certificate{Serial: serial, ID: web.ID, NotAfter: time.Now().Add(time.Hour)}))
			say("certificate %s", serial)
		}
	}()
	for n := 0; ; n++ {
		state := must(s.Change(ctx, func(tx *Tx) error {
			r := rule("web", fmt.Sprintf("r%d", tx.Revision()))
			r.Text += strings.Repeat(" and more", n%500) // of many lengths
			tx.PutRule(r)
			return nil
		}))
		say("revision %d", state.Revision)
	}
}

// TestKilled kills a process at work, ten times on the same folder. The folder
// opens each time, and everything that was confirmed is there.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	var serial []string
	for round := range 10 {
		lines := 1 + rand.IntN(150)
		last := int64(0)
		for _, line := range peers.KilledAfter(t, dir, lines) {
			kind, value, _ := strings.Cut(line, " ")
			switch kind {
			case "certificate":
				serial = append(serial, value)
			case "revision":
				must(fmt.Sscan(value, &last))
			}
		}
		s := open(t, dir)
		if have := s.State(); have.Revision < last || last > 0 && have.Rules[Pair{id("web"), id(fmt.Sprintf("r%d", last))}].Revision != last {
			t.Errorf("round %d: revision %d was confirmed, %d is there", round, last, have.Revision)
		}
		have := serials(t, s, "web")
		for _, want := range serial {
			if _, found := slices.BinarySearch(have, want); !found {
				t.Errorf("round %d: the certificate %s was confirmed and is gone", round, want)
			}
		}
		closeStore(t, s)
	}
	t.Logf("%d certificates were confirmed", len(serial))
}

// TestKilledAtOnce kills a process while it opens the folder.
func TestKilledAtOnce(t *testing.T) {
	dir := t.TempDir()
	for range 10 {
		cmd := peers.Child(dir)
		noError(cmd.Start())
		time.Sleep(rand.N(120 * time.Millisecond))
		noError(cmd.Process.Kill())
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
	}
	s := open(t, dir)
	change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "root"}) })
	if s.State().CA.Root != "root" {
		t.Error("the change is missing")
	}
}
