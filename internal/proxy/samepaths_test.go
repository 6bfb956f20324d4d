package proxy_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/proxy"
)

// scripts are how many of them TestSamePaths plays.
const scripts = 32

// TestSamePaths plays the same random scripts through proxies of either data path: what
// both programs see, and what both proxies tell, must be the same.
func TestSamePaths(t *testing.T) {
	if dataPath != proxy.Record {
		t.Skip("both are compared in one run, that of record")
	}
	var players sync.WaitGroup
	seeds := make(chan byte)
	for range 16 { // most of the time they wait
		players.Go(func() {
			for seed := range seeds {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					choices := make([]byte, 40)
					rand.NewChaCha8([32]byte{seed}).Read(choices)
					choices[0] = seed // each ending has its turn
					samePaths(t, choices)
				})
			}
		})
	}
	for seed := range byte(scripts) {
		seeds <- seed
	}
	close(seeds)
	players.Wait()
}

// FuzzSamePaths is TestSamePaths for who has the time.
func FuzzSamePaths(f *testing.F) {
	if runtime.GOOS != "linux" {
		f.Skip("there is one data path")
	}
	for end := range endings {
		f.Add([]byte{byte(end), 0, 0, 3, 1, 1, 5, opEnd, 9})
	}
	f.Fuzz(func(t *testing.T, choices []byte) { samePaths(t, choices[:min(len(choices), 200)]) })
}

func samePaths(t *testing.T, choices []byte) {
	std, record := play(t, proxy.Std, choices), play(t, proxy.Record, choices)
	settle(t, &std, &record)
	if diff := cmp.Diff(std, record); diff != "" {
		t.Errorf("%s\n(-std +record):\n%s", strings.Join(std.Script, "; "), diff)
	}
}

// outcome is what a script came to.
type outcome struct {
	Ending              string
	AtClient, AtService seen // what the programs see
	Door, Service       told // what the proxies tell in the access log
	Script              []string
}

// seen is what has come to a program, and how that ended.
type seen struct {
	Bytes int64
	Sum   uint32
	End   string
}

// told is the end of a connection in a proxy's words.
type told struct {
	Code, Reason string
	Sent, Back   int64
}

// player is a program at one end.
type player struct {
	conn    *net.TCPConn
	writing chan func() // done one after the other
	said    int64       // bytes, with those that are on their way
	closed  bool        // it has said that this was all

	mu    sync.Mutex
	more  *sync.Cond // something of these has changed
	idle  bool       // guarded by mu; it does not read
	asked int        // guarded by mu; of writing, what is not done yet
	seen  seen       // guarded by mu
}

func newPlayer(conn net.Conn) *player {
	p := &player{conn: conn.(*net.TCPConn), writing: make(chan func(), 1000)}
	p.more = sync.NewCond(&p.mu)
	return p
}

// run reads and writes until both are over.
func (p *player) run() {
	var wg sync.WaitGroup
	wg.Go(func() {
		for do := range p.writing {
			do()
			p.change(func() { p.asked-- })
		}
	})
	buffer := make([]byte, 32<<10)
	for p.seen.End == "" {
		p.change(func() {
			for p.idle {
				p.more.Wait()
			}
		})
		n, err := p.conn.Read(buffer)
		p.change(func() {
			p.seen.Bytes += int64(n)
			p.seen.Sum = crc32.Update(p.seen.Sum, crc32.IEEETable, buffer[:n])
			p.seen.End = endOf(err)
		})
	}
	wg.Wait()
}

func endOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF):
		return "a clean end"
	case errors.Is(err, syscall.ECONNRESET):
		return "a reset"
	case errors.Is(err, net.ErrClosed):
		return "its own doing"
	}
	return err.Error()
}

func (p *player) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.more.Broadcast()
}

// do has something done once all before it is.
func (p *player) do(what func()) {
	p.change(func() { p.asked++ })
	p.writing <- what
}

// say writes so many bytes, none of which is as the one before.
func (p *player) say(n int) {
	if p.closed {
		return
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte((p.said + int64(i)) * 2654435761 >> 8)
	}
	p.said += int64(n)
	p.do(func() { p.conn.Write(data) }) // what does not arrive, the other end's sum lacks
}

func (p *player) closeWrite() {
	if !p.closed {
		p.closed = true
		p.do(func() { p.conn.CloseWrite() })
	}
}

// quiet reports whether all is done and all has come that the other end has said.
func (p *player) quiet(other *player) (quiet, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over = p.seen.End != ""
	return p.asked == 0 && p.seen.Bytes == other.said && over == other.closed, over
}

// stage is where a script is played.
type stage struct {
	*fileWorld
	wire            *wire
	client, service *player
	script          []string
	choices         []byte
	ending          string              // its name, as far as it is known
	ender           func(s *stage) bool // of endings
	over            bool                // it has been played
	ends            bool                // what it has reported
}

