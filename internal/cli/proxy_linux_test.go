package cli

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// proxyFolder has what the configuration proxy.toml names, which it writes.
func proxyFolder(t *testing.T, config string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	authority := testpki.Must(testpki.New(time.Now()))
	web := testpki.Must(authority.Workload("spiffe://demo.signet/web"))
	for name, data := range map[string][]byte{
		"proxy.toml": []byte(config), "roots.pem": authority.Root.Leaf().PEM(), "web.pem": testpki.Must(web.PEM()), "rules.cedar": nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self := testpki.Must(authority.Workload("spiffe://demo.signet/proxy/edge-3"))
	if err := agent.SaveHome(filepath.Join(dir, "host"), agent.Home{Credential: self, Anchors: []*pki.Certificate{authority.Root.Leaf()}, Authority: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

const proxyDoor = `
[[door]]
identity = "web"
to = "orders"
listen = "unix:web.sock"
addresses = ["127.0.0.1:1"]
`

// TestProxyTellsSystemd starts, hangs up on and stops a proxy: systemd hears of each.
func TestProxyTellsSystemd(t *testing.T) {
	dir := proxyFolder(t, "trust_domain = \"demo.signet\"\nroots = \"roots.pem\"\npolicy = \"rules.cedar\"\nlog = \"access.log\"\n[[identity]]\nname = \"web\"\nfile = \"web.pem\"\n"+proxyDoor)
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	hear := func(want ...string) {
		t.Helper()
		manager.SetReadDeadline(time.Now().Add(30 * time.Second))
		message := make([]byte, 1000)
		n, err := manager.Read(message)
		for _, want := range want {
			if err != nil || !strings.Contains(string(message[:n]), want) {
				t.Fatalf("systemd hears %q, %v; want %q", message[:n], err, want)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"proxy", "serve", "--config", filepath.Join(dir, "proxy.toml"), "--quiet"}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	hear("READY=1")
	if _, err := net.Dial("unix", filepath.Join(dir, "web.sock")); err != nil {
		t.Errorf("it says that it is ready: %v", err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hear("RELOADING=1", "MONOTONIC_USEC=")
	hear("READY=1")
	until(t, "the access log tells of the refusal", func() bool { // before the end, by which nobody may have accepted it
		log, err := os.ReadFile(filepath.Join(dir, "access.log"))
		return err == nil && strings.Contains(string(log), `"event":"refused","side":"door"`)
	})
	stop()
	hear("STOPPING=1")
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestProxyLintHost reads a host folder in the place of files.
func TestProxyLintHost(t *testing.T) {
	dir := proxyFolder(t, "host = \"host\"\n"+proxyDoor)
	lint := func() outcome {
		return signetMain(t, nil, "proxy", "lint", "--config", filepath.Join(dir, "proxy.toml"))
	}
	if said := lint(); said.code != 0 || !strings.Contains(said.stdout, "0 services and 1 door of demo.signet.\n") ||
		!strings.Contains(said.stdout, "  authority  127.0.0.1:1, by the host folder host") {
		t.Errorf("exit code %d: %s%s", said.code, said.stdout, said.stderr)
	}
	if err := os.Remove(filepath.Join(dir, "host", "host.json")); err != nil {
		t.Fatal(err)
	}
	if said := lint(); said.code != 2 || !strings.Contains(said.stderr, "proxy.toml:1: ") || !strings.Contains(said.stderr, "[not_enrolled]") {
		t.Errorf("exit code %d: %s%s", said.code, said.stdout, said.stderr)
	}
}
