package authority

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestCertificateMatrix has every proxy ask for every identity: it gets its own
// and those granted to it, and none else.
func TestCertificateMatrix(t *testing.T) {
	r := newRig(t, nil)
	foreign := testpki.Must(testpki.Must(spiffeid.ParseTrustDomain("prod.example")).ID("web"))
	wanted := []spiffeid.ID{id(Path), id("unheard-of"), foreign, {}}
	for _, path := range slices.Concat(operators, proxies, services) {
		wanted = append(wanted, id(path))
	}
	got, refused := 0, 0
	for _, proxy := range proxies {
		c := r.as(proxy)
		for _, want := range wanted {
			key := testpki.Must(pki.NewKey())
			body := api.CertificateRequest{ID: want, Request: testpki.Must(pki.NewRequest(key))}
			if want != id(proxy) && !slices.Contains(granted[proxy], want.Path()) || want.TrustDomain() != domain {
				status, refusal := c.try("POST", api.PathCertificate, jsonBody(body))
				wantRefusal(t, refusal, NotGranted, proxy+" may not hold")
				if status != http.StatusForbidden {
					t.Errorf("%s asks for %s: status %d, want 403", proxy, want, status)
				}
				refused++
				continue
			}
			answer := ask[api.Certificate](c, "POST", api.PathCertificate, body)
			leaf := testpki.Must(pki.ParseCertificate(answer.Chain[0]))
			if leaf.ID() != want {
				t.Errorf("%s asks for %s and gets %s", proxy, want, leaf.ID())
			}
			issued := testpki.Must(r.store.Certificates(t.Context(), want))
			if !slices.ContainsFunc(issued, func(c control.Certificate) bool { return c.Serial == leaf.Serial() }) {
				t.Errorf("the certificate of %s left without a record", want)
			}
			got++
		}
	}
	if got != 5 || refused != 2*len(wanted)-5 {
		t.Errorf("%d granted and %d refused of %d", got, refused, 2*len(wanted))
	}
}

func TestCertificateRefused(t *testing.T) {
	r := newRig(t, nil)
	c := r.as("proxy/one")
	_, refusal := c.try("POST", api.PathCertificate, jsonBody(api.CertificateRequest{ID: id("web"), Request: []byte("no request")}))
	wantRefusal(t, refusal, pki.RequestInvalid)
	r.revokeInStore("web")
	body := api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(testpki.Must(pki.NewKey())))}
	_, refusal = c.try("POST", api.PathCertificate, jsonBody(body))
	wantRefusal(t, refusal, api.IdentityRevoked)
}

// doors are all there is to ask for, and which kind may.
var doors = []struct {
	method, path string
	kind         control.Kind
}{
	{"GET", api.PathWatch, control.Proxy},
	{"POST", api.PathApplied, control.Proxy},
	{"POST", api.PathEvents, control.Proxy},
	{"POST", api.PathLive, control.Proxy},
	{"POST", api.PathNewest, control.Proxy},
	{"POST", api.PathAllow, control.Operator},
	{"POST", api.PathDeny, control.Operator},
	{"POST", api.PathRevoke, control.Operator},
	{"GET", api.PathConns, control.Operator},
	{"GET", api.PathConn, control.Operator},
	{"GET", api.PathPair, control.Operator},
	{"POST", api.PathToken, control.Operator},
}

func TestKinds(t *testing.T) {
	r := newRig(t, nil)
	before := r.store.State().Revision
	articles := map[control.Kind]string{control.Proxy: "a proxy", control.Operator: "an operator", control.Service: "a service"}
	for path, kind := range map[string]control.Kind{"proxy/one": control.Proxy, "operator/ann": control.Operator, "web": control.Service} {
		c := r.as(path)
		for _, door := range doors {
			if door.kind == kind {
				continue
			}
			status, refusal := c.try(door.method, door.path, strings.NewReader("{}"))
			wantRefusal(t, refusal, NotPermitted, path+" is "+articles[kind]+"; this is for "+articles[door.kind])
			if status != http.StatusForbidden {
				t.Errorf("%s %s as %s: status %d, want 403", door.method, door.path, path, status)
			}
		}
	}
	if after := r.store.State().Revision; after != before {
		t.Errorf("the revision went from %d to %d", before, after)
	}
	// That they are let in where they belong is what makes this a test.
	ask[api.Conns](r.as("operator/ann"), "GET", api.PathConns, nil)
	r.watchAs("proxy/one")
}

