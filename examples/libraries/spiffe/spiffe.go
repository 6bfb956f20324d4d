// Package spiffe shows a server that has its identity, and whom it believes, from the
// SPIFFE Workload API, such as SPIRE's agent offers it.
package spiffe

import (
	"context"
	"net"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity/workload"
	"github.com/signet-tls/signet/verify"
)

// Serve accepts those whom the source's trust domain vouches for, until the listener
// is closed. When its roots change, new connections are judged by the new ones.
func Serve(ctx context.Context, source *workload.Source, listener net.Listener, handle func(*signet.Conn)) error {
	var server *signet.Server
	for {
		raw, err := listener.Accept()
		if err != nil {
			return err
		}
		credential, err := source.Credential()
		if err != nil {
			return err
		}
		domain := credential.Leaf().ID().TrustDomain()
		roots, err := source.Roots(domain)
		if err != nil {
			return err
		}
		if server == nil || server.Roots != roots {
			server = &signet.Server{Identity: source, Roots: roots, Name: verify.Member(domain)}
		}
		go func() {
			if conn, err := server.Wrap(ctx, raw); err == nil {
				handle(conn)
			}
		}()
	}
}
