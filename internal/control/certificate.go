package control

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Certificate is the record of one that was issued.
type Certificate struct {
	Serial   string      `json:"serial"` // lower-case hexadecimal, at most 40 digits (RFC 5280, section 4.1.2.2)
	ID       spiffeid.ID `json:"id"`
	NotAfter time.Time   `json:"not_after"`
	// At is as of when it was planned, with which it can be signed again.
	At time.Time `json:"at,omitzero"`
	// Holder is the proxy that it was handed to; zero where that is ID itself.
	Holder spiffeid.ID `json:"holder,omitzero"`
	// Issuer is the serial number of the intermediate that signs it.
	Issuer string `json:"issuer,omitempty"`
	// Generation is that of the roots which its holder believes.
	Generation int64 `json:"generation,omitempty"`
}

// owners are the identities whose revocation kills the certificate.
func (c Certificate) owners() []spiffeid.ID {
	if c.Holder.IsZero() || c.Holder == c.ID {
		return []spiffeid.ID{c.ID}
	}
	return []spiffeid.ID{c.ID, c.Holder}
}

// certificateKeys returns the prefix of the certificates that an identity owns.
func certificateKeys(id spiffeid.ID) string { return certificatePrefix + id.String() + " " }

// leaseSlack is how long a record outlives its certificate. Deadlines are
// judged by the values; leases only collect what nobody needs any more.
const leaseSlack = time.Minute

// maxValidity bounds how far away the end of a certificate may be.
const maxValidity = 100 * 365 * 24 * time.Hour

// maxLeaseTries bounds how often a lease that ran out is replaced within one
// call; a second try can only be needed when the clock is stepped.
const maxLeaseTries = 3

// RecordCertificate makes a certificate known before it is handed out; when it
// returns nil the record is on disk, once for each owner. It fails with
// IdentityUnknown or IdentityRevoked if an owner is, judged at the moment of
// writing. The revision stays.
func (s *Store) RecordCertificate(ctx context.Context, c Certificate) error {
	ctx, release := s.bind(ctx)
	defer release()
	if err := s.validate(c); err != nil {
		return err
	}
	s.issuing.RLock()
	defer s.issuing.RUnlock()
	if err := s.hasRoom(ctx, c.Holder); err != nil {
		return err
	}
	return s.leased(ctx, c.NotAfter, func(lease clientv3.LeaseID) error {
		planned, err := planOf(c, lease)
		if err != nil {
			return err
		}
		if written, err := s.write(ctx, planned.live, planned.puts); written || err != nil {
			return err
		}
		answer, err := s.client.Txn(ctx).If(planned.live...).Then(planned.puts...).Else(planned.looks...).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		return planned.refusal(answer.Responses)
	})
}

// leased writes something that nobody needs after end. write is called again where
// the lease turns out to have run out.
func (s *Store) leased(ctx context.Context, end time.Time, write func(clientv3.LeaseID) error) (err error) {
	for range maxLeaseTries {
		var lease clientv3.LeaseID
		if lease, err = s.leases.until(ctx, s, end); err != nil {
			break
		}
		if err = write(lease); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			break
		}
		s.leases.forget(end)
	}
	if _, ours := fault.Of(err); ours || err == nil {
		return err
	}
	return s.explain(ctx, err)
}

// plan is what a transaction asks and writes to put a certificate on record.
type plan struct {
	owners []spiffeid.ID
	live   []clientv3.Cmp // each owner is known, and not revoked
	puts   []clientv3.Op
	looks  []clientv3.Op // two an owner, where one is not
}

func planOf(c Certificate, lease clientv3.LeaseID) (p plan, err error) {
	p.owners = c.owners()
	for _, owner := range p.owners {
		key := certificateKeys(owner) + c.Serial
		value, err := encode(key, c)
		if err != nil {
			return p, err
		}
		p.live = append(p.live, clientv3.Compare(clientv3.CreateRevision(identities.key(owner)), ">", 0),
			clientv3.Compare(clientv3.CreateRevision(revocations.key(owner)), "=", 0))
		p.puts = append(p.puts, clientv3.OpPut(key, value, clientv3.WithLease(lease)))
		p.looks = append(p.looks, clientv3.OpGet(identities.key(owner), clientv3.WithCountOnly()),
			clientv3.OpGet(revocations.key(owner), clientv3.WithCountOnly()))
	}
	return p, nil
}

