package control

import (
	"context"
	"runtime"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// maxTogether bounds the writes of one transaction of etcd's.
const maxTogether = 128

// gathering gathers what several callers write at the same time into one transaction
// each time, which costs etcd and the disk as much as any one of them.
type gathering struct {
	turn chan struct{} // holds a value while somebody commits
	most int           // conditions that one transaction may have

	mu      sync.Mutex
	waiting []*writing // guarded by mu
}

// writing is what one caller wants written, if its conditions hold.
type writing struct {
	conditions []clientv3.Cmp
	puts       []clientv3.Op
	lone       bool          // it has to go by itself; set before done
	done       chan struct{} // closed when that is known, or it is written
}

// write writes puts if all conditions hold, and reports whether it is known to have
// done so: else the caller's own transaction tells what is wrong. Where the one for all
// may have been carried out in spite of it, that finds so, or writes the same again. The
// error is ctx's.
func (s *Store) write(ctx context.Context, conditions []clientv3.Cmp, puts []clientv3.Op) (written bool, err error) {
	t, w := &s.gathering, &writing{conditions: conditions, puts: puts, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	for {
		select {
		case <-w.done:
			return !w.lone, nil
		case t.turn <- struct{}{}:
			runtime.Gosched() // whom the last commit woke comes along, instead of after this one
			s.commitAll(t.take())
			<-t.turn
		case <-ctx.Done():
			t.leave(w)
			return false, ctx.Err()
		}
	}
}

// take takes the first of those that wait.
func (t *gathering) take() []*writing {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, conditions := 0, 0
	for ; n < min(len(t.waiting), maxTogether); n++ {
		if conditions += len(t.waiting[n].conditions); n > 0 && conditions > t.most {
			break
		}
	}
	taken := t.waiting[:n:n]
	if t.waiting = t.waiting[n:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	return taken
}

// leave takes back what nobody has taken yet.
func (t *gathering) leave(w *writing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
}

// commitAll writes everything, or nothing. It is not for one caller alone, so that it
// ends with the store, not with a request.
func (s *Store) commitAll(all []*writing) {
	var conditions []clientv3.Cmp
	var puts []clientv3.Op
	for _, w := range all {
		conditions, puts = append(conditions, w.conditions...), append(puts, w.puts...)
	}
	if len(all) > 0 {
		answer, err := s.client.Txn(s.life).If(conditions...).Then(puts...).Commit()
		for _, w := range all {
			w.lone = err != nil || !answer.Succeeded
			close(w.done)
		}
	}
}
