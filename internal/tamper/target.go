package tamper

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Target is a program of the user's, to be attacked at one end of TLS: a client
// or a server.
type Target struct {
	// Client is a command for the shell. {addr} in it is replaced by the address of
	// the server to download from, {host} and {port} by its parts, {roots} by a file
	// with the root to believe, which is also where the environment's SSL_CERT_FILE
	// and its like point to. It must exit with 0 if and only if it got the whole
	// download from that server.
	Client string
	// Server is HOST:PORT on this machine, where a server of HTTP or one that reads
	// to the end and then answers listens.
	Server string
	// Own is what the server is shown if it asks who we are, or nil.
	Own *pki.Credential
	// Quick makes one in eight of the changes and one in four of the cuts.
	Quick bool
	// Case is the number of the one attack to make; 0: all.
	Case int
	// Output gets what the client writes if there is one Case.
	Output io.Writer
	// Progress hears of every attack that is done; nil is nobody.
	Progress func(done, total int)

	sparse [3]int // by row: one in so many is made; 0: as Quick says
}

// every returns how many attacks of a row there are for one that is made.
func (t Target) every(row int) int {
	switch {
	case t.sparse[row] > 0:
		return t.sparse[row]
	case t.Quick:
		return [...]int{changedRow: 8, impostorRow: 1, cutRow: 4}[row]
	}
	return 1
}

// trial is one attack on a target.
type trial struct {
	number  int
	row     int
	version uint16
	what    string
	hellos  attacks   // on the handshake
	data    mutation  // on what the program receives behind it
	peer    *impostor // nil: an honest one
}

// String says which it is, for a person. What is no attack has no number.
func (t trial) String() string {
	text := "TLS 1.2 and 1.3, " + t.what
	if t.version != asItComes {
		text = tls.VersionName(t.version) + ", " + t.what
	}
	if t.number == 0 {
		return text
	}
	return fmt.Sprintf("case %d: %s", t.number, text)
}

// sight is what was seen of a program on one connection.
type sight struct {
	believed bool   // it took its peer for who it must be, and the data for good and whole
	saw      string // what shows it
	missed   bool   // the attack did not get as far as the program
	silent   bool   // it did nothing that shows whether it believed
}

// program is the target at its end.
type program interface {
	// meet makes a connection and says what was seen of the program.
	meet(ctx context.Context, t trial) (sight, error)
	// receives is the side at which it stands, and in how many records of how many
	// bytes it gets its data.
	receives() (at side, records, bytes int)
	// impostors are who it can be shown, or why there are none.
	impostors() ([]impostor, string)
}

// Attack makes all attacks on the target, or the one that was asked for.
func (t Target) Attack(ctx context.Context) (*Verdict, error) {
	f, err := newFixture(pki.P256)
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "making certificates")
	}
	if t.Client == "" {
		a, err := newAsker(ctx, t, f)
		if err != nil {
			return nil, err
		}
		return t.attack(ctx, a, 1) // a server that takes one at a time is a server too
	}
	dir, err := newFolder(f)
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "writing certificates").WithHint("make room for temporary files, and run it again")
	}
	defer dir.remove()
	d, err := newDownloader(t, f, dir)
	if err != nil {
		return nil, err
	}
	return t.attack(ctx, d, waiters)
}

// attack gets to know the program, and attacks it so often at once.
func (t Target) attack(ctx context.Context, p program, workers int) (*Verdict, error) {
	versions, early, err := t.know(ctx, p)
	if err != nil {
		return nil, err
	}
	verdict := newVerdict(p, early)
	all, err := t.chosen(trials(p, versions, early), verdict)
	if err != nil {
		return nil, err
	}
	if err := t.each(ctx, p, all, workers, verdict); err != nil {
		return nil, err
	}
	return verdict, verdict.settle()
}

// know finds out by honest peers which versions the program speaks, and whether
// it is done before it has read all.
func (t Target) know(ctx context.Context, p program) (speaks []uint16, early bool, err error) {
	var failed string
	for _, version := range slices.Backward(versions) {
		s, err := p.meet(ctx, trial{version: version, what: "an honest peer"})
		switch {
		case err != nil:
			return nil, false, err
		case s.missed:
			return nil, false, unwell(s.saw)
		case s.believed:
			speaks = append(speaks, version)
		default:
			failed = s.saw
		}
	}
	if len(speaks) == 0 {
		return nil, false, unwell(failed)
	}
	_, records, _ := p.receives()
	s, err := p.meet(ctx, trial{version: speaks[0], what: "no end", data: splice{from: records - 1, upTo: records, what: "the last record held back"}})
	if err == nil && s.missed {
		err = unwell(s.saw)
	}
	return speaks, s.believed, err
}

func unwell(saw string) error {
	return fault.New(TargetUnwell, "nothing was attacked yet, and it did not work: %s", saw).
		WithHint("signet tamper --help # what the program must do")
}

// chosen returns the trials that the options ask for.
func (t Target) chosen(all []trial, verdict *Verdict) ([]trial, error) {
	if t.Case != 0 {
		if t.Case < 0 || t.Case > len(all) {
			return nil, fault.New(CaseUnknown, "there is no case %d: there are %s", t.Case, grouped(len(all))).WithHint("name one of those that an example shows")
		}
		one := all[t.Case-1]
		verdict.Case = one.String()
		verdict.Findings = slices.Clone(verdict.Findings[one.row : one.row+1])
		return []trial{one}, nil
	}
	return slices.DeleteFunc(all, func(one trial) bool {
		return one.number/2%t.every(one.row) != 0 || verdict.Findings[one.row].Skipped != ""
	}), nil
}