// refusal says which owner is not known, or revoked, by the answers to looks; nil:
// all are known, and none is revoked.
func (p plan) refusal(answers []*etcdserverpb.ResponseOp) error {
	for i, owner := range p.owners {
		known := answers[2*i].GetResponseRange().Count > 0
		if barred := answers[2*i+1].GetResponseRange().Count > 0; barred || !known {
			return refuse(owner, barred)
		}
	}
	return errNoReason
}

// errNoReason says that a transaction was refused, and none of its conditions seems
// to fail: its answer was read after another change.
var errNoReason = errors.New("the store refuses a record whose owners are known and not revoked")

// maxHeld bounds the valid certificates in one proxy's hands: its revocation has
// to name all of them, in one change and to every other proxy at once.
const maxHeld = 10_000

// hasRoom refuses a holder that has as many certificates as it may.
func (s *Store) hasRoom(ctx context.Context, holder spiffeid.ID) error {
	if holder.IsZero() {
		return nil
	}
	// Those that are being written meanwhile do not count yet: the bound is a coarse one.
	held, err := s.client.Get(ctx, certificateKeys(holder), clientv3.WithPrefix(), clientv3.WithCountOnly(), clientv3.WithSerializable())
	if err != nil {
		return s.explain(ctx, err)
	}
	if held.Count >= s.maxHeld {
		return fault.New(CertificatesFull, "%s holds %d valid certificates, and may hold no more", holder, held.Count).
			WithHint("look at the proxy's log: why does it ask for so many?")
	}
	return nil
}

// validate checks what is to be recorded.
func (s *Store) validate(c Certificate) error {
	if c.Serial == "" || len(c.Serial) > 40 || strings.Trim(c.Serial, "0123456789abcdef") != "" {
		return fault.New(CertificateInvalid, "the serial number %.60q is not 1 to 40 lower-case hexadecimal digits", c.Serial).
			WithHint("the authority writes serial numbers in lower-case hexadecimal")
	}
	if now := s.now(); !now.Before(c.NotAfter) || c.NotAfter.Sub(now) > maxValidity {
		return fault.New(CertificateInvalid, "the certificate of %s ends at %s, and it is %s: it is expired, or valid for over 100 years", c.ID, c.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)).
			WithHint("set this host's clock, then ask for a new certificate")
	}
	return nil
}

func refuse(id spiffeid.ID, revoked bool) error {
	if revoked {
		return fault.New(IdentityRevoked, "%s is revoked: it gets no certificate", id).
			WithHint("have an operator restore it, if it may come back: signet restore %s", id.Path())
	}
	return fault.New(IdentityUnknown, "no identity is called %s", id).
		WithHint("use the name of an identity that is known")
}

// Certificates returns the recorded certificates of id that are still valid,
// whoever holds them, in the order of their serials' text.
func (s *Store) Certificates(ctx context.Context, id spiffeid.ID) ([]Certificate, error) {
	ctx, release := s.bind(ctx)
	defer release()
	owned, _, err := s.certificates(ctx, id)
	return slices.DeleteFunc(owned, func(c Certificate) bool { return c.ID != id }), err
}

// Owned returns the recorded certificates that die with id and are still valid: its
// own, and those of others that it holds.
func (s *Store) Owned(ctx context.Context, id spiffeid.ID) ([]Certificate, error) {
	ctx, release := s.bind(ctx)
	defer release()
	owned, _, err := s.certificates(ctx, id)
	return owned, err
}

// certificates returns all that die with id, its own and those that it holds,
// and etcd's revision at which they were read.
func (s *Store) certificates(ctx context.Context, id spiffeid.ID) ([]Certificate, int64, error) {
	answer, err := s.client.Get(ctx, certificateKeys(id), clientv3.WithPrefix())
	if err != nil {
		return nil, 0, s.explain(ctx, err)
	}
	now := s.now()
	var valid []Certificate
	for _, kv := range answer.Kvs {
		c, err := decode[Certificate](string(kv.Key), kv.Value)
		if err != nil {
			return nil, 0, err
		}
		if now.Before(c.NotAfter) {
			valid = append(valid, c)
		}
	}
	return valid, answer.Header.Revision, nil
}

