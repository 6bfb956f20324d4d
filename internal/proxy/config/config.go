// Package config reads a proxy's configuration: one TOML file, in which every
// key has a meaning here, or is refused with its place.
package config

import (
	"strings"
)

//go:generate go test -run "^TestDocument$" . -update

// File is a whole configuration. Paths in it are relative to its own folder.
type File struct {
	// Folder that enrolment made on this host: identities, roots, policy and
	// revocations then come from the authority. What came last is kept there, for a
	// start while the authority is gone. Leave out `trust_domain`, `roots`, `policy`
	// and `identity`, which are for a proxy without an authority.
	Host string `toml:"host" example:"/var/lib/signet"`
	// Trust domain that all names are in, such as `prod.example`.
	TrustDomain string `toml:"trust_domain" example:"prod.example"`
	// File of the trust domain's roots, in PEM. It is followed: who is no longer
	// vouched for is cut off.
	Roots string `toml:"roots" example:"roots.pem"`
	// Cedar rules: a file, or a folder whose files `*.cedar` all count. They are
	// followed: a connection that they no longer allow is cut off. Without a rule
	// nobody passes.
	Policy string `toml:"policy" example:"rules"`
	// File of the access log, a JSON object a line; `stderr` is standard error.
	// SIGHUP opens it anew.
	Log string `toml:"log" default:"stderr"`
	// How many refusals a second the access log has; those beyond are counted.
	LogRefusals int `toml:"log_refusals" default:"100"`
	// Where this proxy tells how it is, in the clear: `/healthz`, `/readyz` and
	// `/metrics`. A loopback address, such as `127.0.0.1:9090`. It takes a new start.
	Status string `toml:"status" example:"127.0.0.1:9090"`
	// Allows `status` to be an address that other hosts reach.
	StatusPublic bool `toml:"status_public" default:"false"`
	// Unix socket at which `conns`, `cut`, `why` and `status` ask a proxy that has no
	// authority: `signet conns --proxy proxy.toml`. It is for the user whom the proxy
	// runs as, and root; on Linux alone. It takes a new start.
	Admin string `toml:"admin" example:"admin.sock"`
	// Adds `/debug/pprof/` to `status`, for this machine alone.
	Profile bool `toml:"profile" default:"false"`
	// How often files are looked at.
	Follow Duration `toml:"follow" default:"2s"`
	// How long connections may go on after SIGTERM, before they are reset.
	Drain Duration `toml:"drain" default:"30s"`
	// How long an authority may say nothing until this proxy is stale. It sends a
	// sign of life every 5 s.
	StaleAfter Duration `toml:"stale_after" default:"30s"`
	// Who carries the bytes of connections once they are made: `record`, on Linux, takes
	// less of the processors, and less memory for each connection; `std` is Go's
	// crypto/tls. What `record` cannot carry takes `std` by itself. It takes a new start.
	DataPath string `toml:"data_path" default:"record" values:"std, record"`
	// Certificates of this proxy without an authority.
	Identities []Identity `toml:"identity"`
	// Inbound: mutual TLS outside, a plain program inside.
	Services []Service `toml:"service"`
	// Outbound: a plain program inside, mutual TLS outside.
	Doors []Door `toml:"door"`

	source
}

// Identity is who a service or a door is, in files that are followed.
type Identity struct {
	// Name in the trust domain: `orders` is `spiffe://prod.example/orders`.
	Name string `toml:"name" need:"always" example:"orders"`
	// Certificate, with its intermediates, in PEM; its key too, unless `key` says
	// where that is.
	File string `toml:"file" need:"always" example:"orders.pem"`
	// Private key, in PEM.
	Key string `toml:"key" example:"orders.key"`
}

// Service is an inbound port.
type Service struct {
	// Who the service is: a name in the trust domain.
	Identity string `toml:"identity" need:"always" example:"orders"`
	// Where mutual TLS is accepted: `HOST:PORT`, or `systemd:NAME` for a socket that
	// systemd hands over.
	Listen string `toml:"listen" need:"always" example:"0.0.0.0:7443"`
	// Where doors on other hosts reach it, `HOST:PORT`: the authority tells those that
	// have no `addresses`. Without it `listen`, unless that is for all addresses of
	// this host, or a socket of systemd's.
	Advertise string `toml:"advertise" default:"" example:"10.0.0.5:7443"`
	// The program: `HOST:PORT`, or `unix:PATH`. Over a Unix socket a cut stream
	// looks like its end until the program writes.
	Backend string `toml:"backend" need:"always" example:"127.0.0.1:5432"`
	// `v2` has the program hear first who connects: a PROXY protocol header of
	// version 2, with the client's SPIFFE ID in TLV 0xE0 and the connection's ID in
	// TLV 0x05.
	ProxyProtocol string `toml:"proxy_protocol" default:"" values:"v2"`
	Common
}

// Door is an outbound port.
type Door struct {
	// Who the program speaks as: a name in the trust domain.
	Identity string `toml:"identity" need:"always" example:"web"`
	// Who it wants to talk to: a name in the trust domain.
	To string `toml:"to" need:"always" example:"orders"`
	// Where the program connects, in plain: `unix:PATH`, `systemd:NAME`, or a
	// loopback address where `loopback` allows it. A Unix socket has no reset: a
	// stream that was cut looks to the program like its end until it writes.
	Listen string `toml:"listen" need:"always" example:"unix:web-orders.sock"`
	// Allows `listen` to be a port of 127.0.0.1 or [::1]: every user of this
	// machine can then speak as `identity`.
	Loopback bool `toml:"loopback" default:"false"`
	// Users, by name or number, who may connect to a Unix socket; without it, the
	// one whom the proxy runs as.
	Users []string `toml:"users" example:"[\"www-data\"]"`
	// Where the service listens: `HOST:PORT` of each of its proxies, the preferred
	// first. One that cannot be reached is left out for a while. Without it, what
	// the service's proxies tell the authority; without an authority it is needed.
	Addresses []string `toml:"addresses" example:"[\"10.0.0.5:7443\", \"10.0.0.6:7443\"]"`
	// `postgres` answers PostgreSQL's question for TLS: the way to this door needs
	// none, and the way beyond it always has it.
	Protocol string `toml:"protocol" default:"" values:"postgres"`
	Common
}

// Common are the settings of every port.
type Common struct {
	// How long a connection to the program, or to one address of the service with
	// its handshake, may take to be made.
	ConnectTimeout Duration `toml:"connect_timeout" default:"5s"`
	// The most connections at once.
	MaxConnections int `toml:"max_connections" default:"8192"`
	// The most connections at once of one identity.
	MaxConnectionsEach int `toml:"max_connections_each" default:"4096"`
	// What happens once this proxy has been stale for `stale_for`: `closed` ends
	// what is open and lets nobody in, `open` goes on with what was known last.
	WhenStale string `toml:"when_stale" default:"closed" values:"closed, open"`
	// How long this proxy may be stale until `when_stale` counts.
	StaleFor Duration `toml:"stale_for" default:"12h"`
}

// Duration is a time span, such as "30s" or "12h". It is text, so that a bare number
// is a mistake: nobody could tell of what.
type Duration string

// Address splits a listen or backend address: "unix:PATH" and "systemd:NAME"
// have a network of that name, everything else is "tcp".
func Address(text string) (network, address string) {
	for _, network := range []string{"unix", "systemd"} {
		if rest, ok := strings.CutPrefix(text, network+":"); ok {
			return network, rest
		}
	}
	return "tcp", text
}
