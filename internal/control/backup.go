package control

import (
	"context"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Value is one of the store's, as it is stored: with the checksum of key and JSON.
type Value struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Export returns what the store holds for good, all of it of one moment, and the
// state that it makes up: no tokens, as one that was used must not be good again in
// another store, and nothing else that ends by itself but certificates.
func (s *Store) Export(ctx context.Context) ([]Value, *State, error) {
	ctx, release := s.bind(ctx)
	defer release()
	all, err := s.client.Get(ctx, "", clientv3.WithFromKey())
	if err != nil {
		return nil, nil, s.explain(ctx, err)
	}
	var values []Value
	for _, kv := range all.Kvs {
		if key := string(kv.Key); kv.Lease == 0 || strings.HasPrefix(key, certificatePrefix) {
			values = append(values, Value{key, string(kv.Value)})
		}
	}
	state, err := Read(s.State().TrustDomain, values)
	return values, state, err
}

// Read returns the state that exported values make up.
func Read(td spiffeid.TrustDomain, values []Value) (*State, error) {
	var edits []edit
	for _, v := range values {
		if _, err := checked(v.Key, []byte(v.Value)); err != nil {
			return nil, err
		}
		edits = append(edits, edit{key: v.Key, value: []byte(v.Value)})
	}
	return newState(td).with(edits)
}

// Import fills a new store with what Export returned, and returns the state that it
// makes up. The caller closes and discards a store in which that has failed.
func (s *Store) Import(ctx context.Context, values []Value) (*State, error) {
	ctx, release := s.bind(ctx)
	defer release()
	if s.State().Revision > 0 {
		return nil, fault.New(ChangeInvalid, "a store that is in use takes no backup").WithHint("name an empty folder")
	}
	var ops []clientv3.Op
	var revision clientv3.Op // is written last: whoever sees it sees all
	size := 0
	write := func(ops []clientv3.Op) (int64, error) {
		answer, err := s.client.Txn(ctx).Then(ops...).Commit()
		if err != nil {
			return 0, s.explain(ctx, err)
		}
		return answer.Header.Revision, nil
	}
	for _, v := range values {
		if _, err := checked(v.Key, []byte(v.Value)); err != nil {
			return nil, err
		}
		switch {
		case v.Key == revisionKey:
			revision = clientv3.OpPut(v.Key, v.Value)
			continue
		case strings.HasPrefix(v.Key, certificatePrefix):
			if err := s.importCertificate(ctx, v); err != nil {
				return nil, err
			}
			continue
		case len(ops) == batchOps || size+len(v.Key)+len(v.Value) > batchBytes:
			if _, err := write(ops); err != nil {
				return nil, err
			}
			ops, size = nil, 0
		}
		ops, size = append(ops, clientv3.OpPut(v.Key, v.Value)), size+len(v.Key)+len(v.Value)
	}
	if !revision.IsPut() {
		return nil, fault.New(ChangeInvalid, "the backup has no revision").WithHint("take another backup")
	}
	if len(ops) > 0 {
		if _, err := write(ops); err != nil {
			return nil, err
		}
	}
	last, err := write([]clientv3.Op{revision})
	if err != nil {
		return nil, err
	}
	return s.await(ctx, last)
}

// importCertificate puts one back that has not ended meanwhile.
func (s *Store) importCertificate(ctx context.Context, v Value) error {
	c, err := decode[Certificate](v.Key, []byte(v.Value))
	if err != nil {
		return err
	}
	if !s.now().Before(c.NotAfter) {
		return nil
	}
	return s.leased(ctx, c.NotAfter, func(lease clientv3.LeaseID) error {
		_, err := s.client.Put(ctx, v.Key, v.Value, clientv3.WithLease(lease))
		return err
	})
}
