// Package postgres shows PostgreSQL over Signet: the driver's own TLS, with
// Signet's verdict on the server.
package postgres

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/verify"
)

// Connect opens a connection to the database of a URL, whose host is who the
// server must be. What the URL says of TLS is left aside: it is always verified.
func Connect(ctx context.Context, url string, client *signet.Client) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if config.TLSConfig, err = client.TLSConfig(verify.Host(config.Host)); err != nil {
		return nil, err
	}
	config.Fallbacks = nil // a URL may bring some that go on without TLS
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return signet.Transport(conn), nil
	}
	return pgx.ConnectConfig(ctx, config)
}
