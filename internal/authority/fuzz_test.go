package authority

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// FuzzRequests reads every message of the authority from any bytes, and goes on
// with what was read as the handlers do.
func FuzzRequests(f *testing.F) {
	for _, message := range []any{
		api.PairRequest{From: "web", To: "orders", Because: "a test"},
		api.RevokeRequest{Who: "web"},
		api.CertificateRequest{ID: id("web"), Request: []byte{0x30, 0}},
		api.Applied{Revision: 2, Ended: []api.EndedConn{{ID: connID("1"), From: id("web"), To: id("orders")}}},
		api.Live{Ask: 1, Conns: []api.Conn{{ID: connID("1"), From: id("web"), To: id("orders")}}},
		[]api.Issued{{ID: id("web"), Serial: "0a"}},
		api.NewBatch("a", 1, []api.Event{{Kind: api.Opened, Conn: connID("1"), Side: api.Service, From: id("web"), To: id("orders"), Reason: "\x1b"}}, 1),
	} {
		f.Add(testpki.Must(io.ReadAll(jsonBody(message))))
	}
	f.Add([]byte(`{"run":"a","number":1}` + "\n" + `{"time":"9999-12-31T23:59:59-23:59"}` + "\n"))
	state := &control.State{TrustDomain: domain, Grants: map[control.Grant]struct{}{{Proxy: id("proxy/one"), Identity: id("web")}: {}}}
	a := &Authority{domain: domain}
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 1 << 16
		read := func(value any) bool {
			err := readJSON(httptest.NewRequest("POST", "/", bytes.NewReader(body)), limit, value)
			if e, ok := fault.Of(err); err != nil && (!ok || e.Code != BadRequest || e.Hint == "") {
				t.Errorf("the error is %v, want [%s] with a next step", err, BadRequest)
			}
			if err == nil && len(body) > limit {
				t.Error("more was read than may be")
			}
			return err == nil
		}
		var pair api.PairRequest
		if read(&pair) {
			a.domain.Named(pair.From)
			checkReason(pair.Because)
		}
		var who api.RevokeRequest
		if read(&who) {
			a.domain.Named(who.Who)
		}
		var certificate api.CertificateRequest
		if read(&certificate) {
			pki.ParseRequest(certificate.Request)
		}
		var enrollment api.EnrollRequest
		if read(&enrollment) {
			api.HashSecret(enrollment.Secret)
			pki.ParseRequest(enrollment.Request)
		}
		var wanted api.TokenRequest
		if read(&wanted) {
			if n, err := a.newcomer(wanted); err == nil {
				n.check(a, state)
			}
		}
		var applied api.Applied
		if read(&applied) {
			new(proxy).add(report{Applied: applied})
		}
		var live api.Live
		if read(&live) {
			merge(answer{id("proxy/one"): live.Conns}, state, nil)
			merge(answer{id("proxy/one"): live.Conns, id("proxy/two"): live.Conns}, state, nil)
		}
		var certs []api.Issued
		if read(&certs) {
			for _, cert := range certs {
				successor([]control.Certificate{{Serial: cert.Serial, ID: id("web")}}, cert)
			}
		}
		if _, events, err := readBatch(body); err == nil {
			var j recent.Events
			for _, event := range events {
				if !mayTell(state, id("proxy/one"), &event) {
					continue
				}
				event = kept(event, id("proxy/one"))
				if event.Kind == api.Changed || len(event.Reason) > 4*(maxText+1) {
					t.Errorf("%+v was kept", event)
				}
				j.Add(event)
			}
			for conn := range j.Connections("c") {
				j.History(conn)
			}
		}
	})
}
