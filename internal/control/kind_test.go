package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// clusterVariable has the Cluster in which the tests of this process keep their stores,
// as JSON; without it, each is in its folder.
const clusterVariable = "SIGNET_CONTROL_CLUSTER"

// configOf is what opens a test's store, wherever the stores of this process are.
func configOf(dir string) Config {
	cfg := Config{Dir: dir, TrustDomain: demo}
	if text := os.Getenv(clusterVariable); text != "" {
		cfg.Etcd, cfg.Connect, cfg.ttl = new(Cluster), connect, 2*time.Second
		noError(json.Unmarshal([]byte(text), cfg.Etcd))
		cfg.prefix = fmt.Sprintf("/%x/", sha256.Sum256([]byte(dir)))
	}
	return cfg
}

// connect is a Config's Connect.
func connect(c Cluster) (Dial, error) {
	text, err := os.ReadFile(c.Roots)
	if err != nil {
		return nil, err
	}
	anchors, err := pki.ParseCertificates(text)
	if err != nil {
		return nil, err
	}
	roots, err := verify.NewRoots(c.Roots, anchors...)
	if err != nil {
		return nil, err
	}
	own, err := identity.Open(identity.Files{Chain: c.Certificate, Key: c.Key, Purpose: verify.ClientAuth})
	client := &signet.Client{Roots: roots, Identity: own, ALPN: []string{"h2"}, HandshakeTimeout: 2 * time.Second}
	return func(ctx context.Context, address string) (net.Conn, error) { return client.Dial(ctx, "tcp", address) }, err
}
