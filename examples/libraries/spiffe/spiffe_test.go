package spiffe_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	api "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/examples/libraries/spiffe"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/identity/workload"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var (
	domain = testpki.Must(spiffeid.ParseTrustDomain("shop.example"))
	orders = testpki.Must(domain.ID("orders"))
	web    = testpki.Must(domain.ID("web"))
)

// agent serves the Workload API by gRPC, with go-spiffe's own messages.
type agent struct {
	api.UnimplementedSpiffeWorkloadAPIServer

	mu      sync.Mutex
	answer  *api.X509SVIDResponse // guarded by mu; nil: there is none for anybody
	changed chan struct{}         // guarded by mu; closed when the answer is another
}

// FetchX509SVID implements the Workload API.
func (a *agent) FetchX509SVID(_ *api.X509SVIDRequest, stream grpc.ServerStreamingServer[api.X509SVIDResponse]) error {
	said, _ := metadata.FromIncomingContext(stream.Context())
	if header := said.Get("workload.spiffe.io"); len(header) != 1 || header[0] != "true" {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	for {
		a.mu.Lock()
		answer, changed := a.answer, a.changed
		a.mu.Unlock()
		if answer == nil {
			return status.Error(codes.PermissionDenied, "no identity issued")
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// gives has the agent give an identity of an authority, with its roots.
func (a *agent) gives(credential *pki.Credential, roots ...*pki.Certificate) {
	concatenated := func(certs []*pki.Certificate) (all []byte) {
		for _, cert := range certs {
			all = append(all, cert.Raw()...)
		}
		return all
	}
	key := testpki.Must(pki.MarshalKey(credential.Key, pki.PKCS8))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = &api.X509SVIDResponse{Svids: []*api.X509SVID{{SpiffeId: credential.Leaf().ID().String(), X509Svid: concatenated(credential.Chain), X509SvidKey: key.Bytes, Bundle: concatenated(roots), Hint: "internal"}}}
	close(a.changed)
	a.changed = make(chan struct{})
}

func serveAgent(t *testing.T, a *agent, socket string) (stop func()) {
	t.Helper()
	listener := testpki.Must(net.Listen("unix", socket))
	server := grpc.NewServer()
	api.RegisterSpiffeWorkloadAPIServer(server, a)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	stop = sync.OnceFunc(func() { server.Stop(); <-done })
	t.Cleanup(stop)
	return stop
}

func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet so: %s", what)
		}
	}
}

// TestWorkloadAPI runs a server whose identity and roots come from a real gRPC agent:
// refused at first, then rotated, then with other roots, then the agent is gone and
// comes again. go-spiffe's own client agrees about what the agent gives.
func TestWorkloadAPI(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent.sock")
	a := &agent{changed: make(chan struct{})}
	stop := serveAgent(t, a, socket)
	source := testpki.Must(workload.New(workload.Config{Address: "unix://" + socket}))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- source.Run(ctx) }()
	defer func() { cancel(); <-ran }()
	until(t, "the agent refuses", func() bool {
		_, err := source.Credential()
		return err != nil && err.Error() == "the Workload API has no identity for this program: no identity issued [workload_api_refused]"
	})

	authority := testpki.Must(testpki.New(time.Now()))
	first := testpki.Must(authority.Workload(orders.String()))
	a.gives(first, authority.Root.Leaf())
	if err := source.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	theirs, err := workloadapi.FetchX509Context(t.Context(), workloadapi.WithAddr("unix://"+socket))
	if err != nil || theirs.DefaultSVID().ID.String() != orders.String() || theirs.DefaultSVID().Certificates[0].SerialNumber.Text(16) != first.Leaf().SerialNumber().Text(16) {
		t.Errorf("go-spiffe is given %v, %v", theirs, err)
	}

	listener := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	served := make(chan error, 1)
	go func() {
		served <- spiffe.Serve(ctx, source, listener, func(conn *signet.Conn) {
			io.WriteString(conn, conn.Peer().ID.Path())
			conn.Close()
		})
	}()
	defer func() { listener.Close(); <-served }()
	ask := func(p *testpki.PKI) (string, error) {
		client := &signet.Client{Roots: testpki.Must(verify.ForTrustDomain(domain, p.Roots()...)), Name: verify.ID(orders), Identity: identity.Static(testpki.Must(p.Workload(web.String())))}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn, err := client.Dial(ctx, "tcp", listener.Addr().String())
		if err != nil {
			return "", err
		}
		defer conn.Close()
		said, err := io.ReadAll(conn)
		return string(said), err
	}
	if said, err := ask(authority); err != nil || said != "web" {
		t.Errorf("web is told %q, %v", said, err)
	}
	other := testpki.Must(testpki.New(time.Now()))
	if said, err := ask(other); err == nil {
		t.Errorf("who has other roots is told %q", said)
	}
	a.gives(testpki.Must(other.Workload(orders.String())), other.Root.Leaf())
	until(t, "the new roots count", func() bool { said, err := ask(other); return err == nil && said == "web" })
	if said, err := ask(authority); err == nil {
		t.Errorf("who has the old roots is told %q", said)
	}

	stop()
	if said, err := ask(other); err != nil || said != "web" {
		t.Errorf("while the agent is gone, web is told %q, %v", said, err)
	}
	before := testpki.Must(source.Credential()).Leaf().Serial()
	a.gives(testpki.Must(other.Workload(orders.String())), other.Root.Leaf())
	serveAgent(t, a, socket)
	until(t, "the agent that came again is heard", func() bool { return testpki.Must(source.Credential()).Leaf().Serial() != before })
}
