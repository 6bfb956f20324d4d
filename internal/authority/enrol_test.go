package authority

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// invite has an operator make a token.
func (r *rig) invite(request api.TokenRequest) (api.TokenMade, api.Token) {
	r.t.Helper()
	if request.For == 0 {
		request.For = maxTokenLife
	}
	made := ask[api.TokenMade](r.as("operator/ann"), "POST", api.PathToken, request)
	token := testpki.Must(api.ParseToken(made.Token))
	token.Authority = r.address // which a rig knows only now
	return made, token
}

// reach lets the rig's tokens carry an address.
func reach(a *Authority) { a.address = "authority.example:7400" }

func TestEnroll(t *testing.T) {
	r := newRig(t, reach)
	made, token := r.invite(api.TokenRequest{Who: "proxy/edge-1", Holds: []string{"web", "mail"}})
	if made.ID != id("proxy/edge-1") || made.Kind != "proxy" || fmt.Sprint(made.New) != fmt.Sprint([]any{id("proxy/edge-1"), id("mail")}) ||
		fmt.Sprint(made.Holds) != fmt.Sprint([]any{id("mail"), id("web")}) {
		t.Errorf("the token is %+v", made)
	}
	key := testpki.Must(pki.NewKey())
	home, err := agent.Enroll(t.Context(), token, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := home.Credential.Leaf()
	if home.ID() != id("proxy/edge-1") || home.Authority != r.address || len(home.Anchors) != 1 || !home.Anchors[0].Equal(r.ca.Root()) {
		t.Errorf("the host is %+v", home)
	}
	if left := time.Until(leaf.NotAfter()); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the certificate is good for %v", left)
	}
	recorded, err := r.store.Certificates(t.Context(), home.ID())
	if err != nil || len(recorded) != 1 || recorded[0].Serial != leaf.Serial() {
		t.Errorf("on record are %+v (%v)", recorded, err)
	}

	again, err := agent.Enroll(t.Context(), token, key, nil) // an answer that was lost
	if err != nil || !again.Credential.Leaf().Equal(leaf) {
		t.Errorf("the same key gets another certificate (%v)", err)
	}
	_, err = agent.Enroll(t.Context(), token, testpki.Must(pki.NewKey()), nil)
	wantCode(t, err, control.TokenUsed)

	// What it got lets it in, for what it may hold and for itself.
	edge := r.with(identity.Static(home.Credential))
	for _, who := range []string{"web", "mail", "proxy/edge-1"} {
		ask[api.Certificate](edge, "POST", api.PathCertificate, api.CertificateRequest{ID: id(who), Request: testpki.Must(pki.NewRequest(key))})
	}
	dir := t.TempDir()
	renewed, err := agent.Renew(t.Context(), dir, home, nil)
	if err != nil || renewed.Credential.Leaf().Equal(leaf) || renewed.ID() != home.ID() {
		t.Errorf("renewing: %v", err)
	}
	// What it asks for itself counts against what it may hold.
	recorded, err = r.store.Certificates(t.Context(), home.ID())
	if held := slices.ContainsFunc(recorded, func(c control.Certificate) bool { return c.Holder == home.ID() }); err != nil || !held {
		t.Errorf("on record are %+v (%v), none of which it holds", recorded, err)
	}
	r.revokeInStore("proxy/edge-1")
	_, err = agent.Enroll(t.Context(), token, key, nil)
	wantCode(t, err, api.IdentityRevoked)
	for _, cert := range []*pki.Certificate{leaf, renewed.Credential.Leaf()} {
		if !slices.ContainsFunc(of(audit.Issued, r.entries()), func(e audit.Entry) bool {
			return e.Issuance.Serial == cert.Serial() && e.Issuance.ID == home.ID() && e.Issuance.By == home.ID()
		}) {
			t.Errorf("the audit log has not %s", cert.Serial())
		}
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) || e.Hint == "" {
		t.Errorf("the error is %v, want [%s] and a next step", err, code)
	}
}

// TestEnrollRefused: what has no right to a certificate gets none.
func TestEnrollRefused(t *testing.T) {
	clock := time.Now()
	var mu sync.Mutex
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	r := newRig(t, reach)
	_, token := r.invite(api.TokenRequest{Who: "mail"})
	enroll := func(change func(*api.Token)) error {
		t.Helper()
		wrong := token
		change(&wrong)
		_, err := agent.Enroll(t.Context(), wrong, testpki.Must(pki.NewKey()), now)
		return err
	}
	wantCode(t, enroll(func(token *api.Token) { token.Root = strings.Repeat("0a", 32) }), agent.RootMismatch)
	wantCode(t, enroll(func(token *api.Token) { token.Secret = api.NewSecret([16]byte{}) }), control.TokenUnknown)
	wantCode(t, enroll(func(token *api.Token) {
		token.ID = testpki.Must(spiffeid.Parse("spiffe://other.example/mail"))
	}), verify.NameMismatch)
	wantCode(t, enroll(func(token *api.Token) { token.Authority = "127.0.0.1:1" }), signet.Unreachable)
	closed := openLog(t, t.TempDir())
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	r.Authority.log = closed
	wantCode(t, enroll(func(*api.Token) {}), audit.Closed) // what cannot be logged is not handed out
	recorded, err := r.store.Certificates(t.Context(), id("mail"))
	if err != nil || len(recorded) != 1 {
		t.Errorf("on record are %+v (%v), want the one that was planned", recorded, err)
	}
}

