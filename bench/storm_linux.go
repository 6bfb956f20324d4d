package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// storm has a proxy with thousands of connections restarted, and all of its clients
// come back at once: how long it takes until everybody is served again, what that
// costs, and who could not connect.
func storm(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	n := flags.Int("n", 8000, "clients")
	line := flags.String("config", "", `a line for the proxy's configuration, such as data_path = "record"`)
	a, err := begin(out, flags, args, func() (*arena, error) { return newArena(".cache/bench", 1) })
	if err != nil {
		return err
	}
	defer a.close()
	e := signetEntrant("signet", "", "", *line)
	if err := e.ready(a); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d clients, each with a full handshake and one byte there and back\n", *n)
	for _, what := range []string{"before", "all at once, after a restart"} {
		t, err := e.start(a)
		if err != nil {
			return err
		}
		settings := t.settings(tls.X25519)
		if _, err := t.ready(settings); err != nil {
			return err
		}
		atOnce := 32
		if what != "before" {
			atOnce = *n
		}
		if err := t.comeBack(out, what, *n, atOnce, settings); err != nil {
			return err
		}
		t.process.kill() // as a crash does: nobody is told
	}
	return nil
}

// comeBack connects all clients, so many at the same time, and holds all connections
// until the last has come. Who cannot connect tries again, as programs do.
func (t *target) comeBack(out io.Writer, what string, n, atOnce int, settings *tls.Config) error {
	conns, waited := make([]net.Conn, n), make([]float64, n)
	var failures atomic.Int64
	begun := time.Now()
	wall, cpu, err := t.charge(func() error {
		return many(n, atOnce, func(_, i int) error {
			for tries := 0; ; tries++ {
				conn, err := t.dial(settings)
				if err == nil {
					if err = echoed(conn); err == nil {
						conns[i], waited[i] = conn, time.Since(begun).Seconds()*1e3
						return nil
					}
					conn.Close()
				}
				if failures.Add(1); tries == 20 {
					return err
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	})
	memory := t.process.pss()
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	slices.Sort(waited)
	fmt.Fprintf(out, "%s (%d at the same time): all are served after %.1f s, half after %.1f s; %.2f s CPU for 1,000; %d attempts failed; %.0f MiB then\n",
		what, atOnce, wall.Seconds(), at(waited, .5)/1e3, cpu.Seconds()*1000/float64(n), failures.Load(), float64(memory)/1024)
	return nil
}
