// Package grpc shows gRPC over Signet: both ends prove who they are, and a server
// knows its client by its SPIFFE ID.
package grpc

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/verify"
)

// Server returns a gRPC server; serve it on a Listener. The settings' ALPN must
// have "h2".
func Server(settings *signet.Server) (*grpc.Server, error) {
	config, err := settings.TLSConfig()
	if err != nil {
		return nil, err
	}
	return grpc.NewServer(grpc.Creds(credentials.NewTLS(config))), nil
}

// Listener accepts for a Server: a request that is cut is none.
type Listener struct{ net.Listener }

// Accept returns the next connection.
func (l Listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return signet.Transport(conn), nil
}

// Dial returns a connection to the server of a name. gRPC opens it when it is
// first used, and again whenever it is lost.
func Dial(settings *signet.Client, address string, server verify.Name) (*grpc.ClientConn, error) {
	config, err := settings.TLSConfig(server)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return signet.Transport(conn), nil
		}))
}
