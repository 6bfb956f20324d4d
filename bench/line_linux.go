package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// echo is a service that says everything back.
func echo(address string) error {
	return serveAt(address, func(conn net.Conn) {
		defer conn.Close()
		io.Copy(conn, conn) // how it ends, the other end sees
	})
}

// service starts the service in a process of its own, and returns where it is.
func (r *rig) service() (address string, err error) {
	if address, err = freeAddress(); err != nil {
		return "", err
	}
	_, err = r.child("service", "echo", address)
	return address, err
}

// line is a connection of a plain program, through both proxies to the service.
type line struct {
	from, to string
	conn     net.Conn
	echoed   chan struct{} // holds a value once the last byte has come back
	ending
}

// ending is how a connection's end is known.
type ending struct {
	ended chan struct{} // closed when it has
	at    time.Time     // when; set before
}

func newEnding() ending { return ending{ended: make(chan struct{})} }

// end notes that a connection has ended, and closes it.
func (e *ending) end(conn net.Conn) {
	e.at = time.Now()
	close(e.ended)
	conn.Close()
}

// alive reports whether a connection has not ended, as far as is known.
func (e *ending) alive() bool {
	select {
	case <-e.ended:
		return false
	default:
		return true
	}
}

// patienceOfLine is how long a byte may take to come back.
const patienceOfLine = 30 * time.Second

// open opens a line by a door, and returns when a byte has come back over it.
func open(door, from, to string) (*line, error) {
	conn, err := net.Dial("unix", door)
	if err != nil {
		return nil, err
	}
	l := &line{from: from, to: to, conn: conn, echoed: make(chan struct{}, 1), ending: newEnding()}
	go l.listen()
	if err := l.ping(); err != nil {
		conn.Close()
		<-l.ended
		return nil, err
	}
	return l, nil
}

func (l *line) listen() {
	byte := make([]byte, 1)
	for {
		if _, err := l.conn.Read(byte); err != nil {
			l.end(l.conn)
			return
		}
		l.echoed <- struct{}{}
	}
}

var errEnded = errors.New("the connection has ended")

// ping sends a byte, and waits until it is back.
func (l *line) ping() error {
	if _, err := l.conn.Write([]byte{1}); err != nil {
		return errEnded
	}
	late := time.NewTimer(patienceOfLine)
	defer late.Stop()
	select {
	case <-l.echoed:
		return nil
	case <-l.ended:
		return errEnded
	case <-late.C:
		return fmt.Errorf("%s → %s: a byte is not back after %s", l.from, l.to, patienceOfLine)
	}
}

func (l *line) close() {
	l.conn.Close()
	<-l.ended
}

// sideBySide does something with each of many things, some of them at the same time,
// and returns the first error.
func sideBySide[T any](things []T, at int, do func(T) error) (first error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	queue := make(chan T)
	for range at {
		group.Go(func() {
			for thing := range queue {
				if err := do(thing); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, thing := range things {
		queue <- thing
	}
	close(queue)
	group.Wait()
	return first
}
