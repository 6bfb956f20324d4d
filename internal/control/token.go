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
	// Key is the public key that it was used for, hashed alike; "" until then.
	Key string `json:"key,omitempty"`
	// Certificate is what was planned for that key.
	Certificate Certificate `json:"certificate,omitzero"`
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
// for the token's identity on record, all in one transaction. For the key that the
// token was used for it returns the same certificate again, until that expires; any
// other key is refused. Both are hashes as a Token has them.
func (s *Store) Admit(ctx context.Context, token, key string, plan func(spiffeid.ID) (Certificate, error)) (Certificate, error) {
	ctx, release := s.bind(ctx)
	defer release()
	if !isHash(token) || !isHash(key) {
		return Certificate{}, unknownToken()
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

func (s *Store) admit(ctx context.Context, hash, key string, plan func(spiffeid.ID) (Certificate, error)) (c Certificate, err error) {
	// What a serializable read has missed, the transaction finds.
	found, err := s.client.Get(ctx, tokenPrefix+hash, clientv3.WithSerializable())
	if err != nil {
		return c, s.explain(ctx, err)
	}
	if len(found.Kvs) == 0 {
		return c, unknownToken()
	}
	token, err := decode[Token](tokenPrefix+hash, found.Kvs[0].Value)
	if err != nil {
		return c, err
	}
	if token.Key != "" {
		return token.Certificate, s.mayRepeat(token, key)
	}
	if !s.now().Before(token.Expires) {
		return c, expiredToken(token.ID, token.Expires)
	}
	if _, revoked := s.State().Revocations[token.By]; revoked {
		return c, voidToken(token)
	}
	if c, err = plan(token.ID); err != nil {
		return c, err
	}
	if err := s.validate(c); err != nil {
		return c, err
	}
	token.Key, token.Certificate = key, c
	return c, s.consume(ctx, token, found.Kvs[0].ModRevision)
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
		if s.write(ctx, conditions, puts) {
			return nil
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
		return fault.New(TokenUsed, "this token was used already, for another key: a token is good for one").
			WithHint("if you did not use it, somebody else has joined as %s: have it revoked\n%s", token.ID.Path(), another(token.ID.Path()+" --again"))
	}
	if !s.now().Before(token.Certificate.NotAfter) {
		return expiredToken(token.ID, token.Certificate.NotAfter)
	}
	if _, revoked := s.State().Revocations[token.ID]; revoked {
		return refuse(token.ID, true)
	}
	return nil
}

func unknownToken() error {
	return fault.New(TokenUnknown, "the authority does not know this token").
		WithHint("%s", another("WHO"))
}

// voidToken refuses a token whose maker was revoked: it was made to be used, perhaps by
// whom that was done against.
func voidToken(token Token) error {
	return fault.New(TokenVoid, "this token counts no longer: %s, who made it, was revoked", token.By).
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
