package cli

import (
	"cmp"
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/verify"
)

// clustered are the flags that say in which etcd cluster an authority's truth lives.
// The data folder keeps them.
type clustered struct {
	Etcd      []string `placeholder:"ADDR" help:"The authority's truth lives in this etcd cluster, not in the data folder: https://HOST:PORT of each member that clients reach, with commas between."`
	EtcdCert  string   `placeholder:"FILE" help:"Who the authority is to etcd: its certificates, in PEM. The file is followed, so that it can be renewed."`
	EtcdKey   string   `placeholder:"FILE" help:"The key of --etcd-cert, where that file does not have it."`
	EtcdRoots string   `placeholder:"FILE" help:"Whom to believe that it is etcd: certificates, in PEM."`
}

// cluster is what the flags name; nil is nothing.
func (c clustered) cluster() (*control.Cluster, error) {
	const example = "for example: --etcd https://etcd-1.example:2379,https://etcd-2.example:2379 --etcd-cert signet.pem --etcd-key signet.key --etcd-roots etcd-ca.pem"
	if len(c.Etcd) == 0 && c.EtcdCert == "" && c.EtcdKey == "" && c.EtcdRoots == "" {
		return nil, nil
	}
	if len(c.Etcd) == 0 || c.EtcdCert == "" || c.EtcdRoots == "" {
		return nil, fault.New(Usage, "--etcd, --etcd-cert and --etcd-roots go together").WithHint(example)
	}
	at := &control.Cluster{}
	for _, address := range c.Etcd {
		address, secured := strings.CutPrefix(strings.TrimSuffix(address, "/"), "https://")
		host, port, err := net.SplitHostPort(address)
		if !secured || err != nil || host == "" || port == "" || strings.ContainsAny(address, "/?#@") {
			return nil, fault.New(Usage, "--etcd %s is not https://HOST:PORT", fault.Printable(address, 80)).WithHint(example)
		}
		at.Addresses = append(at.Addresses, address)
	}
	for to, file := range map[*string]string{&at.Certificate: c.EtcdCert, &at.Key: c.EtcdKey, &at.Roots: c.EtcdRoots} {
		if file == "" {
			continue
		}
		path, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		*to = path
	}
	return at, nil
}

// etcdHandshake is how long a member may take to prove who it is.
const etcdHandshake = 3 * time.Second

// connectEtcd reads the files by which a cluster and the authority know each other, and
// returns how its members are reached.
func connectEtcd(at control.Cluster) (control.Dial, error) {
	anchors, err := disk{}.certificates(at.Roots)
	if err != nil {
		return nil, err
	}
	roots, err := verify.NewRoots(at.Roots, anchors...)
	if err != nil {
		return nil, err
	}
	key, err := regular.Open(cmp.Or(at.Key, at.Certificate))
	if err != nil {
		return nil, unreadableFile(err, cmp.Or(at.Key, at.Certificate))
	}
	defer key.Close()
	if err := secretly(key); err != nil {
		return nil, err
	}
	own, err := identity.Open(identity.Files{Chain: at.Certificate, Key: at.Key, Purpose: verify.ClientAuth})
	if err != nil {
		return nil, err
	}
	client := &signet.Client{Roots: roots, Identity: own, ALPN: []string{"h2"}, HandshakeTimeout: etcdHandshake}
	return func(ctx context.Context, address string) (net.Conn, error) {
		own.Reload() // an error leaves the last good one in place
		return client.Dial(ctx, "tcp", address)
	}, nil
}
