package authority

import (
	"net/http"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/recent"
)

func TestCutRefuses(t *testing.T) {
	r := newRig(t, nil)
	one, _ := r.watchAs("proxy/one")
	one.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")}, api.Conn{ID: connID("2"), From: id("web"), To: id("orders")})
	ann := r.as("operator/ann")
	for _, test := range []struct {
		name, body, code string
		status           int
	}{
		{"none", `{"conn":"cabc"}`, string(recent.ConnUnknown), http.StatusNotFound},
		{"too short", `{"conn":"c"}`, string(recent.ConnUnknown), http.StatusNotFound},
		{"nothing", `{}`, "", 0},
		{"somebody unknown", `{"from":"wbe","to":"orders"}`, string(api.IdentityUnknown), http.StatusNotFound},
		{"more than was confirmed", `{"from":"web","to":"orders","most":1}`, string(recent.TooMuchCut), http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, refusal := ann.try("POST", api.PathCut, strings.NewReader(test.body))
			if test.code == "" && status/100 == 2 || test.code != "" && (status != test.status || refusal.Code != test.code) {
				t.Errorf("%d %+v, want %d %s", status, refusal, test.status, test.code)
			}
		})
	}
	// This proxy goes on reporting them, as one that does not obey would.
	done := ask[api.CutDone](ann, "POST", api.PathCut, api.CutRequest{From: "web", To: "orders"})
	if len(done.Ended) != 0 || len(done.Remain) != 2 {
		t.Errorf("of a proxy that does not obey: %+v", done)
	}
}
