package record

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/signet-tls/signet/internal/buffers"
)

// Loops carry links on a few goroutines: one for each processor, however many links
// there are. A link that has nothing to move holds neither a goroutine nor a buffer.
type Loops struct {
	all  []*loop
	next atomic.Uint32 // counts links, which are dealt out in turn
}

// OpenLoops returns loops that carry nothing until Run is called.
func OpenLoops() (*Loops, error) {
	l := new(Loops)
	for range runtime.GOMAXPROCS(0) {
		one, err := openLoop()
		if err != nil {
			l.close()
			return nil, err
		}
		l.all = append(l.all, one)
	}
	return l, nil
}

// Run carries links until ctx ends; then it aborts those that are left. It returns when
// all is closed. It is called once.
func (l *Loops) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		for _, one := range l.all {
			one.stop()
		}
	})()
	var running sync.WaitGroup
	for _, one := range l.all {
		running.Go(one.run)
	}
	running.Wait()
	l.close()
}

func (l *Loops) close() {
	for _, one := range l.all {
		one.close()
	}
}

// Join has a loop carry a pair. An error means that it takes nothing over: not the
// descriptors, and Done is not called.
func (l *Loops) Join(p Pair) (*Link, error) {
	if len(p.Received) > mostSealed || len(p.Head) > mostPlain {
		return nil, errTooMuch
	}
	loop := l.all[l.next.Add(1)%uint32(len(l.all))]
	k := newLink(loop, p)
	if err := loop.order(func() { loop.arrived = append(loop.arrived, k) }); err != nil {
		return nil, err
	}
	return k, nil
}

var errTooMuch = errors.New("more has been read ahead than a loop moves at once")

// What a loop moves at once: as many records as one large buffer has room for, so that
// what a socket does not take fits into one.
const (
	mostRecords = buffers.Plain / MaxData
	mostSealed  = mostRecords * (MaxData + 256) // bytes
	mostPlain   = buffers.Plain                 // bytes
)

// loop is one goroutine with the links that it carries.
type loop struct {
	epoll, wake int

	// Used by run alone.
	links []*Link // by their slot; nil: the slot is free
	free  []int32 // slots
	spent []int32 // slots whose links have ended in this turn, of which there may be events still
	busy  []*Link // that have more to do than they have had their turn for
	in    [mostSealed]byte
	out   [mostSealed]byte
	ready [256]unix.EpollEvent

	mu      sync.Mutex
	arrived []*Link // guarded by mu; bounded by who joins
	aborted []*Link // guarded by mu; each link once
	roused  bool    // guarded by mu; wake has been written to
	over    bool    // guarded by mu; it takes no more links
}

func openLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot})
	}
	if err != nil {
		unix.Close(epoll)
		unix.Close(wake)
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &loop{epoll: epoll, wake: wake}, nil
}

func (l *loop) close() {
	unix.Close(l.epoll)
	unix.Close(l.wake)
}

// wakeSlot is in the events of wake. Those of links have a slot, and which leg it is.
const wakeSlot = -1

// order leaves something for run to see to, and wakes it.
func (l *loop) order(leave func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return net.ErrClosed
	}
	leave()
	l.rouse()
	return nil
}

// rouse wakes run. The caller holds mu.
func (l *loop) rouse() {
	if !l.roused {
		l.roused = true
		unix.Write(l.wake, binary.NativeEndian.AppendUint64(nil, 1))
	}
}

// stop has run abort all of its links, and return.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.rouse()
}

// run gives each link that has something to do a turn, in which it moves one buffer each
// way at most, so that none keeps the others waiting.
func (l *loop) run() {
	for {
		wait := -1
		if len(l.busy) > 0 {
			wait = 0
		}
		n, err := unix.EpollWait(l.epoll, l.ready[:], wait)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			panic(err) // of a descriptor that is open and ours it cannot fail
		}
		busy := l.busy
		l.busy = nil
		for i := range max(n, 0) {
			event := &l.ready[i]
			if event.Fd == wakeSlot {
				if l.orders() {
					return
				}
				continue
			}
			if k := l.links[event.Fd]; k != nil {
				k.leg(event.Pad).wakes(event.Events)
				k.turn()
			}
		}
		for _, k := range busy {
			if k.busy {
				k.busy = false
				k.turn()
			}
		}
		l.free, l.spent = append(l.free, l.spent...), l.spent[:0]
	}
}

// orders sees to what others have left, and reports whether this is the end.
func (l *loop) orders() (over bool) {
	var count [8]byte
	unix.Read(l.wake, count[:])
	l.mu.Lock()
	arrived, aborted := l.arrived, l.aborted
	l.arrived, l.aborted, l.roused = nil, nil, false
	over = l.over
	l.mu.Unlock()
	for _, k := range arrived {
		l.take(k)
	}
	for _, k := range aborted {
		k.end(ErrAborted, k.alert)
	}
	if over {
		for _, k := range l.links {
			if k != nil {
				k.end(ErrAborted, 0)
			}
		}
	}
	return over
}

// take gives a link a slot, and has the system tell of its sockets.
func (l *loop) take(k *Link) {
	if last := len(l.free) - 1; last >= 0 {
		k.slot, l.free = l.free[last], l.free[:last]
		l.links[k.slot] = k
	} else {
		k.slot = int32(len(l.links))
		l.links = append(l.links, k)
	}
	k.begin()
}

// leave takes a link out that has ended.
func (l *loop) leave(k *Link) {
	l.links[k.slot] = nil
	l.spent = append(l.spent, k.slot)
}
