package cli

import (
	"slices"
	"strings"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/identity/staple"
	"github.com/signet-tls/signet/identity/workload"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/delivery"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/proxy/config"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/internal/starttls"
	"github.com/signet-tls/signet/internal/tamper"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/tlog"
	"github.com/signet-tls/signet/verify"
)

//go:generate go test -run "^(TestErrorsDocument|TestBadHosts)$" . -update

// registry joins every package's table of codes, in alphabetical order.
func registry() []fault.Entry {
	entries := slices.Concat(
		spiffeid.Codes(), pki.Codes(), pkcs12.Codes(), pkcs7.Codes(), revocation.Codes(), fetch.Codes(), verify.Codes(), identity.Codes(), staple.Codes(), workload.Codes(), dangerous.Codes(), ciphers.Codes(), signet.Codes(), engine.Codes(), tlog.Codes(), policy.Codes(),
		bind.Codes(), control.Codes(), ca.Codes(), api.Codes(), audit.Codes(), recent.Codes(), authority.Codes(), agent.Codes(), live.Codes(), proxy.Codes(), config.Codes(), delivery.Codes(),
		tamper.Codes(), starttls.Codes(), recognise.Codes(), Codes(),
	)
	slices.SortStableFunc(entries, func(a, b fault.Entry) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return entries
}