func TestBadRequests(t *testing.T) {
	r := newRig(t, nil)
	const huge = api.MaxRequest + 1
	tests := []struct {
		name         string
		as           string
		method, path string
		body         io.Reader
		code         fault.Code
		text         string
	}{
		{"unknown path", "operator/ann", "GET", "/v1/nothing", nil, BadRequest, `there is no GET "/v1/nothing" here`},
		{"the root", "operator/ann", "GET", "/", nil, BadRequest, "there is no"},
		{"a path that wants cleaning", "operator/ann", "GET", "/v1//conns", nil, BadRequest, "there is no"},
		{"an endless path", "operator/ann", "GET", "/" + strings.Repeat("x", 5000), nil, BadRequest, "there is no"},
		{"wrong method", "operator/ann", "GET", api.PathAllow, nil, BadRequest, "there is no GET"},
		{"unheard-of method", "operator/ann", "BREW", api.PathConns, nil, BadRequest, "there is no BREW"},
		{"no body", "operator/ann", "POST", api.PathAllow, nil, BadRequest, "not the JSON"},
		{"broken JSON", "operator/ann", "POST", api.PathAllow, strings.NewReader(`{"from":`), BadRequest, "not the JSON"},
		{"another type", "operator/ann", "POST", api.PathAllow, strings.NewReader(`["web"]`), BadRequest, "not the JSON"},
		{"more behind it", "operator/ann", "POST", api.PathAllow, strings.NewReader(`{} {}`), BadRequest, "not the JSON"},
		{"deep JSON", "operator/ann", "POST", api.PathAllow, strings.NewReader(strings.Repeat("[", 100_000)), BadRequest, "not the JSON"},
		{"too large", "operator/ann", "POST", api.PathRevoke, strings.NewReader(strings.Repeat(" ", huge)), BadRequest, "more than 1048576 bytes"},
		{"a huge reason", "operator/ann", "POST", api.PathRevoke, jsonBody(api.RevokeRequest{Who: "web", Because: strings.Repeat("é", maxReason+1)}), BadRequest, "the reason has 1001 characters; 1000 are the most"},
		{"a huge reason of a rule", "operator/ann", "POST", api.PathDeny, jsonBody(api.PairRequest{From: "web", To: "orders", Because: strings.Repeat("x", maxReason+1)}), BadRequest, "the reason has"},
		{"nobody", "operator/ann", "POST", api.PathAllow, strings.NewReader(`{}`), spiffeid.InvalidID, ""},
		{"too many events", "proxy/one", "POST", api.PathEvents, jsonBody(api.Batch{Number: 1, Events: make([]json.RawMessage, api.MaxBatch+1)}), BadRequest, "1001 events; 1000 are the most"},
		{"too many certificates", "proxy/one", "POST", api.PathNewest, jsonBody(make([]api.Issued, api.MaxBatch+1)), BadRequest, "1001 certificates are asked for; 1000 are the most"},
		{"broken certificates", "proxy/one", "POST", api.PathNewest, strings.NewReader(`[{"id":"x"}]`), BadRequest, "not the JSON"},
		{"a report without a watch", "proxy/one", "POST", api.PathApplied, jsonBody(api.Applied{}), BadRequest, "without a watch"},
		{"an ID that is none", "proxy/one", "POST", api.PathApplied, strings.NewReader(`{"ended":[{"from":"spiffe://"}]}`), BadRequest, "not the JSON"},
		{"events without a number", "proxy/one", "POST", api.PathEvents, jsonBody(api.Batch{Run: "a"}), BadRequest, "a number from 1 on"},
		{"an endless run", "proxy/one", "POST", api.PathEvents, jsonBody(api.Batch{Run: strings.Repeat("x", maxWord+1), Number: 1}), BadRequest, "a run of at most 64 bytes"},
		{"events won back", "proxy/one", "POST", api.PathEvents, jsonBody(api.Batch{Number: 1, Lost: -1}), BadRequest, "no less than 0 events lost"},
		{"broken events", "proxy/one", "POST", api.PathEvents, strings.NewReader(`{`), BadRequest, "cannot be read"},
		{"half an event", "proxy/one", "POST", api.PathEvents, strings.NewReader("{}\n{"), BadRequest, "does not end"},
		{"a broken answer", "proxy/one", "POST", api.PathLive, strings.NewReader(`{`), BadRequest, "not the JSON"},
		{"a broken certificate request", "proxy/one", "POST", api.PathCertificate, strings.NewReader(`{`), BadRequest, "not the JSON"},
		{"no connection", "operator/ann", "GET", api.PathConn, nil, recent.ConnUnknown, "at least two characters"},
		{"a connection unheard of", "operator/ann", "GET", api.PathConn + "?id=c0ffee", nil, recent.ConnUnknown, "no connection c0ffee"},
		{"no pair", "operator/ann", "GET", api.PathPair, nil, spiffeid.InvalidID, ""},
		{"a pair unheard of", "operator/ann", "GET", api.PathPair + "?from=web&to=wbe", nil, api.IdentityUnknown, "no identity is called wbe"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, refusal := r.as(test.as).try(test.method, test.path, test.body)
			wantRefusal(t, refusal, test.code, test.text)
			if status/100 != 4 {
				t.Errorf("status %d, want 4xx", status)
			}
		})
	}
}

