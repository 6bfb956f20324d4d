package control

import (
	"context"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Tokens returns the tokens that are remembered, by when they expire: those that can
// still be used, and those that cannot.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	ctx, release := s.bind(ctx)
	defer release()
	tokens, _, err := s.tokens(ctx)
	return tokens, err
}

// tokens returns them with the revision of etcd's at which each was written.
func (s *Store) tokens(ctx context.Context) (tokens []Token, written map[string]int64, err error) {
	answer, err := s.client.Get(ctx, tokenPrefix, clientv3.WithPrefix())
	if err != nil {
		return nil, nil, s.explain(ctx, err)
	}
	written = map[string]int64{}
	for _, kv := range answer.Kvs {
		token, err := decode[Token](string(kv.Key), kv.Value)
		if err != nil {
			return nil, nil, err
		}
		tokens, written[token.Hash] = append(tokens, token), kv.ModRevision
	}
	slices.SortStableFunc(tokens, func(x, y Token) int {
		if c := x.Expires.Compare(y.Expires); c != 0 {
			return c
		}
		return strings.Compare(x.Hash, y.Hash)
	})
	return tokens, written, nil
}

// Open says whether a token can still be used; if not, the error says why.
func (s *Store) Open(token Token) error {
	if token.Key != "" {
		return usedToken(token)
	}
	if _, revoked := s.State().Revocations[token.ID]; revoked {
		return refuse(token.ID, true)
	}
	return s.open(token)
}

// CancelTokens takes back those of the tokens that can still be used and that pick
// chooses, and returns them. A token that is used in the same moment is not among
// them.
func (s *Store) CancelTokens(ctx context.Context, pick func(Token) bool, how Cancellation) ([]Token, error) {
	ctx, release := s.bind(ctx)
	defer release()
	tokens, written, err := s.tokens(ctx)
	if err != nil {
		return nil, err
	}
	var cancelled []Token
	for _, token := range tokens {
		if s.Open(token) != nil || !pick(token) {
			continue
		}
		how.At = s.now().UTC()
		token.Cancelled = &how
		key := tokenPrefix + token.Hash
		value, err := encode(key, token)
		if err != nil {
			return cancelled, err
		}
		done := false
		err = s.leased(ctx, token.Expires.Add(tokenRemembered), func(lease clientv3.LeaseID) error {
			answer, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", written[token.Hash])).
				Then(clientv3.OpPut(key, value, clientv3.WithLease(lease))).Commit()
			done = err == nil && answer.Succeeded
			return err
		})
		if err != nil {
			return cancelled, err
		}
		if done {
			cancelled = append(cancelled, token)
		}
	}
	return cancelled, nil
}
