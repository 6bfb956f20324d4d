package metrics

// Labels that several metrics have.
var (
	side      = Label{"side", "door, service", 2}
	identity  = Label{"identity", "a path in the trust domain, of those that this proxy serves or speaks as", 100}
	outcome   = Label{"outcome", "ok, or the code of the refusal", 100}
	code      = Label{"code", "a code of docs/errors.md", 100}
	direction = Label{"direction", "sent (from the client to the service), back", 2}
	path      = Label{"path", "std, record: as data_path in a proxy's configuration", 2}
	request   = Label{"request", "a path of the authority's, such as /v1/watch", 50}
)

// What a proxy tells.
var (
	ProxyHandshakes       = Metric{"signet_proxy_handshakes_total", Counter, "handshakes", []Label{side, outcome}, "TLS handshakes that came to an end, by what became of them; a refusal by policy is one."}
	ProxyHandshakeTime    = Metric{"signet_proxy_handshake_seconds", Histogram, "seconds", []Label{side}, "Time that a handshake took, with the network's; at a door with connecting."}
	ProxyVerificationTime = Metric{"signet_proxy_verification_seconds", Histogram, "seconds", nil, "Time that verifying a client's certificates took, where they were accepted."}
	ProxyPolicyTime       = Metric{"signet_proxy_policy_seconds", Histogram, "seconds", []Label{side}, "Time that one decision by the rules took."}
	ProxyDecisions        = Metric{"signet_proxy_decisions_total", Counter, "decisions", []Label{side, outcome}, "Decisions by the rules on connections that somebody wanted."}
	ProxyConnections      = Metric{"signet_proxy_connections", Gauge, "connections", []Label{side, identity}, "Connections that are being carried."}
	ProxyBytes            = Metric{"signet_proxy_bytes_total", Counter, "bytes", []Label{side, identity, direction}, "Bytes that programs sent each other, without TLS's own."}
	ProxyOpened           = Metric{"signet_proxy_opened_total", Counter, "connections", []Label{side}, "Connections that were opened: verified, allowed and joined with their program."}
	ProxyRefused          = Metric{"signet_proxy_refused_total", Counter, "connections", []Label{side, code}, "Connections that were not let in."}
	ProxyEnded            = Metric{"signet_proxy_ended_total", Counter, "connections", []Label{side, code}, "Connections that ended; closed is an end that both sides wanted."}
	ProxyCarried          = Metric{"signet_proxy_carried_total", Counter, "connections", []Label{side, path}, "Connections that ended, by who carried their bytes."}
	ProxyRevision         = Metric{"signet_proxy_revision", Gauge, "number", nil, "Revision of the truth that is in force; 0 before the first."}
	ProxyStale            = Metric{"signet_proxy_stale", Gauge, "0 or 1", nil, "1 while the authority has said nothing for longer than stale_after."}
	ProxySilence          = Metric{"signet_proxy_silence_seconds", Gauge, "seconds", nil, "Time since the authority last said anything."}
	ProxyCertificate      = Metric{"signet_proxy_certificate_seconds", Gauge, "seconds", []Label{identity}, "Time that the present certificate of an identity has left; 0 where there is none."}
	ProxyLogWaiting       = Metric{"signet_proxy_access_log_waiting", Gauge, "lines", nil, "Lines of the access log that wait to be written."}
	ProxyLogLeftOut       = Metric{"signet_proxy_access_log_left_out_total", Counter, "lines", nil, "Lines that the access log left out: refusals beyond log_refusals, and what the disk was too slow for."}
	ProxyLogFailed        = Metric{"signet_proxy_access_log_failed_total", Counter, "lines", nil, "Lines of the access log that could not be written."}
	ProxyEventsWaiting    = Metric{"signet_proxy_events_waiting", Gauge, "events", nil, "Events that the authority has yet to take."}
	ProxyEventsLost       = Metric{"signet_proxy_events_lost_total", Counter, "events", nil, "Events for which there was no room, or that the authority refused."}
)

// What an authority tells.
var (
	AuthorityRequests    = Metric{"signet_authority_requests_total", Counter, "requests", []Label{request, outcome}, "Requests that were answered; a watch is answered when it ends."}
	AuthorityRequestTime = Metric{"signet_authority_request_seconds", Histogram, "seconds", []Label{request}, "Time that an answer took, but for watches."}
	AuthorityRevision    = Metric{"signet_authority_revision", Gauge, "number", nil, "The present revision of the truth."}
	AuthorityIdentities  = Metric{"signet_authority_identities", Gauge, "identities", []Label{{"kind", "proxy, service, operator", 3}}, "Identities that are known and not revoked."}
	AuthorityRules       = Metric{"signet_authority_rules", Gauge, "rules", nil, "Rules of the policy."}
	AuthorityRevoked     = Metric{"signet_authority_revocations", Gauge, "revocations", nil, "Identities that were revoked."}
	AuthorityProxies     = Metric{"signet_authority_proxies", Gauge, "proxies", []Label{{"state", "up_to_date, behind, cut_off, stale, absent", 5}}, "Proxies that are not revoked, each in one state; stale are those that were cut off for longer than 30 s, absent those that have no certificate."}
	AuthorityAudit       = Metric{"signet_authority_audit_entries", Gauge, "entries", nil, "Entries of the audit log that are durable."}
	AuthorityAuditFailed = Metric{"signet_authority_audit_failed_total", Counter, "writes", nil, "Writes to the audit log that failed: what they were about was refused."}
	AuthorityIssued      = Metric{"signet_authority_certificates_total", Counter, "certificates", nil, "Certificates that were issued and put on record."}
	AuthorityEvents      = Metric{"signet_authority_events_total", Counter, "events", []Label{{"kind", "opened, refused, ended, changed", 4}}, "Events that were taken in."}
	AuthorityEventsLost  = Metric{"signet_authority_events_lost_total", Counter, "events", nil, "Events that proxies say they had no room for."}
	AuthorityCertificate = Metric{"signet_authority_certificate_seconds", Gauge, "seconds", []Label{{"certificate", "root, intermediate", 2}}, "Time that the authority's own certificates have left."}
	AuthorityStrangers   = Metric{"signet_authority_strangers", Gauge, "connections", nil, "Connections that have shown no certificate: of hosts that join, and of whoever else is there."}
)

// Declared are all metrics, in the order of their page.
func Declared() []Metric {
	return []Metric{
		ProxyHandshakes, ProxyHandshakeTime, ProxyVerificationTime, ProxyPolicyTime, ProxyDecisions, ProxyConnections, ProxyBytes, ProxyOpened, ProxyRefused, ProxyEnded, ProxyCarried,
		ProxyRevision, ProxyStale, ProxySilence, ProxyCertificate, ProxyEventsWaiting, ProxyEventsLost, ProxyLogWaiting, ProxyLogLeftOut, ProxyLogFailed,
		AuthorityRequests, AuthorityRequestTime, AuthorityRevision, AuthorityIdentities, AuthorityRules, AuthorityRevoked, AuthorityProxies, AuthorityAudit,
		AuthorityAuditFailed, AuthorityIssued, AuthorityEvents, AuthorityEventsLost, AuthorityCertificate, AuthorityStrangers,
	}
}
