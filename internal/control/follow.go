package control

import (
	"context"
	"errors"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// errWatchEnded says that etcd ended a watch without a reason.
var errWatchEnded = errors.New("the watch ended")

// retryPause is how long the replica waits before it reads everything again.
const retryPause = 100 * time.Millisecond

// load reads the whole state at one revision, publishes it and returns the
// next revision of etcd, at which following it begins.
func (s *Store) load(ctx context.Context) (next int64, err error) {
	answer, err := s.client.Get(ctx, statePrefix, clientv3.WithPrefix())
	if err != nil {
		return 0, s.explain(ctx, err)
	}
	edits := make([]edit, len(answer.Kvs))
	for i, kv := range answer.Kvs {
		edits[i] = edit{string(kv.Key), kv.Value, kv.ModRevision}
	}
	state, err := newState(s.State().TrustDomain).with(edits)
	if err != nil {
		return 0, err
	}
	s.replica.publish(state)
	return answer.Header.Revision + 1, nil
}

// follow keeps the replica up to date until the store ends. After a watch that
// broke, or that etcd has compacted away, it reads everything anew.
func (s *Store) follow(next int64) {
	defer s.replica.close()
	for {
		err := s.apply(next)
		if s.life.Err() == nil {
			s.logger.Warn("the state is read anew", slog.Any("error", err))
		}
		for err != nil {
			if s.life.Err() != nil {
				return
			}
			select {
			case <-time.After(retryPause):
			case <-s.life.Done():
				return
			}
			next, err = s.load(s.life)
		}
	}
}

// apply publishes every change from etcd's revision next on, until the watch
// breaks. etcd never splits one revision over two answers, so that each
// published state is whole.
func (s *Store) apply(next int64) error {
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	for answer := range s.client.Watch(clientv3.WithRequireLeader(ctx), statePrefix, clientv3.WithPrefix(), clientv3.WithRev(next)) {
		if err := answer.Err(); err != nil {
			return err
		}
		edits := make([]edit, len(answer.Events))
		for i, event := range answer.Events {
			edits[i] = edit{string(event.Kv.Key), event.Kv.Value, event.Kv.ModRevision}
			if event.Type == clientv3.EventTypeDelete {
				edits[i].value = nil
			}
		}
		state, err := s.State().with(edits)
		if err != nil {
			return err
		}
		s.replica.publish(state)
	}
	return errWatchEnded
}
