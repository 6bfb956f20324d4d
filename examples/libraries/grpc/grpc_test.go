package grpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	health_v1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/examples/libraries/grpc"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// TestGRPC asks gRPC's own health service, as who may, who may not, and who is
// nobody; and a server that is another.
func TestGRPC(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	stranger := testpki.Must(testpki.New(time.Now()))
	domain := testpki.Must(spiffeid.ParseTrustDomain("shop.example"))
	roots := testpki.Must(verify.ForTrustDomain(domain, p.Roots()...))
	orders := testpki.Must(p.Workload("spiffe://shop.example/orders"))
	web := testpki.Must(p.Workload("spiffe://shop.example/web"))
	other := testpki.Must(p.Workload("spiffe://shop.example/other"))

	server, err := grpc.Server(&signet.Server{
		Identity: identity.Static(orders), Roots: roots, Name: verify.Member(domain), ALPN: []string{"h2"},
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			if peer.ID.Path() != "web" {
				return errors.New("only web may ask")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	health_v1.RegisterHealthServer(server, health.NewServer())
	listener := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	go server.Serve(grpc.Listener{Listener: listener})
	defer server.Stop()

	tests := []struct {
		name   string
		as     *pki.Credential
		server verify.Name
		want   codes.Code
		says   string // a part of the error, where it is the client's own
	}{
		{"web asks orders", web, verify.ID(orders.Leaf().ID()), codes.OK, ""},
		{"other asks orders", other, verify.ID(orders.Leaf().ID()), codes.Unavailable, ""},
		{"a stranger asks orders", testpki.Must(stranger.Workload("spiffe://shop.example/web")), verify.ID(orders.Leaf().ID()), codes.Unavailable, ""},
		{"web asks somebody else", web, verify.ID(other.Leaf().ID()), codes.Unavailable, "[name_mismatch]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := grpc.Dial(&signet.Client{Roots: roots, Identity: identity.Static(test.as)}, listener.Addr().String(), test.server)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answer, err := health_v1.NewHealthClient(conn).Check(ctx, &health_v1.HealthCheckRequest{})
			if status.Code(err) != test.want || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("have %v; want %s, and %q in it", err, test.want, test.says)
			}
			if err == nil && answer.Status != health_v1.HealthCheckResponse_SERVING {
				t.Errorf("the answer is %v", answer)
			}
		})
	}
}
