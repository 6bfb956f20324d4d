// Package buffers lends memory that bytes pass through. Who has nothing to move holds
// none.
package buffers

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Sizes in bytes. A record of TLS has 16 KiB of data and at most 256 bytes more (RFC
// 8446, section 5.2).
const (
	Plain  = 32 * 16 << 10       // data of as many records as a large buffer holds
	large  = 32 * (16<<10 + 256) // so many records
	medium = 5 + 16<<10 + 256    // one, with its header
	small  = 4 << 10             // what one end says at once in a handshake
)

// mostLent is how much is lent at once in large buffers. Of the connections whose readers
// are slow thousands hold something.
const mostLent = 128 << 20 // bytes

// Buffer is memory on loan.
type Buffer struct {
	Bytes []byte
	lent  *atomic.Bool
	home  *home
}

// home is where buffers of one size are from.
type home struct {
	pool sync.Pool
	lent atomic.Int64
}

func newHome(size int) *home {
	h := new(home)
	h.pool.New = func() any {
		b := &Buffer{make([]byte, size), new(atomic.Bool), h}
		runtime.AddCleanup(b, h.end, b.lent) // a connection may go without giving it back
		return b
	}
	return h
}

var larges, mediums, smalls = newHome(large), newHome(medium), newHome(small)

// Large lends a buffer for several records, or for one where very many are lent.
func Large() *Buffer {
	if free() <= 0 { // a few more do no harm
		return mediums.lend()
	}
	return larges.lend()
}

// Share is how many bytes may be taken in at once of what may have to be kept: a 64th of
// what is left to lend, so that the first few who keep theirs leave enough for more than a
// hundred. Where it is less than a record, one is taken in all the same.
func Share() int { return max(0, free()/64) }

// free is how many bytes are left to lend in large buffers; Large may lend a few more.
func free() int { return mostLent - int(larges.lent.Load())*large }

// Of lends a buffer of at least size bytes, at most those of a large one, for what has to
// be kept.
func Of(size int) *Buffer {
	switch {
	case size <= small:
		return smalls.lend()
	case size <= medium:
		return mediums.lend()
	}
	return larges.lend()
}

// Small lends a buffer for who has proved nothing yet.
func Small() *Buffer { return smalls.lend() }

func (h *home) lend() *Buffer {
	b := h.pool.Get().(*Buffer)
	b.lent.Store(true)
	h.lent.Add(1)
	return b
}

// Return ends the loan.
func (b *Buffer) Return() {
	b.home.end(b.lent)
	b.home.pool.Put(b)
}

// end ends a loan that has not ended.
func (h *home) end(lent *atomic.Bool) {
	if lent.Swap(false) {
		h.lent.Add(-1)
	}
}
