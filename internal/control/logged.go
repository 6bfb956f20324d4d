package control

import (
	"context"
)

// Logged is what is remembered of the audit log, so that an older copy in its place is
// noticed.
type Logged struct {
	Epoch int64  `json:"epoch"` // in which it was so: what is restored begins another
	Size  int64  `json:"size"`  // entries
	Root  string `json:"root"`  // over them
}

// loggedKey is where it is. It is no part of a State.
const loggedKey = "logged"

// Remember keeps what is durable in the audit log.
func (s *Store) Remember(ctx context.Context, logged Logged) error {
	ctx, release := s.bind(ctx)
	defer release()
	value, err := encode(loggedKey, logged)
	if err != nil {
		return err
	}
	if _, err := s.client.Put(ctx, loggedKey, value); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}

// Remembered returns what was kept last, zero if nothing was.
func (s *Store) Remembered(ctx context.Context) (Logged, error) {
	ctx, release := s.bind(ctx)
	defer release()
	found, err := s.client.Get(ctx, loggedKey)
	if err != nil {
		return Logged{}, s.explain(ctx, err)
	}
	if len(found.Kvs) == 0 {
		return Logged{}, nil
	}
	return decode[Logged](loggedKey, found.Kvs[0].Value)
}
