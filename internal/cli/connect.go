package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

type connectCmd struct {
	Address string `arg:"" name:"HOST:PORT" help:"Where the peer listens. Standard input goes there, what comes back to standard output."`
	trust
	plain
}

func (connectCmd) Help() string {
	return "printf 'Hello, server!' | signet connect localhost:8443 --roots ca.crt\n" +
		"signet connect 127.0.0.1:7402 --roots demo.signet --name orders --as web.pem"
}

func (c *connectCmd) run(ctx context.Context, s *shell) error {
	b, err := s.basis(c.trust)
	if err != nil {
		return c.trust.orPin(err, "connect", c.Address)
	}
	conn, err := b.dial(ctx, c.Address, "none", nil)
	if err != nil {
		return s.explain(err, "connect", c.Address, c.trust, b)
	}
	defer conn.Close()
	s.note("verified", "%s is %s; nothing sent before this", c.Address, s.proof(conn, b))
	s.note("tls", "%s, %s", conn.Peer().TLS(), milliseconds(conn.took))
	return s.explain(s.carry(ctx, conn.Conn), "connect", c.Address, c.trust, b)
}

// proof says who the peer is, who vouches for that, and for how long.
func (s *shell) proof(conn *dialed, b basis) string {
	proof := conn.Peer().Proof
	left := verify.Between(time.Now(), proof.Leaf().NotAfter())
	who := s.who(proof.ID(), conn.name)
	if !proof.ID().IsZero() {
		return fmt.Sprintf("%s, %s left", who, left)
	}
	return fmt.Sprintf("%s, by %s (%s), %s left", who, proof.Anchor().Title(), b.origin, left)
}

// note tells on standard error how a session goes: standard output is the
// peer's alone.
func (s *shell) note(label, format string, args ...any) {
	fmt.Fprintf(s.stderr, "%s%s\n", gap(label, labelWidth), clean(fmt.Sprintf(format, args...)))
}

// carry sends standard input to the peer and what it sends to standard output,
// until the peer has said that this was all.
func (s *shell) carry(ctx context.Context, conn *signet.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.Abort() })
	defer stop()
	up := newUpload(conn)
	go up.run(s.stdin)
	down := &outlet{w: s.stdout}
	err := down.drain(conn)
	if err == nil {
		return s.complete(conn, up, down)
	}
	cut := up.cut()
	switch {
	case ctx.Err() != nil:
		return fault.New(Interrupted, "cut by us after %s: interrupted", count(down.bytes, "byte", "bytes")).
			WithHint("treat %s as unfinished, and run it again", arrival(s.stdout))
	case cut != nil:
		return cut
	case down.failed != nil:
		conn.Abort()
		return fault.Wrap(down.failed, OutputFailed, "standard output does not take what arrives").
			WithHint("make room, or write elsewhere, and run it again")
	case errors.Is(err, signet.Truncated):
		return fault.New(signet.Truncated, "cut after %s: the server never said that this was all", count(down.bytes, "byte", "bytes")).
			WithHint("treat %s as unfinished (what arrived is unaltered); fetch it again", arrival(s.stdout))
	}
	return err
}

// complete ends a session whose peer has said that this was all.
func (s *shell) complete(conn *signet.Conn, up *upload, down *outlet) error {
	sent, err := up.end()
	if err != nil {
		return err
	}
	conn.Close()
	s.newline(down)
	s.note("complete", "%s sent, %s received; both ends said that this was all", count(sent, "byte", "bytes"), thousands(down.bytes))
	return nil
}

// newline ends the peer's last line on a terminal, where ours follows.
func (s *shell) newline(down *outlet) {
	if down.bytes > 0 && down.last != '\n' && isTerminal(s.stdout) {
		fmt.Fprintln(s.stderr)
	}
}

// arrival names what holds the peer's bytes: the file that standard output goes
// to, where that can be known.
func arrival(stdout io.Writer) string {
	const unknown = "what arrived"
	file, ok := stdout.(*os.File)
	if !ok {
		return unknown
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return unknown
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd())) // Linux
	if err != nil {
		return unknown
	}
	return filepath.Base(path)
}
