package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/crowd"
)

// Bounds of what has said nothing yet, at each service's port; those of
// handshakes are the Server's. Strangers can use all of it up, so none of it may
// be theirs for long.
const (
	maxSilent = 2048            // connections before their first byte: the oldest makes room. One costs a descriptor and some 6 KiB
	firstByte = 5 * time.Second // until the first byte. A client speaks first and at once; TCP has sent a lost segment twice more by then
)

// crowdedOut is told to who had to make room for others.
func crowdedOut() error {
	return fault.New(signet.CrowdedOut, "it had not begun its handshake when too many others came").
		WithHint("find out who keeps so many connections open that prove nothing")
}

func saidNothing() error {
	return fault.New(signet.Timeout, "the peer said nothing for %v", firstByte).WithHint("check that the peer speaks TLS at this address")
}

// awaitSpeech returns when a connection has said something; an error ends it.
// What waits here costs less than a handshake that waits.
func awaitSpeech(ctx context.Context, silent *crowd.Room, raw net.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer silent.Enter(func() { cancel(crowdedOut()) })()
	late := time.AfterFunc(firstByte, func() { cancel(saidNothing()) })
	defer late.Stop()
	err := awaitFirstByte(ctx, raw)
	if err != nil {
		raw.Close()
	}
	return err
}

// awaitFirstByte returns when the peer has sent something, or hung up, or ctx has ended.
func awaitFirstByte(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(past) })
	awaitReadable(conn.(stream)) // what is wrong shows in the handshake
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// past, as a deadline, ends a read that would wait.
var past = time.Unix(1, 0)
