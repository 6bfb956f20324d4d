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

// What a loop moves at once at most: as many records as one large buffer has room for, so
// that what a socket does not take fits into one. Most of what a record costs beside the
// encryption is waking those who write and read it, once for each call of the system.
const (
	mostRecords = buffers.Plain / MaxData
	mostSealed  = mostRecords * (MaxData + 256) // bytes
	mostPlain   = buffers.Plain                 // bytes
)

// Links that all have much to move share a round of turns: some milliseconds.
const (
	roundRecords = 256 // of all
	leastRecords = 4   // of each
)

// loop is one goroutine with the links that it carries.
type loop struct {
	epoll, wake int
	outer       *os.File // an epoll of epoll alone, which Go's scheduler waits for
	waits       syscall.RawConn

	// Used by run alone.
	told  bool            // outer has epoll in it
	count int             // events in ready
	crowd int             // turns of this round
	last  *Link           // that the system has told of
	alone int             // how often in a row it has told of no other
	links []*Link         // by their slot; nil: the slot is free
	free  []int32         // slots
	spent []int32         // slots whose links have ended in this turn, of which there may be events still
	busy  []*Link         // that have more to do than they have had their turn for
	in    []byte          // mostSealed, and nothing for the collector to look through
	out   *buffers.Buffer // as much, for what is to be written
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
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{epoll: epoll, wake: wake, in: make([]byte, mostSealed), out: buffers.Of(mostSealed)}
	if err := l.open(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) open() error {
	event := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, event); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	unix.SetNonblock(outer, true) // for NewFile, or Go's scheduler does not wait for it
	l.outer = os.NewFile(uintptr(outer), "epoll")
	l.waits, err = l.outer.SyscallConn()
	return err
}

func (l *loop) close() {
	if l.outer != nil {
		l.outer.Close()
	}
	unix.Close(l.epoll)
	unix.Close(l.wake)
	l.out.Return()
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
		l.wait()
		busy := l.busy
		l.busy, l.crowd = nil, max(l.count, len(busy))
		for i := range l.count {
			event := &l.ready[i]
			if event.Fd == wakeSlot {
				l.last, l.alone = nil, 0
				if l.orders() {
					return
				}
				continue
			}
			if k := l.links[event.Fd]; k != nil {
				if k == l.last {
					l.alone++
				} else {
					l.last, l.alone = k, 0
				}
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

// calm is how often in a row the system tells of one link alone before a wait for the next
// event takes the thread with it. That is the quickest where nothing else is to be done:
// the system wakes the loop itself. But with handshakes or other links about, Go's
// scheduler has to find a thread for those, and one for the loop again after each wait;
// then it waits for all of them at once, on a thread that it has running anyway.
const calm = 8

// wait waits for events, unless links are busy.
func (l *loop) wait() {
	if len(l.busy) > 0 {
		l.look(0)
		return
	}
	if l.alone < calm && l.tell() && l.waits.Read(l.peek) == nil {
		return
	}
	l.hush()
	l.look(-1)
}

// tell has Go's scheduler told of events, and reports whether it is.
func (l *loop) tell() bool {
	if !l.told {
		event := &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
		l.told = l.control(unix.EPOLL_CTL_ADD, event) == nil
	}
	return l.told
}

// hush ends that: or each event would wake one of its threads too.
func (l *loop) hush() {
	if l.told {
		l.control(unix.EPOLL_CTL_DEL, nil)
		l.told = false
	}
}

// control changes what outer has in it.
func (l *loop) control(how int, event *unix.EpollEvent) (err error) {
	failed := l.waits.Control(func(outer uintptr) {
		err = unix.EpollCtl(int(outer), how, l.epoll, event)
	})
	return errors.Join(failed, err)
}

// peek reports whether there are events.
func (l *loop) peek(uintptr) bool {
	l.look(0)
	return l.count > 0
}

// look has the system tell of events, and waits for so many milliseconds, for ever if
// that is -1.
func (l *loop) look(milliseconds int) {
	n, err := unix.EpollWait(l.epoll, l.ready[:], milliseconds)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		panic(err) // of a descriptor that is open and ours it cannot fail
	}
	l.count = max(n, 0)
}

// atOnce is how many records a leg may take in at once that would take in so many. What
// the other does not take stays with the link, so that this is less where much is held
// already.
func (l *loop) atOnce(records int) int {
	turn := max(leastRecords, roundRecords/max(1, l.crowd))
	return max(1, min(records, turn, buffers.Share()/(MaxData+256)))
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

// keep keeps a part of out: all of it where a copy would take a buffer as large.
func (l *loop) keep(part []byte) (*buffers.Buffer, []byte) {
	if len(part) > MaxRecord {
		kept := l.out
		l.out = buffers.Of(mostSealed)
		return kept, part
	}
	kept := buffers.Of(len(part))
	return kept, kept.Bytes[:copy(kept.Bytes, part)]
}
