package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Signet's engine and pyOpenSSL's memory BIOs, in both roles, over pipes. All
// combinations are tried with SIGNET_INTEROP=all, and one in thirty-one without.

// meeting is one combination of what both ends are set to.
type meeting struct {
	as      string // Signet's role
	version string
	suite   string // OpenSSL's name of the only one that the peer has
	key     pki.KeyKind
	group   string // OpenSSL's name, likewise; of several the first is agreed on
	alpn    string // which protocols the two have: "none", "common", "other"
	auth    string // "mutual", "public", or "missing": the server asks a client that has none
	size    int    // bytes fed at once, both ways
}

var (
	suites12 = map[pki.KeyKind][]string{
		pki.P256:      {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		pki.P384:      {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		pki.Ed25519:   {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		pki.RSA(2048): {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"},
	}
	suites13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	groups12 = []string{"X25519", "P-256", "P-384", "P-521"}
	groups13 = append([]string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"}, groups12...)
	keys     = []pki.KeyKind{pki.P256, pki.P384, pki.Ed25519, pki.RSA(2048)}

	// In TLS 1.2 the groups that a client names hold for the server's key too
	// (RFC 8422, section 5.1), so that its curve must be among them.
	groupsOf = map[pki.KeyKind][]string{
		pki.P256: {"P-256", "X25519:P-256"}, pki.P384: {"P-384", "X25519:P-384"},
		pki.Ed25519: groups12, pki.RSA(2048): groups12,
	}
)

// meetings are all combinations; each stands for a full handshake and, if that
// is meant to succeed, a resumed one.
func meetings(yield func(meeting) bool) {
	for _, version := range []string{"1.2", "1.3"} {
		for _, key := range keys {
			suites, groups := suites13, groups13
			if version == "1.2" {
				suites, groups = suites12[key], groupsOf[key]
			}
			for _, suite := range suites {
				for _, group := range groups {
					for _, alpn := range []string{"none", "common", "other"} {
						for _, auth := range []string{"mutual", "public", "missing"} {
							for _, size := range []int{1, 13, 97, 1400, 1 << 20} {
								for _, as := range []string{"client", "server"} {
									if !yield(meeting{as, version, suite, key, group, alpn, auth, size}) {
										return
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

// meetingPlace has what the meetings share: credentials of each kind of key, the
// peer, and the ends of Signet, which keep their tickets.
type meetingPlace struct {
	*world
	has     map[pki.KeyKind]map[pki.Profile]*pki.Credential
	clients map[string]*signet.Client // by what they are set to
	sites   map[string]*signet.Server
}

func newMeetingPlace(t *testing.T) *meetingPlace {
	m := &meetingPlace{newWorld(t), map[pki.KeyKind]map[pki.Profile]*pki.Credential{}, map[string]*signet.Client{}, map[string]*signet.Server{}}
	for _, kind := range keys {
		m.has[kind] = map[pki.Profile]*pki.Credential{}
		for profile, name := range map[pki.Profile]string{pki.Server: testpki.Host, pki.Client: clientHost} {
			key := testpki.Must(pki.GenerateKey(kind))
			m.has[kind][profile] = testpki.Must(m.Intermediate.New(pki.Spec{Profile: profile, DNS: []string{name}, Key: key, Now: m.Now}))
		}
	}
	return m
}

// protocols are what Signet and its peer have to offer.
func (m meeting) protocols() (ours, theirs []string) {
	switch m.alpn {
	case "common":
		return []string{"one", "two"}, []string{"two"}
	case "other":
		return []string{"one"}, []string{"two"}
	}
	return []string{}, []string{}
}

// ours returns Signet's end, and the same one for the same settings.
func (p *meetingPlace) ours(m meeting) *engine.Engine {
	alpn, _ := m.protocols()
	key := fmt.Sprint(m)
	if m.as == "client" {
		if p.clients[key] == nil {
			p.clients[key] = &signet.Client{Roots: p.roots, ALPN: alpn}
			if m.auth == "mutual" {
				p.clients[key].Identity = identity.Static(p.has[m.key][pki.Client])
			}
		}
		return engine.Client(context.Background(), p.clients[key], testpki.Host)
	}
	if p.sites[key] == nil {
		p.sites[key] = &signet.Server{Identity: identity.Static(p.has[m.key][pki.Server]), ALPN: alpn, Public: m.auth == "public"}
		if m.auth != "public" {
			p.sites[key].Roots, p.sites[key].Name = p.roots, verify.Host(clientHost)
		}
	}
	return engine.Server(context.Background(), p.sites[key])
}

func (p *meetingPlace) theirs(m meeting) wish {
	_, alpn := m.protocols()
	w := wish{Role: "server", Version: m.version, Suite: m.suite, Group: m.group, ALPN: alpn, Host: testpki.Host,
		Roots: string(p.Root.Leaf().PEM()), Verify: m.auth != "public"}
	credential := p.has[m.key][pki.Server]
	if m.as == "server" {
		w.Role, w.Verify, credential = "client", true, p.has[m.key][pki.Client]
	}
	if m.as == "client" || m.auth == "mutual" {
		whole := string(testpki.Must(credential.PEM()))
		w.Chain, w.Key = string(credential.ChainPEM()), whole[strings.Index(whole, "-----BEGIN PRIVATE"):]
	}
	return w
}

// want is what must come of a meeting: nil, or the refusal that Signet's end
// names.
func (m meeting) want() error {
	switch {
	case m.as == "server" && m.alpn == "other" && m.version == "1.2": // where this comes first
		return signet.HandshakeFailed
	case m.as == "server" && m.group == "P-521": // which a server does not offer
		return signet.CipherMismatch
	case m.alpn == "other" && m.as == "server":
		return signet.HandshakeFailed
	case m.auth == "missing" && m.as == "server":
		return verify.NoCertificate
	case m.auth == "missing":
		return signet.ClientCertRequired
	}
	return nil
}

func TestInteroperation(t *testing.T) {
	stride := 31
	if os.Getenv("SIGNET_INTEROP") == "all" {
		stride = 1
	}
	place, there := newMeetingPlace(t), newPeer(t)
	counts := map[string]int{}
	n := 0
	for m := range meetings {
		if n++; n%stride != 0 {
			continue
		}
		place.try(t, there, m, false, counts)
		if m.want() == nil {
			place.try(t, there, m, true, counts)
		}
		if t.Failed() {
			t.Fatalf("in %+v", m)
		}
	}
	t.Logf("handshakes: %v", counts)
	if counts["full"] == 0 || counts["resumed"] == 0 || counts["refused"] == 0 {
		t.Error("a kind of handshake has not been tried")
	}
}

// try is one handshake, with data and both ends' last words behind it.
func (p *meetingPlace) try(t *testing.T, there *peer, m meeting, resume bool, counts map[string]int) {
	t.Helper()
	e := p.ours(m)
	defer e.Close()
	theirs := p.theirs(m)
	theirs.Resume = resume
	err := there.shake(e, theirs, m.size)
	if want := m.want(); want != nil {
		counts["refused"]++
		if err == nil { // a client of TLS 1.3 hears of it at its first read
			_, err = readAll(e)
		}
		if !errors.Is(err, want) {
			t.Errorf("have %v, want %v; the peer: %s", err, want, there.facts().Error)
		}
		return
	}
	have := there.facts()
	if err != nil {
		t.Errorf("%v; the peer: %s", err, have.Error)
		return
	}
	// The peer's side of the handshake, and ours.
	want := facts{Version: "TLSv" + m.version, Suite: m.suite, Group: m.group, ID: strings.TrimPrefix(e.Conn().ID(), "c"), Resumed: resume}
	if m.alpn == "common" {
		want.ALPN = "two"
	}
	if m.version == "1.2" && resume {
		want.Group = have.Group // there is no key exchange, so it is not asked for
	}
	want.Group, _, _ = strings.Cut(want.Group, ":")
	have.Group, want.Group = groupName(have.Group), groupName(want.Group)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("the peer's account (-want +have):\n%s", diff)
	}
	peer := e.Conn().Peer()
	if peer.Resumed != resume || peer.ALPN != want.ALPN || (peer.Proof != nil) != (m.as == "client" || m.auth == "mutual") {
		t.Errorf("our account: resumed %t, ALPN %q, proof %t", peer.Resumed, peer.ALPN, peer.Proof != nil)
	}
	if resume {
		counts["resumed"]++
	} else {
		counts["full"]++
	}
	p.talk(t, there, e, m.size)
}

// groupName is the short one of the names that OpenSSL has for a curve.
func groupName(name string) string {
	if short, ok := map[string]string{"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "x25519": "X25519"}[name]; ok {
		return short
	}
	return name
}

// talk sends something both ways and ends both well.
func (p *meetingPlace) talk(t *testing.T, there *peer, e *engine.Engine, size int) {
	t.Helper()
	const question, answer = "is this all?", "it is, and nothing of it was altered"
	if _, err := e.Write([]byte(question)); err != nil {
		t.Error(err)
	}
	there.feed(e.Drain(), size)
	if got, _ := there.get(); got != question {
		t.Errorf("the peer has %q", got)
	}
	there.ask('W', []byte(answer))
	there.ask('C', nil)
	there.carryTo(e, size)
	if got, err := readAll(e); err != io.EOF || string(got) != answer {
		t.Errorf("have %q and %v", got, err)
	}
	e.Close()
	there.feed(e.Drain(), size)
	if _, state := there.get(); state != 'z' {
		t.Errorf("the peer took the end for %q", state)
	}
}

// What is not safe any more is refused by name, in both roles.
func TestInteroperationRefused(t *testing.T) {
	place, there := newMeetingPlace(t), newPeer(t)
	tests := []struct {
		name   string
		change func(*wish)
		want   map[string]error // by Signet's role
	}{
		{"TLS 1.0", func(w *wish) { w.Version = "1.0"; w.Suite = "ALL" }, same(signet.VersionMismatch)},
		{"TLS 1.1", func(w *wish) { w.Version = "1.1"; w.Suite = "ALL" }, same(signet.VersionMismatch)},
		{"no extended master secret", func(w *wish) { w.NoEMS = true }, same(signet.NoMasterSecret)},
		{"RSA key exchange", func(w *wish) { w.Suite = "AES128-GCM-SHA256" }, map[string]error{"client": signet.CipherMismatch, "server": signet.CipherMismatch}},
		{"CBC", func(w *wish) { w.Suite = "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA" }, map[string]error{"client": signet.CipherMismatch, "server": signet.CipherMismatch}},
		{"DHE", func(w *wish) { w.Suite = "DHE-RSA-AES128-GCM-SHA256"; w.Group = "ffdhe2048" }, map[string]error{"client": signet.CipherMismatch, "server": signet.CipherMismatch}},
		{"X448", func(w *wish) { w.Group = "X448" }, map[string]error{"client": signet.CipherMismatch, "server": signet.CipherMismatch}},
		{"stranger", func(w *wish) {
			stranger := newWorld(t)
			credential := stranger.client
			if w.Role == "server" {
				credential = stranger.server
			}
			whole := string(testpki.Must(credential.PEM()))
			w.Suite, w.Chain, w.Key = "ECDHE+AESGCM", string(credential.ChainPEM()), whole[strings.Index(whole, "-----BEGIN PRIVATE"):]
		}, same(verify.UnknownRoot)},
		{"no trust in us", func(w *wish) { w.Roots = string(newWorld(t).Root.Leaf().PEM()) }, same(signet.RefusedByPeer)},
	}
	for _, test := range tests {
		for _, as := range []string{"client", "server"} {
			t.Run(test.name+"/"+as, func(t *testing.T) {
				m := meeting{as: as, version: "1.2", suite: "ECDHE-RSA-AES128-GCM-SHA256", key: pki.RSA(2048), group: "P-256", alpn: "none", auth: "mutual"}
				theirs := place.theirs(m)
				test.change(&theirs)
				e := place.ours(m)
				err := there.shake(e, theirs, 1<<20)
				if !errors.Is(err, test.want[as]) {
					t.Errorf("have %v, want %v; the peer: %s", err, test.want[as], there.facts().Error)
				}
			})
		}
	}
}

func same(want error) map[string]error { return map[string]error{"client": want, "server": want} }