// TestTokenOfRevoked: whom an operator that was revoked wanted in stays out.
func TestTokenOfRevoked(t *testing.T) {
	r := newRig(t, reach)
	_, token := r.invite(api.TokenRequest{Who: "mail"})
	r.revokeInStore("operator/ann")
	_, err := agent.Enroll(t.Context(), token, testpki.Must(pki.NewKey()), nil)
	wantCode(t, err, control.TokenVoid)
}

// TestTokenRefused: what an operator cannot ask for.
func TestTokenRefused(t *testing.T) {
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	r.revokeInStore("batch")
	before := r.store.State().Revision
	long := make([]string, maxHolds+1)
	for i := range long {
		long[i] = fmt.Sprint("s", i)
	}
	for name, test := range map[string]struct {
		request api.TokenRequest
		code    fault.Code
	}{
		"there already":        {api.TokenRequest{Who: "web"}, IdentityExists},
		"revoked":              {api.TokenRequest{Who: "batch"}, api.IdentityRevoked},
		"a revoked service":    {api.TokenRequest{Who: "proxy/new", Holds: []string{"batch"}}, api.IdentityRevoked},
		"the authority":        {api.TokenRequest{Who: Path}, BadRequest},
		"another domain":       {api.TokenRequest{Who: "spiffe://other.example/web"}, BadRequest},
		"no name":              {api.TokenRequest{Who: ""}, "spiffe_id_invalid"},
		"an operator's name":   {api.TokenRequest{Who: "operator/eve", Kind: "proxy"}, BadRequest},
		"another kind":         {api.TokenRequest{Who: "new", Kind: "\x1b[31m"}, BadRequest},
		"too long":             {api.TokenRequest{Who: "new", For: maxTokenLife + 1}, BadRequest},
		"less than nothing":    {api.TokenRequest{Who: "new", For: -1}, BadRequest},
		"a service that holds": {api.TokenRequest{Who: "new", Holds: []string{"web"}}, BadRequest},
		"a proxy of a proxy":   {api.TokenRequest{Who: "proxy/new", Holds: []string{"proxy/one"}}, BadRequest},
		"the authority held":   {api.TokenRequest{Who: "proxy/new", Holds: []string{Path}}, BadRequest},
		"too many":             {api.TokenRequest{Who: "proxy/new", Holds: long}, BadRequest},
	} {
		if test.request.For == 0 {
			test.request.For = time.Minute
		}
		_, refusal := ann.try("POST", api.PathToken, jsonBody(test.request))
		if refusal.Code != string(test.code) {
			t.Errorf("%s: %+v, want [%s]", name, refusal, test.code)
		}
	}
	if after := r.store.State().Revision; after != before {
		t.Errorf("the revision went from %d to %d", before, after)
	}
	// Again is for who is there, and makes nobody new.
	if made, _ := r.invite(api.TokenRequest{Who: "web", Again: true}); len(made.New) != 0 {
		t.Errorf("new are %v", made.New)
	}
}

// TestOwnHands: a proxy that holds a service's certificate does not renew it as the
// service, since what it got would outlive the proxy's revocation.
func TestOwnHands(t *testing.T) {
	r := newRig(t, reach)
	one := r.as("proxy/one")
	key := testpki.Must(pki.NewKey())
	held := ask[api.Certificate](one, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})
	web := r.with(identity.Static(credential(t, held.Chain, key)))
	_, refusal := web.try("POST", api.PathCertificate, jsonBody(api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))}))
	wantRefusal(t, refusal, NotGranted, "issued to a proxy")

	_, token := r.invite(api.TokenRequest{Who: "mail"})
	home := testpki.Must(agent.Enroll(t.Context(), token, key, nil))
	if _, err := agent.Renew(t.Context(), t.TempDir(), home, nil); err != nil {
		t.Errorf("a service that has joined by itself: %v", err)
	}
}

func credential(t *testing.T, chain [][]byte, key crypto.Signer) *pki.Credential {
	t.Helper()
	var certs []*pki.Certificate
	for _, der := range chain {
		certs = append(certs, testpki.Must(pki.ParseCertificate(der)))
	}
	return testpki.Must(pki.NewCredential(certs, key))
}

