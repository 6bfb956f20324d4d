package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// loadTests are the tests of the matrix, each of a proxy that has just been started.
var loadTests = map[string]func(t *target, s sizes) (figures, error){
	"hs":       func(t *target, s sizes) (figures, error) { return t.shakes(s, tls.X25519, 1, false) },
	"hs-many":  func(t *target, s sizes) (figures, error) { return t.shakes(s, tls.X25519, manyClients, false) },
	"hs-mlkem": func(t *target, s sizes) (figures, error) { return t.shakes(s, tls.X25519MLKEM768, 1, false) },
	"resume":   func(t *target, s sizes) (figures, error) { return t.shakes(s, tls.X25519, 1, true) },
	"up1":      func(t *target, s sizes) (figures, error) { return t.move(s, true, 1) },
	"down1":    func(t *target, s sizes) (figures, error) { return t.move(s, false, 1) },
	"down8":    func(t *target, s sizes) (figures, error) { return t.move(s, false, 8) },
	"ping1":    func(t *target, s sizes) (figures, error) { return t.pings(s, 1) },
	"ping64":   func(t *target, s sizes) (figures, error) { return t.pings(s, 64) },
}

// loadTest returns the test of a name: one of loadTests, or idle-N and idlefull-N for
// N connections.
func loadTest(name string) (func(t *target, s sizes) (figures, error), error) {
	if test, ok := loadTests[name]; ok {
		return test, nil
	}
	kind, count, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || kind != "idle" && kind != "idlefull" {
		return nil, fmt.Errorf("there is no test %q", name)
	}
	return func(t *target, s sizes) (figures, error) { return t.idle(s, n, kind == "idlefull") }, nil
}

// charge does something, and returns how long it took and what the proxy used.
func (t *target) charge(do func() error) (wall, cpu time.Duration, err error) {
	begun, used := time.Now(), t.process.cpu()
	err = do()
	return time.Since(begun), t.process.cpu() - used, err
}

// shakes makes connections, one after the other in each worker, each with one byte to
// the backend and back, by so many clients in turn.
func (t *target) shakes(s sizes, group tls.CurveID, clients int, resume bool) (figures, error) {
	settings := make([]*tls.Config, s.workers)
	if t.people != nil {
		one := t.people.tls(group, t.people.clients[:clients]...)
		for i := range settings {
			settings[i] = one.Clone()
			if resume {
				settings[i].ClientSessionCache = tls.NewLRUClientSessionCache(4)
			}
		}
	}
	var resumed atomic.Int64
	connect := func(worker, _ int) error {
		conn, err := t.dial(settings[worker])
		if err != nil {
			return err
		}
		defer conn.Close()
		if secure, ok := conn.(*tls.Conn); ok && secure.ConnectionState().DidResume {
			resumed.Add(1)
		}
		return echoed(conn)
	}
	// Tickets come, who is known is known, and the heap is as large as it gets.
	if err := many(max(s.shakes, clients), s.workers, connect); err != nil {
		return nil, err
	}
	resumed.Store(0)
	wall, cpu, err := t.charge(func() error { return many(s.shakes, s.workers, connect) })
	if err != nil {
		return nil, err
	}
	if n := int(resumed.Load()); resume && t.people != nil && n < s.shakes*9/10 {
		return nil, fmt.Errorf("%d of %d sessions were resumed", n, s.shakes)
	}
	return figures{measureShake: cpu.Seconds() * 1000 / float64(s.shakes), measurePerSecond: float64(s.shakes) / wall.Seconds()}, nil
}

// move sends bytes one way, over so many connections at once.
func (t *target) move(s sizes, up bool, connections int) (figures, error) {
	each := s.bulk / int64(connections)
	conns, hangUp, err := t.dialAll(connections)
	defer hangUp()
	if err != nil {
		return nil, err
	}
	wall, cpu, err := t.charge(func() error {
		return many(connections, connections, func(_, i int) error {
			if up {
				return sendTo(conns[i], each)
			}
			return takeFrom(conns[i], each)
		})
	})
	if err != nil {
		return nil, err
	}
	gib := float64(each*int64(connections)) / (1 << 30)
	return figures{measureGiB: cpu.Seconds() / gib, measureRate: gib / wall.Seconds()}, nil
}

