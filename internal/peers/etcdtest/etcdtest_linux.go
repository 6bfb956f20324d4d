// Package etcdtest starts etcd clusters for tests.
package etcdtest

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// Cluster is a cluster of etcd servers, each a process of its own on loopback, that want
// certificates of their clients.
type Cluster struct {
	Addresses []string // HOST:PORT, by member
	// PEM files: whom to believe, and who a client is, whose common name is CommonName.
	Roots, Certificate, Key string

	t       testing.TB
	program string
	peers   []string // HOST:PORT, by member
	dir     string
	running []*exec.Cmd // by member; nil where none is
	ready   *http.Client
}

// Start starts a cluster and waits until it answers. It ends with the test.
func Start(t testing.TB, members int, flags ...string) *Cluster {
	t.Helper()
	e := &Cluster{t: t, program: peers.EtcdServer(t), dir: t.TempDir(), running: make([]*exec.Cmd, members)}
	e.certify()
	for range members {
		e.Addresses, e.peers = append(e.Addresses, peers.FreeAddress(t)), append(e.peers, peers.FreeAddress(t))
	}
	t.Cleanup(func() {
		for member := range e.running {
			e.Kill(member)
		}
	})
	for member := range members {
		e.Start(member, flags...)
	}
	for member := range members {
		e.Await(member)
	}
	return e
}

// certify writes the certificates of both ends.
func (e *Cluster) certify() {
	authority := testpki.Must(testpki.New(time.Now()))
	client := testpki.Must(authority.Client("signet.example"))
	for file, data := range map[*string][]byte{&e.Roots: authority.Root.Leaf().PEM(), &e.Certificate: client.ChainPEM(), &e.Key: testpki.Must(client.PEM())} {
		*file = e.write(data)
	}
	os.WriteFile(filepath.Join(e.dir, "server.pem"), testpki.Must(testpki.Must(authority.Server(testpki.Host, testpki.Address)).PEM()), 0o600)
	own := testpki.Must(tls.LoadX509KeyPair(e.Certificate, e.Key))
	e.ready = &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true}}} // whom a test has just started
}

func (e *Cluster) write(data []byte) string {
	e.t.Helper()
	file, err := os.CreateTemp(e.dir, "*.pem")
	if err == nil {
		_, err = file.Write(data)
		file.Close()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return file.Name()
}

// Start starts a member, on the data that it has left if it ran before.
func (e *Cluster) Start(member int, flags ...string) {
	e.t.Helper()
	var all []string
	for i, address := range e.peers {
		all = append(all, fmt.Sprintf("m%d=http://%s", i, address))
	}
	server := filepath.Join(e.dir, "server.pem")
	cmd := exec.Command(e.program, append([]string{
		"--name", fmt.Sprint("m", member), "--data-dir", filepath.Join(e.dir, fmt.Sprint("m", member)),
		"--listen-client-urls", "https://" + e.Addresses[member], "--advertise-client-urls", "https://" + e.Addresses[member],
		"--listen-peer-urls", "http://" + e.peers[member], "--initial-advertise-peer-urls", "http://" + e.peers[member],
		"--initial-cluster", strings.Join(all, ","), "--client-cert-auth", "--trusted-ca-file", e.Roots,
		"--cert-file", server, "--key-file", server, "--enable-grpc-gateway=false", "--log-level", "fatal"}, flags...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.running[member] = cmd
}

// Await waits until a member answers, and the cluster has a leader.
func (e *Cluster) Await(member int) {
	e.t.Helper()
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err := e.ready.Get("https://" + e.Addresses[member] + "/health")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("it says %s", answer.Status)
		}
		last = err
	}
	e.t.Fatalf("etcd does not answer: %v", last)
}

// Pause stops a member where it stands; Resume lets it go on.
func (e *Cluster) Pause(member int) { e.signal(member, syscall.SIGSTOP) }

// Resume lets a member that was stopped go on.
func (e *Cluster) Resume(member int) { e.signal(member, syscall.SIGCONT) }

func (e *Cluster) signal(member int, signal syscall.Signal) {
	e.t.Helper()
	if err := e.running[member].Process.Signal(signal); err != nil {
		e.t.Fatal(err)
	}
}

// Kill kills a member, if it runs, and waits until it is gone.
func (e *Cluster) Kill(member int) {
	if cmd := e.running[member]; cmd != nil {
		cmd.Process.Kill()
		cmd.Wait() // it says that it was killed
		e.running[member] = nil
	}
}