// TestSlowBody sends a part of a body and nothing more.
func TestSlowBody(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.slowest = 200 * time.Millisecond })
	body, more := io.Pipe()
	defer more.Close()
	go io.WriteString(more, `{"from":`) // ends when the body is closed
	status, refusal := r.as("operator/ann").try("POST", api.PathAllow, body)
	wantRefusal(t, refusal, BadRequest, "did not arrive whole")
	if status != http.StatusBadRequest {
		t.Errorf("status %d, want 400", status)
	}
}

// TestRevokedAtOnce revokes a proxy and an operator that are connected.
func TestRevokedAtOnce(t *testing.T) {
	for _, test := range []struct{ path, method, ask, body string }{
		{"proxy/one", "POST", api.PathNewest, `[]`},
		{"operator/bob", "GET", api.PathConns, ""},
	} {
		t.Run(test.path, func(t *testing.T) {
			r := newRig(t, nil)
			old := r.as(test.path)
			if status, refusal := old.try(test.method, test.ask, strings.NewReader(test.body)); status/100 != 2 {
				t.Fatalf("before the revocation: %d %+v", status, refusal)
			}
			for i := range 2 {
				resumed, err := old.connect()
				if err != nil || resumed != (i > 0) {
					t.Fatalf("connection %d: resumed %v, %v: the test would show nothing", i, resumed, err)
				}
			}
			r.revokeInStore(test.path)
			status, refusal := old.try(test.method, test.ask, strings.NewReader(test.body))
			wantRefusal(t, refusal, api.IdentityRevoked, "was revoked in revision 2")
			if status != http.StatusForbidden {
				t.Errorf("on the live connection: status %d, want 403", status)
			}
			if _, err := old.connect(); !errors.Is(err, signet.RefusedByPeer) {
				t.Errorf("with a ticket: %v, want a refusal", err)
			}
			if _, err := r.as(test.path).connect(); !errors.Is(err, signet.RefusedByPeer) {
				t.Errorf("with a new certificate: %v, want a refusal", err)
			}
		})
	}
}

func TestRevokedWatchEnds(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	other, _ := r.watchAs("proxy/two")
	r.revokeInStore("proxy/one")
	if last := w.slice(); last.Revision != 2 || len(last.Identities) != 0 || len(last.Rules) != 0 || len(last.Revoked) != 1 {
		t.Errorf("the last that the revoked proxy hears is %+v, want that it may hold nobody", last)
	}
	if update, ok := w.next(); ok {
		t.Errorf("the revoked proxy's watch went on with %+v", update)
	}
	if slice := other.slice(); slice.Revision != 2 || len(slice.Revoked) != 1 {
		t.Errorf("the other proxy's watch says %+v, want the revocation", slice)
	}
}

// TestStrangers have no certificate of this trust domain's, or one of nobody.
func TestStrangers(t *testing.T) {
	r := newRig(t, nil)
	foreign := testpki.Must(testpki.New(time.Now()))
	tests := []struct {
		name string
		own  identity.Source
		code fault.Code
	}{
		{"no certificate", nil, signet.ClientCertRequired},
		{"a foreign root's", identity.Static(testpki.Must(foreign.Workload("spiffe://test.signet/operator/ann"))), signet.RefusedByPeer},
		{"a foreign trust domain's", identity.Static(testpki.Must(foreign.Workload("spiffe://prod.example/operator/ann"))), signet.RefusedByPeer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := r.with(test.own).connect(); !errors.Is(err, test.code) {
				t.Errorf("the answer is %v, want [%s]", err, test.code)
			}
		})
	}
	if _, err := r.as("unheard-of").connect(); !errors.Is(err, signet.RefusedByPeer) {
		t.Errorf("somebody who is not enrolled: %v, want a refusal", err)
	}
}