func (t *target) dialAll(n int) (conns []net.Conn, hangUp func(), err error) {
	conns = make([]net.Conn, n)
	settings := t.settings(tls.X25519)
	err = many(n, 32, func(_, i int) (err error) {
		conns[i], err = t.dial(settings)
		return err
	})
	return conns, func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}, err
}

func takeFrom(conn net.Conn, bytes int64) error {
	if _, err := conn.Write(wish(wishSend, bytes)); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(conn, bytes), make([]byte, chunk))
	if err == nil && n < bytes {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func sendTo(conn net.Conn, bytes int64) error {
	if _, err := conn.Write(wish(wishDiscard, bytes)); err != nil {
		return err
	}
	buffer := make([]byte, chunk)
	for ; bytes > 0; bytes -= int64(len(buffer)) {
		buffer = buffer[:min(bytes, int64(len(buffer)))]
		if err := writeAll(conn, buffer); err != nil {
			return err
		}
	}
	_, err := io.ReadFull(conn, buffer[:1])
	return err
}

// pings sends 64 bytes there and back, again and again, on each of so many connections.
func (t *target) pings(s sizes, connections int) (figures, error) {
	conns, hangUp, err := t.dialAll(connections)
	defer hangUp()
	if err != nil {
		return nil, err
	}
	for _, conn := range conns {
		if err := echoed(conn); err != nil {
			return nil, err
		}
	}
	if _, err := pingAll(conns, time.Now().Add(s.pings/10)); err != nil { // to warm up
		return nil, err
	}
	var times []float64
	_, cpu, err := t.charge(func() (err error) {
		times, err = pingAll(conns, time.Now().Add(s.pings))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	return figures{measurePing: cpu.Seconds() * 1e5 / float64(len(times)), measureP50: at(times, .5), measureP99: at(times, .99)}, nil
}

// pingAll has each connection go on until a moment, and returns all times in µs.
func pingAll(conns []net.Conn, end time.Time) (times []float64, err error) {
	var mu sync.Mutex
	err = many(len(conns), len(conns), func(_, i int) error {
		var message [64]byte
		var own []float64
		for begun := time.Now(); begun.Before(end); begun = time.Now() {
			if _, err := conns[i].Write(message[:]); err != nil {
				return err
			}
			if _, err := io.ReadFull(conns[i], message[:]); err != nil {
				return err
			}
			own = append(own, time.Since(begun).Seconds()*1e6)
		}
		mu.Lock()
		defer mu.Unlock()
		times = append(times, own...)
		return nil
	})
	return times, err
}

// fill is what each connection has carried, there and back, before it is idle.
const fill = 64 << 10

// idle holds connections on which nothing happens, and looks what they take.
func (t *target) idle(s sizes, n int, filled bool) (figures, error) {
	time.Sleep(s.settle)
	before := t.process.pss()
	conns, hangUp, err := t.dialAll(n)
	defer hangUp()
	if err == nil {
		err = many(n, 32, func(_, i int) error {
			if err := echoed(conns[i]); err != nil || !filled {
				return err
			}
			return filledUp(conns[i])
		})
	}
	if err != nil {
		return nil, err
	}
	time.Sleep(s.settle)
	kib := t.process.pss() - before
	_, cpu, _ := t.charge(func() error { time.Sleep(s.settle); return nil })
	return figures{measureIdle: float64(kib) / float64(n), measureIdleCPU: cpu.Seconds() / s.settle.Seconds() * 100}, nil
}

// filledUp carries fill there and back.
func filledUp(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(patienceOfLoad))
	defer conn.SetDeadline(time.Time{})
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, fill))
		sent <- err
	}()
	_, err := io.CopyN(io.Discard, conn, fill)
	return cmp.Or(err, <-sent)
}