// Behind returns, of each identity in each pair of hands, the newest certificate that
// is still valid, where that is of an earlier generation. Those of the revoked do not
// count, nor do those in the hands of a proxy that may not hold them any more.
func (s *Store) Behind(ctx context.Context, generation int64) ([]Certificate, error) {
	ctx, release := s.bind(ctx)
	defer release()
	answer, err := s.client.Get(ctx, certificatePrefix, clientv3.WithPrefix())
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	state, now := s.State(), s.now()
	newest := map[Grant]Certificate{} // by who holds it, and whose it is
	for _, kv := range answer.Kvs {
		c, err := decode[Certificate](string(kv.Key), kv.Value)
		if err != nil {
			return nil, err
		}
		hands := Grant{cmp.Or(c.Holder, c.ID), c.ID}
		if last, known := newest[hands]; now.Before(c.NotAfter) && state.counts(hands) && (!known || c.later(last)) {
			newest[hands] = c
		}
	}
	maps.DeleteFunc(newest, func(_ Grant, c Certificate) bool { return c.Generation >= generation })
	return slices.SortedFunc(maps.Values(newest), func(a, b Certificate) int {
		return cmp.Or(strings.Compare(a.ID.String(), b.ID.String()), strings.Compare(a.Holder.String(), b.Holder.String()))
	}), nil
}

// later reports whether a certificate was planned after another one of the same hands.
func (c Certificate) later(than Certificate) bool {
	return cmp.Or(cmp.Compare(c.Generation, than.Generation), c.At.Compare(than.At)) > 0
}

// counts reports whether somebody may go on with certificates of an identity.
func (s *State) counts(hands Grant) bool {
	for _, id := range []spiffeid.ID{hands.Proxy, hands.Identity} {
		if _, revoked := s.Revocations[id]; revoked {
			return false
		}
	}
	_, granted := s.Grants[hands]
	return granted || hands.Proxy == hands.Identity
}

// sweep deletes the records of certificates that have ended. Leases do the same
// while the process runs, but begin anew whenever it starts.
func (s *Store) sweep(ctx context.Context) error {
	answer, err := s.client.Get(ctx, certificatePrefix, clientv3.WithPrefix())
	if err != nil {
		return s.explain(ctx, err)
	}
	now := s.now()
	var ended []clientv3.Op
	for _, kv := range answer.Kvs {
		c, err := decode[Certificate](string(kv.Key), kv.Value)
		if err != nil {
			return err
		}
		if !now.Before(c.NotAfter) {
			ended = append(ended, clientv3.OpDelete(string(kv.Key)))
		}
	}
	for len(ended) > 0 {
		batch := min(len(ended), batchOps)
		if _, err := s.client.Txn(ctx).Then(ended[:batch]...).Commit(); err != nil {
			return s.explain(ctx, err)
		}
		ended = ended[batch:]
	}
	return nil
}

// leases holds one lease for each minute in which certificates end, so that
// their number is bounded by the longest validity, not by the certificates.
type leases struct {
	mu       sync.Mutex // guards byMinute, and makes one caller grant for all
	byMinute map[int64]clientv3.LeaseID
}

// until returns the lease of the minute in which notAfter lies.
func (l *leases) until(ctx context.Context, s *Store, notAfter time.Time) (clientv3.LeaseID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	minute := notAfter.Unix() / 60
	if id, ok := l.byMinute[minute]; ok {
		return id, nil
	}
	now := s.now()
	end := time.Unix((minute+1)*60, 0).Add(leaseSlack)
	granted, err := s.client.Grant(ctx, int64(end.Sub(now)/time.Second))
	if err != nil {
		return 0, err
	}
	if l.byMinute == nil {
		l.byMinute = map[int64]clientv3.LeaseID{}
	}
	for old := range l.byMinute {
		if old < now.Unix()/60 {
			delete(l.byMinute, old)
		}
	}
	l.byMinute[minute] = granted.ID
	return granted.ID, nil
}

// forget drops a minute's lease, which etcd no longer has.
func (l *leases) forget(notAfter time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byMinute, notAfter.Unix()/60)
}