// each makes the trials.
func (t Target) each(ctx context.Context, p program, all []trial, workers int, verdict *Verdict) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		group sync.WaitGroup
		next  atomic.Int64
		mu    sync.Mutex // guards verdict and done
		done  int
	)
	for range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				s, err := p.meet(ctx, all[i])
				if err != nil {
					stop(err)
					return
				}
				mu.Lock()
				verdict.enter(all[i], s)
				if done++; t.Progress != nil {
					t.Progress(done, len(all))
				}
				if verdict.Missed > fewMissed && verdict.unsteady() != nil {
					stop(verdict.unsteady())
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// trials lists all attacks on a program, always in the same order.
func trials(p program, versions []uint16, early bool) (all []trial) {
	_, records, bytes := p.receives()
	add := func(row int, t trial) {
		t.row, t.number = row, len(all)+1
		if !t.hellos.any() {
			t.version = versions[len(all)%len(versions)]
		}
		all = append(all, t)
	}
	const cuts = 64
	for i := range cuts {
		number := i / 2 * records / (cuts / 2)
		where := clip{number: number, what: fmt.Sprintf("cut after %s of %s bytes", grouped(number*bytes), grouped(records*bytes))}
		if i%2 == 1 {
			where.keep, where.what = recordHeader+(i*bytes)/cuts, where.what+", inside a record"
		}
		add(cutRow, trial{what: where.what, data: where})
	}
	shown, _ := p.impostors()
	for _, i := range shown {
		add(impostorRow, trial{what: i.what, peer: &i})
	}
	reach := records
	if early {
		reach = 1
	}
	for _, attack := range changes(reach, bytes) {
		add(changedRow, trial{what: attack.String(), data: attack})
	}
	if len(versions) > 1 {
		for _, done := range rewrites() {
			add(changedRow, trial{what: done.String(), hellos: done})
		}
	}
	return all
}

// changes are attacks on the first records of data, none of which an honest end
// can pass over: each changes what it is about to authenticate.
func changes(reach, bytes int) (all []mutation) {
	const flips = 432
	for i := range flips {
		all = append(all, flipped{number: i * reach / flips, offset: (i * 7919) % (recordHeader + bytes), mask: 1 << (i % 8)})
	}
	for _, forged := range forgeries()[:2] {
		for number := range min(reach, 8) {
			all = append(all, splice{from: number, upTo: number, put: forged.record, what: fmt.Sprintf("%s in front of record %d", forged.what, number)})
		}
	}
	for number := range min(reach, 24) {
		all = append(all, splice{from: number, upTo: number + 1, what: fmt.Sprintf("record %d dropped", number)},
			later{number, number + 1, false})
	}
	return all
}

// flipped inverts the bits of mask in a byte of one record.
type flipped struct {
	number, offset int
	mask           byte
}

func (f flipped) begin(*half) alter {
	return byRecord(func(number int, record []byte) ([]byte, bool) {
		if number == f.number && f.offset < len(record) {
			record = slices.Clone(record)
			record[f.offset] ^= f.mask
		}
		return record, false
	})
}

func (f flipped) String() string {
	return fmt.Sprintf("byte %s of record %d changed", grouped(f.offset), f.number)
}

// clip ends the flow inside a record, or in front of it.
type clip struct {
	number, keep int
	what         string
}

func (c clip) begin(*half) alter {
	return byRecord(func(number int, record []byte) ([]byte, bool) {
		if number == c.number {
			return record[:min(c.keep, len(record)-1)], true
		}
		return record, false
	})
}

func (c clip) String() string { return c.what }

// behind is an attack on what follows the handshake: it begins when data does.
type behind struct {
	data   *atomic.Bool
	attack mutation
}

func (b behind) begin(opposite *half) alter {
	inner := b.attack.begin(opposite)
	return func(p []byte) ([]byte, bool) {
		if !b.data.Load() {
			return p, false
		}
		return inner(p)
	}
}

func (b behind) String() string { return b.attack.String() }

// link returns the trial's link to a program that stands at a side, and what must
// be set when data begins.
func (t trial) link(at side) (*link, *atomic.Bool) {
	begun := new(atomic.Bool)
	done := t.hellos
	if t.data != nil {
		done[at] = behind{begun, t.data}
	}
	return newLink(done, true), begun
}

// reached reports whether the attack got as far as the program; an error, that
// the program did not end. Data may not have come to pass behind a handshake.
func (t trial) reached(l *link, at side, begun *atomic.Bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stuck {
		return false, fault.New(Stuck, "%s: no end after %s", t, patience).WithHint("have the program end when its connection has ended")
	}
	for toward, attack := range t.hellos {
		if attack != nil && !l.ends[toward].touched() {
			return false, nil
		}
	}
	if t.data != nil {
		return begun.Load() && l.ends[at].touched(), nil
	}
	return t.peer == nil || l.ends[client].sent > 0 && l.ends[server].sent > 0, nil
}
