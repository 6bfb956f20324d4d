package authority

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
)

func TestMeters(t *testing.T) {
	r := newRig(t, nil)
	one, slice := r.watchAs("proxy/one")
	one.report(api.Applied{Revision: slice.Revision})
	one.tell(api.Event{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders"), Code: "no_rule"})
	ann := r.as("operator/ann")
	ask[api.Policy](ann, "GET", api.PathPolicy, nil)
	ann.try("GET", "/v1/nothing-"+strings.Repeat("x", 100), nil)
	one.try("GET", api.PathConns, nil)
	if _, err := r.Credential(t.Context(), id("web")); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.meters.set.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`signet_authority_requests_total{outcome="ok",request="/v1/policy"} 1`,
		`signet_authority_requests_total{outcome="not_permitted",request="/v1/conns"} 1`,
		`signet_authority_requests_total{outcome="bad_request",request="other"} 1`,
		`signet_authority_request_seconds_count{request="/v1/policy"} 1`,
		`signet_authority_proxies{state="cut_off"} 1`,
		`signet_authority_proxies{state="up_to_date"} 1`,
		`signet_authority_identities{kind="service"} 4`,
		`signet_authority_events_total{kind="refused"} 1`,
		`signet_authority_revision 1`,
		`signet_authority_certificate_seconds{certificate="root"} `,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(text.String(), "nothing-") {
		t.Error("a path that a client chose is a label")
	}
	if t.Failed() {
		t.Log(&text)
	}
	if why := r.Ready(); len(why) != 0 {
		t.Errorf("it is not ready: %q", why)
	}
}

// TestReadyOnlyWhereItLogs takes the audit log away.
func TestReadyOnlyWhereItLogs(t *testing.T) {
	r := newRig(t, nil)
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	ann := r.as("operator/ann")
	if status, refusal := ann.try("POST", api.PathAllow, strings.NewReader(`{"from":"web","to":"orders"}`)); status != http.StatusServiceUnavailable {
		t.Errorf("without a log: %d %+v", status, refusal)
	}
	if why := r.Ready(); len(why) != 1 || !strings.Contains(why[0], "audit log") {
		t.Errorf("it is ready but for %q", why)
	}
}
