package record

import (
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/signet-tls/signet/internal/buffers"
)

// leg is one of a link's two sockets. Its events are edges: what they have said holds
// until a call of the system says otherwise.
type leg struct {
	fd       int
	quiet    bool // the system tells that it can be written only while it is asked
	asked    bool // it is
	readable bool // there may be something to read
	hangup   bool // the other end has ended its stream, or is gone: there is an end to read
	stops    bool // a read may stop short of all that there is
	batch    int  // how many records the next read takes in at most
	writable bool
	broken   bool // the system may have an error for it

	ended bool // nothing more is read
	said  bool // that this was all, to the other end; what is pending leaves before

	pending *buffers.Buffer // what the socket has not taken yet; nil: nothing
	rest    []byte          // of pending
	credit  int             // bytes of data that have left when the rest has
	count   *atomic.Int64
}

// What the system tells of a socket. Of urgent data it tells since a read stops before
// it (tcp(7)), and no edge would tell of what stands behind. That a TCP socket can be written again it tells once
// after it could not, so it may always be asked for; of a Unix socket it tells whenever
// the other end has read.
const (
	always  = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET
	written = unix.EPOLLOUT
)

// watch has the system tell of the leg.
func (g *leg) watch(epoll int, slot, which int32) error {
	if domain, err := unix.GetsockoptInt(g.fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || domain == unix.AF_UNIX {
		g.quiet = true
		g.stops = true // behind a byte that a descriptor came with (unix(7))
	}
	return g.tell(epoll, unix.EPOLL_CTL_ADD, slot, which, !g.quiet)
}

func (g *leg) tell(epoll, how int, slot, which int32, writes bool) error {
	event := unix.EpollEvent{Events: always, Fd: slot, Pad: which}
	if writes {
		event.Events |= written
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epoll, how, g.fd, &event))
}

// ask has the system tell when a quiet leg can be written, for as long as it must.
func (g *leg) ask(epoll int, slot, which int32) error {
	if waits := g.pending != nil; g.quiet && waits != g.asked {
		g.asked = waits
		return g.tell(epoll, unix.EPOLL_CTL_MOD, slot, which, waits)
	}
	return nil
}

// wakes notes what the system tells.
func (g *leg) wakes(events uint32) {
	if events&unix.EPOLLIN != 0 {
		g.readable = true
	}
	if events&unix.EPOLLPRI != 0 {
		g.readable, g.stops = true, true
	}
	if events&unix.EPOLLOUT != 0 {
		g.writable = true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		g.readable, g.hangup = true, true
	}
	if events&unix.EPOLLERR != 0 {
		g.writable, g.broken = true, true
	}
}

// read reads what there is, without waiting; ok is false where that is nothing. An end
// of the stream is 0 bytes.
func (g *leg) read(p []byte) (n int, ok bool, err error) {
	return g.reads(len(p), func() (int, error) { return read(g.fd, p) })
}

// fill reads what there is into the places of so many records.
func (g *leg) fill(memory []byte, records int) (n int, ok bool, err error) {
	if records == 1 {
		return g.read(place(memory, 0))
	}
	var all [mostRecords]unix.Iovec
	for i := range records {
		all[i].Base = &place(memory, i)[0]
		all[i].SetLen(MaxData)
	}
	return g.reads(records*MaxData, func() (int, error) { return readv(g.fd, all[:records]) })
}

// paces has the next read take in twice as much after one that had all it asked for, and
// one record after one that had less than that.
func (g *leg) paces(n, most int) {
	if n >= most {
		g.batch = min(2*g.batch, mostRecords)
	} else if n < MaxData {
		g.batch = 1
	}
}

// slows has the next read take in half, since the other leg did not take all.
func (g *leg) slows(other *leg) {
	if other.pending != nil {
		g.batch = max(g.batch/2, 1)
	}
}

// reads notes what a read of at most so many bytes says of the socket.
func (g *leg) reads(most int, read func() (int, error)) (n int, ok bool, err error) {
	for {
		n, err = read()
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			g.readable = false
			return 0, false, nil
		case nil:
			if n < most && !g.hangup && !g.stops {
				g.readable = false // that was all; the next byte is a new edge
			}
			return n, true, nil
		}
		return 0, false, os.NewSyscallError("read", err)
	}
}

// send writes p, which brings so many bytes of data and is in the loop's out, and keeps
// what the socket does not take. Nothing may be pending.
func (g *leg) send(l *loop, p []byte, credit int) error {
	g.credit += credit
	left, err := g.write(p)
	if err != nil || len(left) == 0 {
		return err
	}
	g.pending, g.rest = l.keep(left)
	return nil
}

// flush goes on with what is pending, if it can, and reports whether all has left.
func (g *leg) flush() (bool, error) {
	if g.pending == nil {
		return true, nil
	}
	if !g.writable {
		return false, nil
	}
	var err error
	if g.rest, err = g.write(g.rest); err != nil || len(g.rest) > 0 {
		return false, err
	}
	g.drop()
	if g.said {
		err = g.shut()
	}
	return err == nil, err
}

// finish says to the other end that this was all, once what is pending has left, and
// leaves the other direction open.
func (g *leg) finish() error {
	if g.said = true; g.pending != nil {
		return nil
	}
	return g.shut()
}

func (g *leg) shut() error { return os.NewSyscallError("shutdown", shutdown(g.fd)) }

// write writes as much as the socket takes, and returns what is left.
func (g *leg) write(p []byte) ([]byte, error) {
	for len(p) > 0 {
		n, err := write(g.fd, p)
		switch err {
		case nil:
			if p = p[n:]; len(p) == 0 {
				break
			}
			g.writable = false // for more there is no room
			return p, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			g.writable = false
			return p, nil
		default:
			return p, os.NewSyscallError("write", err)
		}
	}
	g.count.Add(int64(g.credit))
	g.credit = 0
	return nil, nil
}

// drop gives the buffer back.
func (g *leg) drop() {
	if g.pending != nil {
		g.pending.Return()
		g.pending, g.rest = nil, nil
	}
}

// failure is the error that the system has for a socket which is not read any more.
func (g *leg) failure() error {
	if !g.broken || !g.ended {
		return nil
	}
	g.broken = false
	number, err := unix.GetsockoptInt(g.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		err = syscall.Errno(number)
	}
	return os.NewSyscallError("getsockopt", err)
}

// close closes the socket: by a reset, so that nobody takes its stream for complete,
// where it can be; or so that what has been written still arrives, however the socket was
// to end if it were closed by the system.
func (g *leg) close(reset bool) {
	g.drop()
	linger := unix.Linger{}
	if reset {
		linger.Onoff = 1
	}
	unix.SetsockoptLinger(g.fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger)
	Close(g.fd)
}
