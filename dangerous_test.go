package signet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// TestDangersAreShown holds that each switch leaves a trace, at the end that has
// it and nowhere else.
func TestDangersAreShown(t *testing.T) {
	keys := testpki.Must(dangerous.KeyLog(filepath.Join(t.TempDir(), "keys")))
	defer keys.Close()
	for _, one := range []dangerous.Switch{dangerous.SkipVerification(), dangerous.LegacyVersions(), dangerous.AllowTruncation(), keys} {
		t.Run(one.String(), func(t *testing.T) {
			w := newWorld(t)
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			warned := func(what string) {
				t.Helper()
				if have := log.String(); !strings.Contains(have, "level=WARN") || !strings.Contains(have, one.String()) {
					t.Errorf("%s: have %q, want a warning that %s", what, have, one)
				}
				log.Reset()
			}
			client := w.dialer()
			client.Dangerous, client.Logger = []dangerous.Switch{one}, logger
			near, far := meet(t, client, w.listener())
			warned("client")
			if !slices.Equal(near.Peer().Dangerous, client.Dangerous) || len(far.Peer().Dangerous) != 0 {
				t.Errorf("have %v and %v", near.Peer().Dangerous, far.Peer().Dangerous)
			}
			if _, err := client.TLSConfig(verify.Host(testpki.Host)); err != nil {
				t.Error(err)
			}
			warned("client's configuration")
			server := w.listener()
			server.Dangerous, server.Logger = []dangerous.Switch{one}, logger
			near, far = meet(t, w.dialer(), server)
			warned("server")
			if !slices.Equal(far.Peer().Dangerous, server.Dangerous) || len(near.Peer().Dangerous) != 0 {
				t.Errorf("have %v and %v", near.Peer().Dangerous, far.Peer().Dangerous)
			}
		})
	}
}

func TestSkipVerification(t *testing.T) {
	w := newWorld(t)
	stranger := testpki.Must(testpki.New(time.Now()))
	skip := []dangerous.Switch{dangerous.SkipVerification()}
	client := &signet.Client{Dangerous: skip, Identity: identity.Static(testpki.Must(stranger.Client("nobody.example")))}
	server := &signet.Server{Dangerous: skip, Identity: identity.Static(testpki.Must(stranger.Server("elsewhere.example")))}
	t.Run("of both", func(t *testing.T) {
		for range 2 { // resumed, too
			near, far := meet(t, client, server)
			for _, peer := range []*signet.Peer{near.Peer(), far.Peer()} {
				if peer.Proof != nil || !peer.ID.IsZero() || len(peer.Chain) == 0 {
					t.Errorf("have %+v, want nothing proved", peer)
				}
			}
			talk(t, near, far)
		}
	})
	t.Run("of a client without a certificate", func(t *testing.T) {
		near, far := meet(t, &signet.Client{Dangerous: skip}, server)
		talk(t, near, far)
	})
	t.Run("authorize", func(t *testing.T) {
		choosy := &signet.Client{Dangerous: skip, Authorize: func(context.Context, *signet.Peer) error { return errors.New("no") }}
		near, _ := shake(t, choosy, server)
		wantCode(t, "client", near.err, signet.NotAuthorized)
	})
	t.Run("not without it", func(t *testing.T) {
		near, _ := shake(t, w.dialer(), server)
		wantCode(t, "client", near.err, verify.UnknownRoot)
	})
}

