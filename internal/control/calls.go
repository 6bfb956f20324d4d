package control

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// errUnheld says that a write was not made, as the hold is gone.
var errUnheld = errors.New("the hold on the cluster has run out")

// calls are a cluster's keys and values: each call ends, and each write is one
// transaction that is made only under the hold, so that an authority that was stopped
// and goes on changes nothing any more.
type calls struct {
	clientv3.KV
	cluster *cluster
}

// Do is what Get, Put and Delete of a namespace come down to.
func (k calls) Do(ctx context.Context, op clientv3.Op) (answer clientv3.OpResponse, err error) {
	if op.IsGet() {
		ctx, cancel := k.cluster.bounded(ctx)
		defer cancel()
		if err := k.cluster.hold.Trouble(); err != nil {
			return answer, err
		}
		return k.KV.Do(ctx, op)
	}
	done, err := k.Txn(ctx).Then(op).Commit()
	if err != nil {
		return answer, err
	}
	first := done.Responses[0]
	switch {
	case op.IsPut():
		return (*clientv3.PutResponse)(first.GetResponsePut()).OpResponse(), nil
	case op.IsDelete():
		return (*clientv3.DeleteResponse)(first.GetResponseDeleteRange()).OpResponse(), nil
	}
	return (*clientv3.TxnResponse)(first.GetResponseTxn()).OpResponse(), nil
}

// Txn begins a transaction under the hold.
func (k calls) Txn(ctx context.Context) clientv3.Txn { return &held{ctx: ctx, calls: k} }

// held is a transaction that is made inside another one, whose condition is the hold.
type held struct {
	ctx        context.Context
	calls      calls
	conditions []clientv3.Cmp
	then, or   []clientv3.Op
}

func (t *held) If(conditions ...clientv3.Cmp) clientv3.Txn {
	t.conditions = append(t.conditions, conditions...)
	return t
}

func (t *held) Then(ops ...clientv3.Op) clientv3.Txn {
	t.then = append(t.then, ops...)
	return t
}

func (t *held) Else(ops ...clientv3.Op) clientv3.Txn {
	t.or = append(t.or, ops...)
	return t
}

func (t *held) Commit() (*clientv3.TxnResponse, error) {
	cluster := t.calls.cluster
	if err := cluster.hold.Trouble(); err != nil {
		return nil, err
	}
	ctx, cancel := cluster.bounded(t.ctx)
	defer cancel()
	answer, err := t.calls.KV.Txn(ctx).If(cluster.hold.held()).Then(clientv3.OpTxn(t.conditions, t.then, t.or)).Commit()
	if err != nil {
		return nil, err
	}
	if !answer.Succeeded {
		return nil, errUnheld
	}
	inner := (*clientv3.TxnResponse)(answer.Responses[0].GetResponseTxn())
	inner.Header = answer.Header
	return inner, nil
}

// leasing are a cluster's leases, of which a store only asks for new ones.
type leasing struct {
	clientv3.Lease
	cluster *cluster
}

func (l leasing) Grant(ctx context.Context, seconds int64) (*clientv3.LeaseGrantResponse, error) {
	if err := l.cluster.hold.Trouble(); err != nil {
		return nil, err
	}
	ctx, cancel := l.cluster.bounded(ctx)
	defer cancel()
	return l.Lease.Grant(ctx, seconds)
}
