package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// slow has thousands of connections through one proxy, and looks what a client that
// does not read, and one that is as busy as it can be, do to the round trips of
// others and to the proxy's memory.
func slow(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("slow", flag.ContinueOnError)
	n := flags.Int("n", 2000, "connections, most of them idle")
	length := flags.Duration("length", 5*time.Second, "how long each look takes")
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
	t, err := e.start(a)
	if err != nil {
		return err
	}
	if _, err := t.ready(t.settings(tls.X25519)); err != nil {
		return err
	}
	conns, hangUp, err := t.dialAll(*n)
	defer hangUp()
	if err == nil {
		err = many(*n, 32, func(_, i int) error { return echoed(conns[i]) })
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d connections; 8 of them make round trips of 64 bytes, one after the other\n", *n)
	others := conns[:8]
	if err := t.look(out, "nothing else happens", others, *length); err != nil {
		return err
	}
	lazy, err := t.dial(t.settings(tls.X25519))
	if err != nil {
		return err
	}
	defer lazy.Close()
	if _, err := lazy.Write(wish(wishSend, 1<<40)); err != nil { // and never reads
		return err
	}
	if err := t.look(out, "one is sent a TiB and does not read", others, *length); err != nil {
		return err
	}
	busy, err := t.dial(t.settings(tls.X25519))
	if err != nil {
		return err
	}
	defer busy.Close()
	go takeFrom(busy, 1<<50) // until busy is closed
	return t.look(out, "one more is sent what it can take", others, *length)
}

// look measures the round trips of some connections, and the proxy's memory.
func (t *target) look(out io.Writer, what string, conns []net.Conn, length time.Duration) error {
	time.Sleep(length / 10)
	times, err := pingAll(conns, time.Now().Add(length))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	slices.Sort(times)
	fmt.Fprintf(out, "  %-36s p50 %.0f µs, p99 %.0f µs, most %.1f ms; %.1f MiB\n", what, at(times, .5), at(times, .99), at(times, 1)/1e3, float64(t.process.pss())/1024)
	return nil
}
