package control

import (
	"context"
	"runtime"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// maxTogether bounds the writes of one transaction of etcd's.
const maxTogether = 128

// gathering gathers what several callers write at the same time into one transaction
// each time, which costs etcd and the disk as much as any one of them.
type gathering struct {
	turn chan struct{} // holds a value while somebody commits

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

// write writes puts if all conditions hold. It reports false without having written
// anything where one may not, or where the transaction failed: by itself, the caller's
// own transaction tells which.
func (s *Store) write(ctx context.Context, conditions []clientv3.Cmp, puts []clientv3.Op) (written bool) {
	t, w := &s.gathering, &writing{conditions: conditions, puts: puts, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	for {
		select {
		case <-w.done:
			return !w.lone
		case t.turn <- struct{}{}:
			runtime.Gosched() // whom the last commit woke comes along, instead of after this one
			s.commitAll(t.take())
			<-t.turn
		case <-ctx.Done():
			return false
		}
	}
}

// take takes the first of those that wait.
func (t *gathering) take() []*writing {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), maxTogether)
	taken := t.waiting[:n:n]
	if t.waiting = t.waiting[n:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	return taken
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
