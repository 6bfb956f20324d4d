package audit

import (
	"context"
	"os"
	"runtime"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/tlog"
)

// maxWaiting bounds the bytes that wait for the disk, but for a single request
// that is larger.
const maxWaiting = 8 << 20

// Append adds entries, next to each other, and returns the number of the first
// once they are durable. If it fails nothing was added, but for a ctx that
// ended meanwhile: then nobody knows.
func (l *Log) Append(ctx context.Context, entries ...Entry) (first int64, err error) {
	r := &request{done: make(chan error, 1)}
	for _, entry := range entries {
		raw, err := entry.encode()
		if err != nil {
			return 0, err
		}
		r.entries = append(r.entries, raw)
		r.size += len(raw) + 2
	}
	if r.size > maxBlock/2 {
		return 0, fault.New(tlog.EntryTooLarge, "%d bytes are too many for the audit log at once: %d are the most", r.size, maxBlock/2).WithHint("send less at once")
	}
	if l.freshLen.Load() > maxFresh { // Run does not keep up
		if err := l.publish(); err != nil {
			return 0, err
		}
	}
	if err := l.enqueue(ctx, r); err != nil {
		return 0, err
	}
	select {
	case err = <-r.done:
	case l.turn <- struct{}{}:
		l.commit()
		l.yield()
		err = <-r.done
	case <-ctx.Done():
		err = waitedTooLong(ctx)
	}
	return r.first, err
}

func waitedTooLong(ctx context.Context) error {
	return fault.Wrap(context.Cause(ctx), Unwritable, "the audit log took too long").WithHint("look at the disk of the data folder, and try again")
}

// enqueue waits for room, and commits others' entries to make some.
func (l *Log) enqueue(ctx context.Context, r *request) error {
	q := &l.queue
	for {
		q.mu.Lock()
		if q.size == 0 || q.size+r.size <= maxWaiting {
			q.waiting, q.size = append(q.waiting, r), q.size+r.size
			q.mu.Unlock()
			return nil
		}
		if q.freed == nil {
			q.freed = make(chan struct{})
		}
		freed := q.freed
		q.mu.Unlock()
		select {
		case <-freed:
		case l.turn <- struct{}{}:
			l.commit()
			l.yield()
		case <-ctx.Done():
			return waitedTooLong(ctx)
		}
	}
}

// take empties the queue.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting, q.size = nil, 0
	if q.freed != nil {
		close(q.freed)
		q.freed = nil
	}
	return taken
}

// commit makes everything that waits durable, by one fsync. The caller has the
// turn.
func (l *Log) commit() {
	runtime.Gosched() // whom the last commit woke comes along, instead of after the next
	requests := l.queue.take()
	if len(requests) == 0 {
		return
	}
	first := l.tree.Size()
	err := l.persist(requests)
	for _, r := range requests {
		r.first = first
		first += int64(len(r.entries))
		r.done <- err
	}
}

func (l *Log) persist(requests []*request) error {
	if l.closed {
		return fault.New(Closed, "the audit log is closed").WithHint("start Signet again")
	}
	b := block{first: l.tree.Size()}
	tree, size := l.tree.Clone(), 0
	for _, r := range requests {
		for _, entry := range r.entries {
			tree.Add(tlog.LeafHash(entry))
		}
		b.entries = append(b.entries, r.entries...)
		size += r.size
	}
	var err error
	if b.signed, err = l.signer.Sign(tlog.Checkpoint{Origin: l.origin, Size: tree.Size(), Root: tree.Root()}); err != nil {
		return err
	}
	data, err := b.encode(nil)
	if err != nil {
		return err
	}
	if err := l.writeBlock(data); err != nil {
		return l.unwritable(err)
	}
	l.tree, l.signed, l.end = tree, b.signed, l.end+int64(len(data))
	l.fresh = append(l.fresh, b.entries...)
	l.freshLen.Add(int64(size))
	return nil
}

// writeBlock adds a block to the segment. What a failed write left of one is
// cut off, at once or before the next.
func (l *Log) writeBlock(data []byte) error {
	if l.torn {
		if err := l.segment.Truncate(l.end); err != nil {
			return err
		}
		if err := l.segment.Sync(); err != nil {
			return err
		}
		l.torn = false
	}
	err := l.write(l.segment, data, l.end)
	if err != nil {
		l.torn = l.segment.Truncate(l.end) != nil || l.segment.Sync() != nil
	}
	return err
}

func writeAndSync(file *os.File, data []byte, at int64) error {
	if _, err := file.WriteAt(data, at); err != nil {
		return err
	}
	return file.Sync()
}
