package signet

import (
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/crowd"
)

// Bounds of what has proved nothing yet, where nothing else is said.
const (
	// DefaultMaxHandshakes is how many handshakes a Server makes at once. One
	// costs some 50 KiB.
	DefaultMaxHandshakes = 1024
	// DefaultMaxHandshakeBytes is how much a peer may send before it is
	// verified, in bytes.
	DefaultMaxHandshakeBytes = 64 << 10
)

const (
	// turn is how long a handshake has its place for sure; others may wait for
	// it from then on. 1,024 honest ones at once need one core for 0.9 s.
	turn = 2 * time.Second
	// crowding is how many may be silent, and how many may wait for a place, for
	// each handshake that a Server makes at once.
	crowding = 2
)

// door is where a Server's connections are until their handshake has ended.
type door struct {
	silent  *crowd.Room
	turns   *crowd.Turns
	timeout time.Duration // for all of it
}

func newDoor(handshakes int, timeout time.Duration) *door {
	return &door{crowd.NewRoom(crowding * handshakes), crowd.NewTurns(handshakes, crowding*handshakes, turn), timeout}
}

// guest is a connection at the door: silent until its first byte, then it waits
// for a place to make its handshake.
type guest struct {
	door *door
	out  func(error) // ends the connection
	done chan struct{}

	mu    sync.Mutex
	leave func()      // where it is now; guarded by mu
	timer *time.Timer // guarded by mu
	gone  bool        // guarded by mu
	spoke bool        // used by the handshake alone
}

func (d *door) guest(out func(error)) *guest {
	return &guest{door: d, out: out, done: make(chan struct{})}
}

// listen is called before each read. Only then does anybody wait for the peer.
func (g *guest) listen() {
	g.mu.Lock()
	here := g.gone || g.timer != nil
	if !here {
		g.timer = time.AfterFunc(g.door.timeout, func() { g.out(handshakeTimeout(nil)) })
	}
	g.mu.Unlock()
	if !here {
		g.stay(g.door.silent.Enter(func() { g.out(crowdedOut("it had not begun its handshake when too many others came")) }))
	}
}

// heard is called when the peer has sent something. It returns when there is a
// place for its handshake, or when the connection has ended.
func (g *guest) heard() {
	if g.spoke {
		return
	}
	g.spoke = true
	g.stay(nil)
	g.stay(g.door.turns.Enter(g.done, func() { g.out(crowdedOut("its handshake took long while others waited")) }))
}

// stay leaves where the guest was, for where it is now.
func (g *guest) stay(leave func()) {
	g.mu.Lock()
	before := g.leave
	if g.leave = leave; g.gone {
		before, g.leave = leave, nil
	}
	g.mu.Unlock()
	if before != nil {
		before()
	}
}

// depart ends the stay; it may be called more than once.
func (g *guest) depart() {
	g.mu.Lock()
	if !g.gone {
		g.gone = true
		close(g.done)
		if g.timer != nil {
			g.timer.Stop()
		}
	}
	leave := g.leave
	g.leave = nil
	g.mu.Unlock()
	if leave != nil {
		leave()
	}
}

// crowdedOut is told to who had to make room for others.
func crowdedOut(message string) error {
	return fault.New(CrowdedOut, "%s", message).WithHint("find out who keeps so many connections open that prove nothing")
}

func handshakeTooLarge(most int) error {
	return fault.New(HandshakeTooLarge, "the peer sent more than %d bytes before it had proved who it is", most).
		WithHint("if its certificates are that large, raise MaxHandshakeBytes")
}

func handshakeTimeout(err error) error {
	return &fault.Error{Code: Timeout, Err: err, Message: "the peer did not answer in time",
		Hint: "check that the peer runs and speaks TLS at this address"}
}
