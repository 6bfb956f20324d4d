package authority

import (
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
)

// TestMeantKind: who mistypes a kind does not get a service, and who means one does.
func TestMeantKind(t *testing.T) {
	for path, want := range map[string]string{
		"Proxy/edge-1": "proxy/edge-1", "proxies/edge-1": "proxy/edge-1", "porxy/a": "proxy/a", "PROXY/a/b": "proxy/a/b", "prox/a": "proxy/a", "proxys/a": "proxy/a",
		"op/ann": "operator/ann", "operators/ann": "operator/ann", "Operator/ann": "operator/ann", "opertor/ann": "operator/ann",
		"operator/operator/ann": "operator/ann", "operator/proxy/x": "proxy/x", "proxy/Operator/x": "operator/x",
		"proxy/edge-1": "", "operator/ann": "", "web": "", "proxies": "", "team/ops": "", "prod/web": "", "pro/web": "", "ops/web": "", "opera/web": "", "box/a": "", "proxy/team/a": "",
	} {
		if have := meantKind(path); have != want {
			t.Errorf("%s: %q is meant, want %q", path, have, want)
		}
	}
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	_, refusal := ann.try("POST", api.PathToken, jsonBody(api.TokenRequest{Who: "op/eve", For: maxTokenLife}))
	wantRefusal(t, refusal, BadRequest, "op/eve would be a service; did you mean operator/eve?", "signet token new operator/eve", "--kind service")
	_, refusal = ann.try("POST", api.PathToken, jsonBody(api.TokenRequest{Who: "proxy/new", Holds: []string{"proxies/x"}, For: maxTokenLife}))
	wantRefusal(t, refusal, BadRequest)
	ask[api.TokenMade](ann, "POST", api.PathToken, api.TokenRequest{Who: "op/eve", Kind: "service", For: maxTokenLife})
	_, _, err := r.MakeOperator(t.Context(), id("operator/proxy/x"), "")
	wantCode(t, err, BadRequest)
}
