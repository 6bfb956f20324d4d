package main

import (
	"context"
	"crypto"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// demoDomain is the trust domain of the stories' workloads.
const demoDomain = "demo.signet"

// writePKI writes authorities and credentials for a story:
//
//	ca.pem       the root
//	root.pem     the same, with its key
//	mid.pem      the intermediate, with its key
//	server.pem   the chain of localhost's server
//	key.pem      the same, with its key
//	other.pem    the chain of another server
//	good.der     an OCSP response: the server's certificate is good
//	revoked.der  another: it is revoked
//	other.der    another: the other server's is good
//	web.pem      the workload web of demo.signet, with its key
//	orders.pem   the workload orders of demo.signet, with its key
//	home         a data home that knows demo.signet, with the identity web
func writePKI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: pki")
	}
	authority := testpki.Must(testpki.New(time.Now()))
	server := testpki.Must(authority.Server(testpki.Host, "other.example"))
	other := testpki.Must(authority.Server("other.example"))
	web := testpki.Must(authority.Workload("spiffe://" + demoDomain + "/web"))
	orders := testpki.Must(authority.Workload("spiffe://" + demoDomain + "/orders"))
	folder := "home/signet/" + demoDomain
	for name, data := range map[string][]byte{
		"ca.pem":                          authority.Root.Leaf().PEM(),
		"root.pem":                        testpki.Must(authority.Root.PEM()),
		"mid.pem":                         testpki.Must(authority.Intermediate.PEM()),
		"server.pem":                      server.ChainPEM(),
		"other.pem":                       other.ChainPEM(),
		"good.der":                        response(authority, server, pki.StatusGood),
		"revoked.der":                     response(authority, server, pki.StatusRevoked),
		"other.der":                       response(authority, other, pki.StatusGood),
		"key.pem":                         testpki.Must(server.PEM()),
		"web.pem":                         testpki.Must(web.PEM()),
		"orders.pem":                      testpki.Must(orders.PEM()),
		folder + "/signet.json":           []byte(`{"trust_domain":"` + demoDomain + `"}`),
		folder + "/roots.pem":             authority.Root.Leaf().PEM(),
		folder + "/identities/web.pem":    testpki.Must(web.PEM()),
		folder + "/identities/broken.pem": authority.Root.Leaf().PEM(),
	} {
		path := ts.MkAbs(name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
		ts.Check(os.WriteFile(path, data, 0o600))
	}
	ts.Setenv("XDG_DATA_HOME", ts.MkAbs("home"))
	ts.Setenv("TOMORROW", time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly))
	ts.Setenv("NEXTMONTH", time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly))
}

// response is an OCSP response of the intermediate about a certificate.
func response(authority *testpki.PKI, about *pki.Credential, status pki.CertStatus) []byte {
	issuer := authority.Intermediate
	single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(about.Leaf(), issuer.Leaf(), crypto.SHA256)), Status: status,
		ThisUpdate: authority.Now, NextUpdate: authority.Now.AddDate(0, 0, 7)}
	if status == pki.StatusRevoked {
		single.RevokedAt = authority.Now
	}
	return testpki.Must(issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: issuer.Leaf(), Responses: []pki.SingleResponse{single}})).Raw()
}

// serve KIND runs a server in the background: one of testpki's broken ones
// (with "-" for " "), or one of servers. Its address is then in $ADDR, its port
// in $PORT, and the root of whom it shows in ca.pem.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve KIND")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	session := sessionOf(ts, args[0])
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			session(ctx, conn)
		}
	}()
	ts.Defer(func() { cancel(); listener.Close(); <-done })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
	ts.Setenv("ADDR", testpki.Host+":"+port)
}

// sessionOf returns what a kind of server does with each connection.
func sessionOf(ts *testscript.TestScript, kind string) func(context.Context, net.Conn) {
	authority := testpki.Must(testpki.New(time.Now()))
	roots := authority.Root.Leaf()
	server := &signet.Server{Identity: identity.Static(testpki.Must(authority.Server(testpki.Host, testpki.Address))), Public: true}
	talk := hello
	switch kind {
	case "hello":
	case "cut":
		talk = cut
	case "large":
		talk = large
	case "plain":
		return func(_ context.Context, conn net.Conn) {
			defer conn.Close()
			io.WriteString(conn, "220 mail.example ESMTP ready\r\n")
			io.Copy(io.Discard, conn)
		}
	case "smtp", "smtp-stripped", "smtp-injected", "imap", "ldap":
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), roots.PEM(), 0o600))
		return func(ctx context.Context, conn net.Conn) {
			for _, line := range dialogues[kind] {
				io.WriteString(conn, line.says)
				io.ReadFull(conn, make([]byte, line.reads))
			}
			if conn, err := server.Wrap(ctx, conn); err == nil {
				hello(conn)
			}
		}
	case "hangup":
		return func(_ context.Context, conn net.Conn) { conn.Close() }
	case "orders": // demands a certificate of demo.signet, and is orders there
		domain := testpki.Must(spiffeid.ParseTrustDomain(demoDomain))
		known := testpki.Must(pki.ParseCertificates([]byte(ts.ReadFile("ca.pem"))))
		orders := testpki.Must(pki.ParseCredential([]byte(ts.ReadFile("orders.pem"))))
		server = &signet.Server{Identity: identity.Static(orders), Name: verify.Member(domain),
			Roots: testpki.Must(verify.ForTrustDomain(domain, known...))}
		roots = known[0]
	default:
		broken := brokenServer(ts, kind)
		server.Identity, roots = identity.Static(broken.Credential), broken.Roots[0]
	}
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), roots.PEM(), 0o600))
	return func(ctx context.Context, raw net.Conn) {
		conn, err := server.Wrap(ctx, raw)
		if err == nil {
			talk(conn)
		}
	}
}

// dialogues are what servers say before TLS, and how many bytes they read then.
var dialogues = map[string][]struct {
	says  string
	reads int
}{
	"smtp":          {{"220 mail\r\n", len("EHLO localhost\r\n")}, {"250-mail\r\n250 STARTTLS\r\n", len("STARTTLS\r\n")}, {"220 go\r\n", 0}},
	"smtp-stripped": {{"220 mail\r\n", len("EHLO localhost\r\n")}, {"250-mail\r\n250 XXXXXXXX\r\n", 0}},
	"smtp-injected": {{"220 mail\r\n", len("EHLO localhost\r\n")}, {"250-mail\r\n250 STARTTLS\r\n", len("STARTTLS\r\n")}, {"220 go\r\n250 injected\r\n", 0}},
	"imap":          {{"* OK mail\r\n", len("a STARTTLS\r\n")}, {"a OK go\r\n", 0}},
	"ldap":          {{"", 31}, {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", 0}},
}

func brokenServer(ts *testscript.TestScript, kind string) testpki.Case {
	for _, broken := range testpki.Must(testpki.Broken(time.Now(), pki.Server)) {
		if broken.Name == strings.ReplaceAll(kind, "-", " ") {
			return broken
		}
	}
	ts.Fatalf("there is no server %q", kind)
	panic("unreachable")
}

// hello reads to the end of what the client says, and answers.
func hello(conn *signet.Conn) {
	io.Copy(io.Discard, conn)
	io.WriteString(conn, "Hello, client!")
	conn.Close()
}

// cut sends a part and ends without a word.
func cut(conn *signet.Conn) {
	io.WriteString(conn, strings.Repeat("x", 65536))
	conn.Abort()
}

// large sends a megabyte.
func large(conn *signet.Conn) {
	io.WriteString(conn, strings.Repeat("0123456789abcdef", 1<<16))
	conn.Close()
}
