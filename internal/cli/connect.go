package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-tls/signet/verify"
)

type connectCmd struct {
	Address string `arg:"" name:"HOST:PORT" help:"Where the peer listens. Standard input goes there, what comes back to standard output."`
	trust
	upgrade
	protocols
	tracing
	plain
}

func (connectCmd) Help() string {
	return "printf 'Hello, server!' | signet connect localhost:8443 --roots ca.crt\n" +
		"signet connect 127.0.0.1:7402 --roots demo.signet --name orders --as web.pem\n" +
		"signet connect mail.example.com:25 --starttls smtp --trace"
}

func (c *connectCmd) run(ctx context.Context, s *shell) error {
	c.trust.further = append(c.upgrade.words(), c.protocols.words()...)
	b, err := s.basis(c.trust)
	if err != nil {
		return c.trust.orPin(err, "connect", c.Address)
	}
	b.alpn, b.timeline = c.ALPN, c.timeline(s, "")
	conn, err := b.dial(ctx, c.Address, c.Starttls, nil)
	if err != nil {
		return s.explain(c.orUpgrade(err, "connect", c.Address, c.trust), "connect", c.Address, c.trust, b)
	}
	defer conn.Close()
	proof := conn.Peer().Proof
	s.note("verified", "%s is %s; nothing sent before this", c.Address, s.proof(proof, s.who(proof.ID(), conn.name), b.origin))
	s.note("tls", "%s, %s", c.agreed(conn.Peer()), milliseconds(conn.took))
	return s.explain(s.carry(ctx, conn.Conn, theServer, b.timeline), "connect", c.Address, c.trust, b)
}

// proof says who a peer is, who vouches for that, and for how long.
func (s *shell) proof(proof *verify.Proof, who, origin string) string {
	left := verify.Between(time.Now(), proof.Leaf().NotAfter())
	if !proof.ID().IsZero() {
		return fmt.Sprintf("%s, %s left", who, left)
	}
	return fmt.Sprintf("%s, by %s (%s), %s left", who, proof.Anchor().Title(), origin, left)
}

// note tells on standard error how a session goes: standard output is the
// peer's alone.
func (s *shell) note(label, format string, args ...any) {
	s.notes.Lock()
	defer s.notes.Unlock()
	fmt.Fprintf(s.stderr, "%s%s\n", gap(label, labelWidth), clean(fmt.Sprintf(format, args...)))
}