// stranger connects without a certificate, by crypto/tls as anybody can.
func (r *rig) stranger(version uint16) (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", r.address, &tls.Config{ServerName: api.EnrollHost, InsecureSkipVerify: true, MaxVersion: version})
	if err == nil {
		r.t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(30 * time.Second))
	}
	return conn, err
}

// TestEnrollHostile: hostile input at the enrolment endpoint has a bounded, coded answer.
func TestEnrollHostile(t *testing.T) {
	r := newRig(t, reach)
	request := testpki.Must(pki.NewRequest(testpki.Must(pki.NewKey())))
	secret := api.NewSecret([16]byte{7})
	body := func(value any) string { return string(testpki.Must(json.Marshal(value))) }
	tests := []struct {
		name               string
		method, path, body string
		code               fault.Code
	}{
		{"an operator's door", "POST", api.PathAllow, "{}", NotPermitted},
		{"a proxy's door", "GET", api.PathWatch, "", NotPermitted},
		{"another method", "GET", api.PathEnroll, "", NotPermitted},
		{"no JSON", "POST", api.PathEnroll, "x", BadRequest},
		{"too long", "POST", api.PathEnroll, strings.Repeat(" ", api.MaxEnroll+1), BadRequest},
		{"no secret", "POST", api.PathEnroll, body(api.EnrollRequest{Request: request}), api.TokenMalformed},
		{"a long secret", "POST", api.PathEnroll, body(api.EnrollRequest{Secret: strings.Repeat("A", 10_000), Request: request}), api.TokenMalformed},
		{"no request", "POST", api.PathEnroll, body(api.EnrollRequest{Secret: secret}), pki.RequestInvalid},
		{"a damaged request", "POST", api.PathEnroll, body(api.EnrollRequest{Secret: secret, Request: request[:len(request)-1]}), pki.RequestInvalid},
		{"a forged request", "POST", api.PathEnroll, body(api.EnrollRequest{Secret: secret, Request: forged(request)}), pki.RequestInvalid},
		{"an unknown token", "POST", api.PathEnroll, body(api.EnrollRequest{Secret: secret, Request: request}), control.TokenUnknown},
	}
	for _, test := range tests {
		conn, err := r.stranger(0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", test.method, test.path, api.EnrollHost, len(test.body), test.body)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		data := testpki.Must(io.ReadAll(response.Body))
		var refusal api.Error
		if json.Unmarshal(data, &refusal) != nil || refusal.Code != string(test.code) || refusal.Hint == "" || response.StatusCode/100 != 4 {
			t.Errorf("%s: %s %s, want [%s]", test.name, response.Status, data, test.code)
		}
	}
	if _, err := r.stranger(tls.VersionTLS12); err == nil {
		t.Error("enrolment by TLS 1.2")
	}
	// A request for members on a connection of strangers, and by strangers elsewhere.
	conn := testpki.Must(r.stranger(0))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: authority\r\n\r\n", api.PathConns)
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a request for members: %v (%v)", response, err)
	}
	bare, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		defer bare.Close()
		bare.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err = bare.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("without a certificate, and not for enrolment: %v", err)
		}
	}
}

// forged returns a request whose signature is another's.
func forged(request []byte) []byte {
	out := bytes.Clone(request)
	out[len(out)-1] ^= 1
	return out
}

// TestStrangersMakeRoom: those without a certificate take only each other's places.
func TestStrangersMakeRoom(t *testing.T) {
	const most = 8
	r := newRig(t, func(a *Authority) { a.strangers = crowd.NewRoom(most) })
	ann := r.as("operator/ann")
	ask[api.Conns](ann, "GET", api.PathConns, nil) // it has proved who it is, and stays
	var conns []net.Conn
	for range most + 1 {
		conn, err := r.stranger(0)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	if _, err := conns[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest stranger stays: %v", err)
	}
	fmt.Fprintf(conns[most], "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", api.PathRoots, api.EnrollHost)
	if response, err := http.ReadResponse(bufio.NewReader(conns[most]), nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the newest stranger is not served: %v", err)
	}
	ask[api.Conns](ann, "GET", api.PathConns, nil)
	for _, conn := range conns {
		conn.Close()
	}
	r.until("nobody is counted any more but who is there", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.leaves) == 0
	})
}

// TestEnrollSkewed: clocks that differ by four minutes break nothing.
func TestEnrollSkewed(t *testing.T) {
	r := newRig(t, reach)
	for n, skew := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		there := func() time.Time { return time.Now().Add(skew) }
		_, token := r.invite(api.TokenRequest{Who: fmt.Sprint("proxy/skewed-", n), Holds: []string{"web"}})
		home, err := agent.Enroll(t.Context(), token, testpki.Must(pki.NewKey()), there)
		if err != nil {
			t.Fatalf("a clock that is off by %v: %v", skew, err)
		}
		if _, err := agent.Renew(t.Context(), t.TempDir(), home, there); err != nil {
			t.Errorf("renewing by a clock that is off by %v: %v", skew, err)
		}
	}
}
