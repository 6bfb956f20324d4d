package signet

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
)

// httpALPN are HTTP's application protocols (RFC 9113, section 3.1).
var httpALPN = []string{"h2", "http/1.1"}

// HTTP returns an HTTP client, for HTTP/2 and HTTP/1.1, whose every connection
// is verified. It never speaks plaintext, so a redirect cannot lead out of TLS.
func (c *Client) HTTP() *http.Client {
	alpn := c.ALPN
	if len(alpn) == 0 {
		alpn = httpALPN
	}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, fault.New(PlaintextRefused, "a plain http:// address was asked for").WithHint("use the https:// address")
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := c.open(ctx, network, address, alpn)
			if err != nil {
				return nil, err
			}
			return conn.tls, nil
		},
		ForceAttemptHTTP2:     slices.Contains(alpn, "h2"),
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}
}

// HTTP returns an HTTP server for HTTP/2 and HTTP/1.1; serve it on the TLS
// listener of a Server whose ALPN has "h2" and "http/1.1":
//
//	server.HTTP(handler).Serve(listener.TLS())
//
// PeerOf tells a handler who asks. With Hosts, each of them has such an ALPN, and a
// request that comes on a connection to another host is answered by 421, Misdirected
// Request.
func (s *Server) HTTP(handler http.Handler) *http.Server {
	if len(s.Hosts) > 0 {
		handler = s.directed(handler)
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: orDefault(s.HandshakeTimeout, DefaultHandshakeTimeout),
		IdleTimeout:       2 * time.Minute,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, conn)
		},
	}
}

type peerKey struct{}

// PeerOf returns who made a request that a Server's HTTP server handles, or nil
// for requests of other servers.
func PeerOf(ctx context.Context) *Peer {
	switch conn := ctx.Value(peerKey{}).(type) {
	case *tls.Conn:
		if under, ok := conn.NetConn().(*transport); ok {
			return under.peer.Load()
		}
	case interface{ Peer() *Peer }: // a *Conn, or what holds one
		return conn.Peer()
	}
	return nil
}
