package control

import (
	"context"
	"errors"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Token lets whoever has its secret join as an identity, once. The secret itself is
// never stored.
type Token struct {
	Hash    string      `json:"hash"` // of the secret: SHA-256 in lower-case hexadecimal
	ID      spiffeid.ID `json:"id"`
	Expires time.Time   `json:"expires"` // for the first use
	By      spiffeid.ID `json:"by"`
	// Revision is the present one when it was made: what is revoked later voids it.
	Revision int64 `json:"revision,omitempty"`
	// Holds are the identities that a proxy may hold once it has joined.
	Holds []spiffeid.ID `json:"holds,omitempty"`
	// Replaces says that who joins takes the place of who was there: their certificates
	// are dead from then on.
	Replaces bool `json:"replaces,omitempty"`
	// Act is the entry of the audit log by which it was asked for.
	Act int64 `json:"act,omitempty"`
	// Cancelled is when and by whom it was taken back; nil if it was not.
	Cancelled *Cancellation `json:"cancelled,omitempty"`
	// Key is the public key that it was used for, hashed alike; "" until then.
	Key string `json:"key,omitempty"`
	// Certificate is what was planned for that key.
	Certificate Certificate `json:"certificate,omitzero"`
}

// Cancellation says who took a token back.
type Cancellation struct {
	By      spiffeid.ID `json:"by"`
	Because string      `json:"because,omitempty"`
	At      time.Time   `json:"at"`
}

// tokenPrefix is where tokens are. They are no part of a State: they change without
// a revision, and nobody follows them.
const tokenPrefix = "token/"

// tokenRemembered is how long a token is kept behind its end, so that who comes too
// late hears so.
const tokenRemembered = time.Hour

// hashDigits is how long a hash is.
const hashDigits = 64

func isHash(text string) bool {
	return len(text) == hashDigits && strings.Trim(text, "0123456789abcdef") == ""
}

// PutToken stores a new token. Its identity may be made after it: a token of nobody
// admits nobody.
func (s *Store) PutToken(ctx context.Context, token Token) error {
	ctx, release := s.bind(ctx)
	defer release()
	if !isHash(token.Hash) || token.Key != "" {
		return fault.New(ChangeInvalid, "a new token has the SHA-256 of its secret, and no key yet").WithHint("complete what the message names")
	}
	key := tokenPrefix + token.Hash
	value, err := encode(key, token)
	if err != nil {
		return err
	}
	return s.leased(ctx, token.Expires.Add(tokenRemembered), func(lease clientv3.LeaseID) error {
		_, err := s.client.Put(ctx, key, value, clientv3.WithLease(lease))
		return err
	})
}

// Admit uses a token for a public key, and puts the certificate that plan returns
// for the token's identity on record, all in one transaction. It returns the token as
// it is then. For the key that the token was used for it returns the same certificate
// again, until that expires; any other key is refused. Both are hashes as a Token has
// them.
func (s *Store) Admit(ctx context.Context, token, key string, plan func(spiffeid.ID) (Certificate, error)) (Token, error) {
	ctx, release := s.bind(ctx)
	defer release()
	if !isHash(token) || !isHash(key) {
		return Token{}, unknownToken()
	}
	s.issuing.RLock()
	defer s.issuing.RUnlock()
	for {
		admitted, err := s.admit(ctx, token, key, plan)
		if !errors.Is(err, errOvertaken) {
			return admitted, err
		}
	}
}

// errOvertaken says that a token was changed between reading and using it.
var errOvertaken = errors.New("the token was used meanwhile")

func (s *Store) admit(ctx context.Context, hash, key string, plan func(spiffeid.ID) (Certificate, error)) (token Token, err error) {
	// What a serializable read has missed, the transaction finds; but a member of a
	// cluster may not have heard of a new token.
	found, err := s.client.Get(ctx, tokenPrefix+hash, clientv3.WithSerializable())
	if err == nil && len(found.Kvs) == 0 && s.cluster != nil {
		found, err = s.client.Get(ctx, tokenPrefix+hash)
	}
	if err != nil {
		return token, s.explain(ctx, err)
	}
	if len(found.Kvs) == 0 {
		return token, unknownToken()
	}
	if token, err = decode[Token](tokenPrefix+hash, found.Kvs[0].Value); err != nil {
		return token, err
	}
	if token.Key != "" {
		return token, s.mayRepeat(token, key)
	}
	if err := s.open(token); err != nil {
		return token, err
	}
	planned, err := plan(token.ID)
	if err != nil {
		return token, err
	}
	if err := s.validate(planned); err != nil {
		return token, err
	}
	token.Key, token.Certificate = key, planned
	return token, s.consume(ctx, token, found.Kvs[0].ModRevision)
}

// open refuses a token that was never used, and cannot be any more.
func (s *Store) open(token Token) error {
	state := s.State()
	switch {
	case token.Cancelled != nil:
		return fault.New(TokenCancelled, "this token was cancelled at %s, by %s", token.Cancelled.At.UTC().Format(time.RFC3339), token.Cancelled.By).
			WithHint("%s", another(token.ID.Path()))
	case !s.now().Before(token.Expires):
		return expiredToken(token.ID, token.Expires)
	case state.Voids(token.By, token.Revision):
		return voidToken(token, token.By, "who made it, ")
	}
	if _, revoked := state.Revocations[token.ID]; !revoked && state.Voids(token.ID, token.Revision) { // a revoked one is told so
		return voidToken(token, token.ID, "")
	}
	return nil
}

// consume writes a used token and its certificate, if the token is still that of a
// revision of etcd's.
func (s *Store) consume(ctx context.Context, token Token, revision int64) error {
	key := tokenPrefix + token.Hash
	value, err := encode(key, token)
	if err != nil {
		return err
	}
	overtaken := false
	err = s.leased(ctx, token.Certificate.NotAfter, func(lease clientv3.LeaseID) error {
		planned, err := planOf(token.Certificate, lease)
		if err != nil {
			return err
		}
		conditions := append(planned.live, clientv3.Compare(clientv3.ModRevision(key), "=", revision),
			clientv3.Compare(clientv3.CreateRevision(revocations.key(token.By)), "=", 0))
		puts := append(planned.puts, clientv3.OpPut(key, value, clientv3.WithLease(lease)))
		if written, err := s.write(ctx, conditions, puts); written || err != nil {
			return err
		}
		answer, err := s.client.Txn(ctx).If(conditions...).Then(puts...).Else(planned.looks...).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		err = planned.refusal(answer.Responses)
		if overtaken = errors.Is(err, errNoReason); overtaken {
			return nil
		}
		return err
	})
	if overtaken {
		return errOvertaken
	}
	return err
}

// mayRepeat refuses who shows a token that was used, unless it is for the same key,
// whose certificate is still good: its answer may have been lost.
func (s *Store) mayRepeat(token Token, key string) error {
	if token.Key != key {
		return usedToken(token)
	}
	if !s.now().Before(token.Certificate.NotAfter) {
		return expiredToken(token.ID, token.Certificate.NotAfter)
	}
	state := s.State()
	if _, revoked := state.Revocations[token.ID]; revoked {
		return refuse(token.ID, true)
	}
	if _, dead := state.Dead(token.Certificate.Serial); dead {
		return voidToken(token, token.ID, "")
	}
	return nil
}

func usedToken(token Token) error {
	return fault.New(TokenUsed, "this token was used already, for another key: a token is good for one").
		WithHint("if you did not use it, somebody else has joined as %s: have it revoked\n%s", token.ID.Path(), another(token.ID.Path()+" --again"))
}

func unknownToken() error {
	return fault.New(TokenUnknown, "the authority does not know this token").
		WithHint("%s", another("WHO"))
}

// voidToken refuses a token whose maker, or whose own identity, was revoked or replaced
// since: it was made to be used, perhaps by whom that was done against.
func voidToken(token Token, who spiffeid.ID, being string) error {
	return fault.New(TokenVoid, "this token counts no longer: %s, %swas revoked or replaced since", who, being).
		WithHint("%s", another(token.ID.Path()+" --again"))
}

func expiredToken(id spiffeid.ID, at time.Time) error {
	return fault.New(TokenExpired, "this token expired at %s", at.UTC().Format(time.RFC3339)).
		WithHint("%s", another(id.Path()+" --again"))
}

// another is the step to another token, which is an operator's.
func another(who string) string {
	return "have an operator make another one, good for ten minutes: signet token new " + who
}