// play plays a script through two proxies of a data path.
func play(t *testing.T, path proxy.DataPath, choices []byte) outcome {
	t.Helper()
	s := &stage{choices: choices}
	chosen := endings[s.choose(len(endings))]
	s.ending, s.ender = chosen.name, chosen.do
	came := make(chan net.Conn)
	gone := make(chan struct{})
	behind := program(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		came <- conn
		<-gone
	})
	s.fileWorld = newFileWorld(t, fileSetup{names: []string{"ann"}, carrier: path, apart: true, service: func(service *proxy.Service) { service.Backend = behind },
		door: func(door *proxy.Door) {
			s.wire = newWire(t, door.Targets[0])
			door.Targets = []string{s.wire.listener.Addr().String()}
		}})
	conn, err := net.Dial("tcp", s.doors[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer close(gone)
	s.client, s.service = newPlayer(conn), newPlayer(<-came)
	<-s.wire.ready
	var both sync.WaitGroup
	for _, p := range []*player{s.client, s.service} {
		both.Go(p.run)
	}
	s.client.say(1)
	s.service.say(1) // behind the tickets, which nothing may cross
	s.wantLive(1)
	s.quiet()
	for len(s.choices) > 0 && !s.over {
		s.step()
	}
	if !s.over {
		s.end()
	}
	s.finish()
	both.Wait()
	return outcome{s.ending, s.client.seen, s.service.seen, s.told(api.Door), s.told(api.Service), s.script}
}

// choose takes the next choice of n.
func (s *stage) choose(n int) int {
	if len(s.choices) == 0 {
		return 0
	}
	choice := int(s.choices[0])
	s.choices = s.choices[1:]
	return choice % n
}

func (s *stage) note(format string, args ...any) {
	s.script = append(s.script, fmt.Sprintf(format, args...))
}

// someone is one of the programs.
func (s *stage) someone() (*player, string) {
	if s.choose(2) == 0 {
		return s.client, "the client"
	}
	return s.service, "the service"
}

// Steps of a script, of which most write.
const (
	opIdle = 10 + iota
	opWait
	opPause
	opCloseWrite
	opEnd
	ops
)

var sizes = []int{1, 2, 100, 1000, 1<<14 - 1, 1 << 14, 1<<14 + 1, 70000, 300000, 1 << 20}

func (s *stage) step() {
	op := s.choose(ops)
	switch op {
	default:
		who, name := s.someone()
		size := sizes[s.choose(len(sizes))]
		if !who.closed {
			s.note("%s writes %d", name, size)
			who.say(size)
		}
	case opIdle:
		who, name := s.someone()
		s.note("%s does not read for a while", name)
		who.change(func() { who.idle = true })
	case opWait:
		s.quiet()
	case opPause:
		time.Sleep(time.Duration(s.choose(20)) * time.Millisecond)
	case opCloseWrite:
		who, name := s.someone()
		s.note("%s says that this was all", name)
		who.closeWrite()
	case opEnd:
		s.end()
	}
}

// endings are what may end a connection, all of whose bytes have arrived before: which of
// those on their way get lost is chance. They report whether the proxies need to be told
// nothing more to end it.
var endings = []struct {
	name string
	do   func(s *stage) bool
}{
	{"both programs say that this was all", func(s *stage) bool { return false }},
	{"the client resets", func(s *stage) bool { return s.reset(s.client) }},
	{"the service resets", func(s *stage) bool { return s.reset(s.service) }},
	{"the client closes", func(s *stage) bool { return s.close(s.client) }},
	{"the service closes", func(s *stage) bool { return s.close(s.service) }},
	{"the client closes while the service writes", func(s *stage) bool { return s.close(s.client) && s.tell(s.service) }},
	{"the service closes while the client writes", func(s *stage) bool { return s.close(s.service) && s.tell(s.client) }},
	{"FIN to the service's proxy", func(s *stage) bool { return s.wire.up.to.CloseWrite() == nil && !s.client.closed }},
	{"FIN to the door's proxy", func(s *stage) bool { return s.wire.down.to.CloseWrite() == nil && !s.service.closed }},
	{"RST to both proxies", func(s *stage) bool { reset(s.wire.up.to); return true }},
	{"a bit changes on the way up", func(s *stage) bool { return s.flip(s.wire.up, s.client) }},
	{"a bit changes on the way down", func(s *stage) bool { return s.flip(s.wire.down, s.service) }},
	{"the rules change", func(s *stage) bool { s.allow(); s.allowAt(rulesOfService); return true }},
	{"the rules change at the service alone", func(s *stage) bool { s.allowAt(rulesOfService); return true }},
	{"cut at the door", func(s *stage) bool {
		s.out.Cut(api.Cut{Conns: []string{s.connection()}, Reason: "a test"})
		return true
	}},
	{"cut at the service", func(s *stage) bool { s.in.Cut(api.Cut{Conns: []string{s.connection()}, Reason: "a test"}); return true }},
}

func (s *stage) end() {
	s.quiet()
	s.over = true
	switch {
	case s.client.closed && s.service.closed:
		s.ending = endings[0].name
		return
	case s.client.closed:
		s.ending += afterClient
	case s.service.closed:
		s.ending += afterService
	}
	s.note("%s", s.ending)
	s.ends = s.ender(s)
}

// What is behind the name of an ending if one program has said before that this was all.
const (
	afterClient  = ", the client having said all"
	afterService = ", the service having said all"
)

func (s *stage) reset(who *player) bool {
	reset(who.conn)
	return true
}

func (s *stage) close(who *player) bool {
	who.conn.Close()
	return true
}

// tell has somebody write who has heard the other's end.
func (s *stage) tell(who *player) bool {
	s.until("the end is heard", func() bool { _, over := who.quiet(who); return over })
	who.say(100)
	return true
}

// flip changes a bit of the next record: in its header, but not in the length, for which
// more would be waited, or behind that.
func (s *stage) flip(on *strand, who *player) bool {
	at := s.choose(20)
	if at >= 3 {
		at += 2
	}
	s.note("of byte %d", at)
	on.flip.Store(int64(at) + 1)
	who.say(100)
	return !who.closed
}

// connection is the ID of the one that there is.
func (s *stage) connection() string { return s.out.Live()[0].ID }

// quiet waits until all has arrived.
func (s *stage) quiet() {
	s.note("all arrives")
	for _, p := range []*player{s.client, s.service} {
		p.change(func() { p.idle = false })
	}
	s.until("all has arrived", func() bool {
		up, _ := s.service.quiet(s.client)
		down, _ := s.client.quiet(s.service)
		return up && down
	})
}

// finish ends the connection, if nothing else has, and waits until both proxies have told
// of that.
func (s *stage) finish() {
	ended := func() bool {
		return s.events.count(func(e api.Event) bool { return e.Kind == api.Ended }) == 2
	}
	for deadline := time.Now().Add(patienceOfEnding); s.ends && !ended() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for _, p := range []*player{s.client, s.service} {
		p.closeWrite()
		close(p.writing)
	}
	s.until("both proxies tell of the end", ended)
}

// patienceOfEnding is how long what should end a connection may take to do so. It may
// have come too late to be noticed, and then the programs end it.
const patienceOfEnding = 2 * time.Second

// changing is what differs from one run to the next.
var changing = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// told is what the proxy of a side tells of the end.
func (s *stage) told(side api.Side) (t told) {
	s.events.count(func(e api.Event) bool {
		if e.Kind == api.Ended && e.Side == side {
			if e.Path != string(s.carrier) {
				s.t.Errorf("%s: carried by %q, want %q", side, e.Path, s.carrier)
			}
			t = told{e.Code, changing.ReplaceAllString(e.Reason, "ADDRESS"), e.Sent, e.Back}
		}
		return false
	})
	return t
}

// differences are what the paths do differently, and may: the code that the proxy at a
// side tells after an ending.
var differences = []struct {
	ending      string
	side        api.Side
	std, record string
	why         string
}{
	{"the rules change at the service alone", api.Door, "truncated", "refused_by_peer", toldByAlert},
	{"the rules change at the service alone" + afterClient, api.Door, "truncated", "refused_by_peer", toldByAlert},
	{"the client closes while the service writes", api.Service, "", "truncated", goneSooner},
	{"the client closes while the service writes" + afterClient, api.Service, "", "truncated", goneSooner},
	{"the client resets" + afterClient, api.Service, "", "truncated", goneSooner},
	{"the service closes while the client writes", api.Door, "", "truncated", goneSooner},
	{"the service closes while the client writes" + afterService, api.Door, "", "truncated", goneSooner},
	{"the service resets" + afterService, api.Door, "", "truncated", goneSooner},
}

const (
	toldByAlert = "record tells the peer by an alert whom the rules refuse (RFC 8446, section 6.2), for which crypto/tls has no words"
	goneSooner  = "a loop hears at once that a program is gone that had said all before; " +
		"std learns it when it next writes to that program, and by then the other end may have said all, too"
)

// settle takes out of two outcomes what may differ, and must.
func settle(t *testing.T, std, record *outcome) {
	for _, known := range differences {
		if known.ending != std.Ending {
			continue
		}
		one, other := std.told(known.side), record.told(known.side)
		if one.Code != known.std || other.Code != known.record {
			t.Errorf("%s: %q and %q, want %q and %q: %s", known.ending, one.Code, other.Code, known.std, known.record, known.why)
		}
		other.Code, other.Reason = one.Code, one.Reason
	}
}

func (o *outcome) told(side api.Side) *told {
	if side == api.Door {
		return &o.Door
	}
	return &o.Service
}