// TestLegacyVersions has peers of old versions, which are refused without it.
func TestLegacyVersions(t *testing.T) {
	legacy := []dangerous.Switch{dangerous.LegacyVersions()}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		for _, as := range []role{asClient, asServer} {
			t.Run(fmt.Sprint(as, " ", tls.VersionName(version)), func(t *testing.T) {
				w := newWorld(t)
				client, server := w.dialer(), w.listener()
				client.Dangerous, server.Dangerous = legacy, legacy
				near, far := pair(t)
				var conn *signet.Conn
				var err error
				if as == asServer {
					go tls.Client(far, w.bare(asClient, version)).Handshake()
					conn, err = server.Wrap(t.Context(), near)
				} else {
					go tls.Server(far, w.bare(asServer, version)).Handshake()
					conn, err = client.Wrap(t.Context(), near, testpki.Host)
				}
				if err != nil {
					t.Fatal(err)
				}
				if have := conn.Peer().TLS(); !strings.HasPrefix(have, "1.") || strings.HasPrefix(have, "1.2") {
					t.Errorf("have %s", have)
				}
				conn.Abort()
			})
		}
	}
	t.Run("without the extended master secret", func(t *testing.T) {
		openssl := peers.OpenSSL(t)
		w := newWorld(t)
		client := &signet.Client{Roots: w.roots, Dangerous: legacy}
		var ids []string
		address, _ := startOpenSSL(t, openssl, w, "-ExtendedMasterSecret")
		for range 2 {
			conn, err := client.Dial(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ExportKeyingMaterial("EXPORTER-test", nil, 32); !errors.Is(err, signet.BindingUnavailable) {
				t.Errorf("export: have %v", err)
			}
			if _, err := conn.ChannelBinding(signet.TLSUnique); !errors.Is(err, signet.BindingUnavailable) {
				t.Errorf("tls-unique: have %v", err)
			}
			ids = append(ids, conn.ID())
			conn.Close()
		}
		if len(ids[0]) != 33 || ids[0] == ids[1] {
			t.Errorf("have IDs %q", ids)
		}
	})
	t.Run("not within a trust domain", func(t *testing.T) {
		w := newWorld(t)
		server := &signet.Server{Identity: identity.Static(w.orders), Roots: w.members, Name: verify.Member(w.domain), Dangerous: legacy}
		if config, err := server.TLSConfig(); err != nil || config.MinVersion != tls.VersionTLS13 {
			t.Errorf("have %v, %v; want TLS 1.3", config, err)
		}
	})
	t.Run("in a client's configuration", func(t *testing.T) {
		w := newWorld(t)
		client := w.dialer()
		client.Dangerous = legacy
		if config, err := client.TLSConfig(verify.Host(testpki.Host)); err != nil || config.MinVersion != tls.VersionTLS10 {
			t.Errorf("have %v, %v; want TLS 1.0", config, err)
		}
	})
}

// TestAllowTruncation holds what it does, and no more than that.
func TestAllowTruncation(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		for _, ending := range endings {
			t.Run(ending.name, func(t *testing.T) {
				w := newWorld(t)
				client, server := w.dialer(), w.listener()
				client.Dangerous = []dangerous.Switch{dangerous.AllowTruncation()}
				server.Dangerous = client.Dangerous
				near, far := pair(t)
				var conn *signet.Conn
				var err error
				var peer *tls.Conn
				if as == asClient {
					peer = tls.Server(far, w.bare(asServer, version))
					go peer.Handshake()
					conn, err = client.Wrap(t.Context(), near, testpki.Host)
				} else {
					peer = tls.Client(far, w.bare(asClient, version))
					go peer.Handshake()
					conn, err = server.Wrap(t.Context(), near)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Abort()
				if err := peer.Handshake(); err != nil {
					t.Fatal(err)
				}
				ending.end(peer, far)
				_, err = io.ReadAll(conn)
				if quiet := ending.clean || ending.name == "FIN between records"; (err == nil) != quiet {
					t.Errorf("have %v", err)
				}
			})
		}
	})
}

// TestKeyLog holds who can read it, that it is of the connection, and that no
// environment opens one.
func TestKeyLog(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	t.Setenv("SSLKEYLOGFILE", filepath.Join(folder, "by-environment"))
	path := filepath.Join(folder, "keys")
	keys, err := dangerous.KeyLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("have %v, %v; want mode 0600", info.Mode(), err)
	}
	client := w.dialer()
	client.Dangerous = []dangerous.Switch{keys}
	near, _ := meet(t, client, w.listener())
	random, _ := near.Randoms()
	logged, err := os.ReadFile(path)
	if want := fmt.Sprintf("CLIENT_TRAFFIC_SECRET_0 %x ", random); err != nil || !strings.Contains(string(logged), want) {
		t.Errorf("have %q, %v; want a line that begins with %q", logged, err, want)
	}
	if err := keys.Close(); err != nil {
		t.Error(err)
	}
	if again, _ := shake(t, client, w.listener()); again.err == nil {
		t.Error("a connection without its log")
	}
	for _, taken := range []string{path, filepath.Join(folder, "missing", "keys")} {
		_, err := dangerous.KeyLog(taken)
		wantCode(t, taken, err, dangerous.KeyLogRefused)
		peers.WantCoded(t, err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("have %v, %v; want the one file", files, err)
	}
}
