package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// pump is a connection of a plain program through both proxies to the service, which
// carries bytes there and back as fast as they go.
type pump struct {
	conn  net.Conn
	moved atomic.Int64 // bytes that have come back
	ending
}

// pump opens a connection of an identity's, and sets it going.
func (c *crowd) pump(name string) (*pump, error) {
	conn, err := net.Dial("unix", c.door(name, c.services[0]))
	if err != nil {
		return nil, err
	}
	p := &pump{conn: conn, ending: newEnding()}
	go p.push()
	go p.pull()
	return p, until("bytes come back to "+name, func() (bool, error) { return p.moved.Load() > 0, nil })
}

func (p *pump) push() {
	for data := make([]byte, chunk); ; {
		if _, err := p.conn.Write(data); err != nil {
			return // pull sees how it ends
		}
	}
}

func (p *pump) pull() {
	for data := make([]byte, chunk); ; {
		n, err := p.conn.Read(data)
		p.moved.Add(int64(n))
		if err != nil {
			p.end(p.conn)
			return
		}
	}
}

// bulks revokes identities, one after the other, each of which has a connection at full
// speed, and measures how long it takes until that has ended, and what others at full
// speed notice of it.
func bulks(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("bulk", flag.ContinueOnError)
	n := flags.Int("connections", 8, "connections at full speed, each of another identity")
	rounds := flags.Int("revocations", 20, "identities that are revoked, one after the other")
	length := flags.Duration("length", time.Second, "how long the others are looked at, before and after")
	c, err := begin(out, flags, args, func() (*crowd, error) { return newCrowd(build{}, *n+*rounds, 1, 1) })
	if err != nil {
		return err
	}
	defer c.close()
	var pumps []*pump // the first is the next that is revoked
	defer func() {
		for _, p := range pumps {
			p.conn.Close()
		}
	}()
	for _, name := range c.names[:*n] {
		p, err := c.pump(name)
		if err != nil {
			return err
		}
		pumps = append(pumps, p)
	}
	fmt.Fprintf(out, "%d connections at full speed, through two proxies; service, proxies and authority are processes of their own\n", *n)
	var times []float64
	before, after, lost := result{name: "before"}, result{name: "after"}, 0
	for i := range *rounds {
		others := pumps[1:]
		time.Sleep(*length)
		was, _ := carried(others, *length, func() error { return nil })
		is, err := carried(others, *length, func() error {
			_, err := c.change(api.PathRevoke, api.RevokeRequest{Who: c.names[i]})
			return err
		})
		if err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
		took, err := c.endOf(pumps[0], c.names[i])
		if err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
		before.times, after.times, times = append(before.times, was), append(after.times, is), append(times, took.Seconds()*1e3)
		for _, p := range others {
			if !p.alive() {
				lost++
			}
		}
		next, err := c.pump(c.names[i+*n])
		if err != nil {
			return err
		}
		pumps = append(others, next)
	}
	slices.Sort(times)
	middle, low, high := ratio(after, before)
	fmt.Fprintf(out, "\n%d revocations, ms\n  decided → end seen  median %.0f, most %.0f\nThe other %d\n  GiB/s there and back, before     median %.2f\n  in the %s from then on, to before  median %.2f, 95 %% %.2f–%.2f\n  lost: %d\n  %s\n",
		*rounds, at(times, .5), at(times, 1), *n-1, median(before.times), *length, middle, low, high, lost, machine())
	if lost > 0 {
		return fmt.Errorf("%d connections of others have ended", lost)
	}
	return nil
}

// carried does something while connections go on, and returns what they carried for so
// long from its beginning, in GiB/s.
func carried(pumps []*pump, length time.Duration, do func() error) (rate float64, err error) {
	moved := func() (n int64) {
		for _, p := range pumps {
			n += p.moved.Load()
		}
		return n
	}
	done := make(chan error, 1)
	begun, before := time.Now(), moved()
	go func() { done <- do() }()
	time.Sleep(length)
	rate = float64(moved()-before) / (1 << 30) / time.Since(begun).Seconds()
	return rate, <-done
}

// endOf returns how long after an identity was revoked its connection has ended.
func (c *crowd) endOf(p *pump, name string) (took time.Duration, err error) {
	select {
	case <-p.ended:
	case <-time.After(patience):
		return 0, fmt.Errorf("the connection of %s did not end", name)
	}
	decided, err := c.revokedAt(name)
	return p.at.Sub(decided), err
}
