package record

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
)

// attack is what an adversary makes of the records that a peer sends; nil: nothing.
type attack struct {
	what string
	make func(records [][]byte) [][]byte
}

// attacks are all that there are on one flow of so many records: every bit, every cut,
// every record left out, said twice, swapped with the next, or with another in front.
func attacks(records [][]byte) (all []attack) {
	whole := slices.Concat(records...)
	for i := range whole {
		for bit := range 8 {
			all = append(all, attack{fmt.Sprintf("bit %d of byte %d flipped", bit, i), func(records [][]byte) [][]byte {
				flow := slices.Concat(records...)
				flow[i] ^= 1 << bit
				return [][]byte{flow}
			}})
		}
		all = append(all, attack{fmt.Sprintf("cut before byte %d", i), func(records [][]byte) [][]byte {
			return [][]byte{slices.Concat(records...)[:i]}
		}})
	}
	return append(all, moves(len(records))...)
}

// moves are the attacks that leave records whole.
func moves(records int) (all []attack) {
	inserted := map[string][]byte{
		"an open close_notify":     {kindAlert, 3, 3, 0, 2, 1, 0},
		"an open byte of data":     {kindData, 3, 3, 0, 1, 'x'},
		"a change_cipher_spec":     {20, 3, 3, 0, 1, 1},
		"an empty record":          {kindData, 3, 3, 0, 0},
		"a record of nothing real": append([]byte{kindData, 3, 3, 0, 40}, zeros(40)...),
	}
	for i := range records {
		all = append(all,
			attack{fmt.Sprintf("record %d left out", i), func(r [][]byte) [][]byte { return slices.Delete(r, i, i+1) }},
			attack{fmt.Sprintf("cut before record %d", i), func(r [][]byte) [][]byte { return r[:i] }})
		if i > 0 { // what stands behind the last changes nothing: it said that this was all
			all = append(all, attack{fmt.Sprintf("record %d said twice", i-1), func(r [][]byte) [][]byte { return slices.Insert(r, i, r[i-1]) }})
			all = append(all, attack{fmt.Sprintf("record %d before the one before it", i), func(r [][]byte) [][]byte {
				r[i-1], r[i] = r[i], r[i-1]
				return r
			}})
		}
		for what, record := range inserted {
			all = append(all, attack{fmt.Sprintf("%s before record %d", what, i), func(r [][]byte) [][]byte { return slices.Insert(r, i, record) }})
		}
	}
	return all
}

// meet has a link carry what an adversary leaves of a peer's records to a program, and
// reports what is wrong with what the program reads, "" if nothing is.
func (r *rig) meet(say func(peer *Session) [][]byte, sent []byte, done attack) string {
	c := r.join("tcp")
	defer c.wire.Close()
	defer c.program.Close()
	records := say(c.peer)
	altered := done.make != nil
	if altered {
		records = done.make(records)
	}
	c.say(slices.Concat(records...)) // it fails where the link has ended by then
	c.wire.CloseWrite()
	have, err := io.ReadAll(c.program)
	if altered && err == nil {
		return fmt.Sprintf("the program reads %d bytes of %d, and that this was all", len(have), len(sent))
	}
	c.program.CloseWrite()
	var ended error
	select {
	case ended = <-c.done:
	case <-time.After(patience):
		return "the link does not end"
	}
	switch {
	case !bytes.HasPrefix(sent, have):
		return fmt.Sprintf("the program reads %d bytes, altered", len(have))
	case altered && ended == nil:
		return fmt.Sprintf("the program reads %d bytes of %d and %v, and the link says that this was all", len(have), len(sent), err)
	case !altered && (err != nil || ended != nil || len(have) != len(sent)):
		return fmt.Sprintf("a clean end: %d bytes of %d, %v; the link ended with %v", len(have), len(sent), err, ended)
	}
	return ""
}

// sweep makes the attacks, a few at a time.
func (r *rig) sweep(say func(peer *Session) [][]byte, sent []byte, all []attack) {
	queue := make(chan attack)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for one := range queue {
				if wrong := r.meet(say, sent, one); wrong != "" {
					r.t.Errorf("%s: %s", one.what, wrong)
				}
			}
		})
	}
	for _, one := range all {
		queue <- one
	}
	close(queue)
	workers.Wait()
}

// TestTamperSweep attacks what a peer says to a link, new keys included: no program reads
// a byte that was not sent at its place, or takes an end for the peer's that is not. Ends
// that are clean are never taken for cut.
func TestTamperSweep(t *testing.T) {
	small, large := random(48), random(64<<10)
	saysSmall := func(peer *Session) [][]byte {
		return [][]byte{peer.Send(nil, small[:20]), peer.UpdateKeys(nil, false), peer.Send(nil, small[20:]), peer.CloseNotify(nil)}
	}
	saysLarge := func(peer *Session) (records [][]byte) {
		for part := range slices.Chunk(large, 1<<10) {
			records = append(records, peer.Send(nil, part))
		}
		return append(records, peer.CloseNotify(nil))
	}
	client, _ := fresh(t, 0x1301)
	all := attacks(saysSmall(client))
	r := newRig(t)
	r.sweep(saysSmall, small, all)
	most := moves(65)
	r.sweep(saysLarge, large, most)
	clean := slices.Repeat([]attack{{what: "nothing"}}, 500)
	r.sweep(saysSmall, small, clean)
	r.sweep(saysLarge, large, clean[:50])
	t.Logf("%d attacks and %d clean ends", len(all)+len(most), len(clean)+50)
}
