package signet

import (
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// otherHosts is the key of Server.Hosts for all names that are not in it, and for
// clients that name none.
const otherHosts = "*"

// forAllHosts are the fields that count where a Server has Hosts; all others would be
// left aside without a word.
var forAllHosts = []string{"Hosts", "HandshakeTimeout", "MaxHandshakeBytes", "MaxHandshakes", "Trace", "Now", "Logger"}

// checkHosts says why the Server cannot pass connections on to its Hosts, or nil, and
// keeps them by their names in small letters.
func (s *Server) checkHosts() error {
	for field, value := range reflect.ValueOf(s).Elem().Fields() {
		if field.IsExported() && !slices.Contains(forAllHosts, field.Name) && !value.IsZero() {
			return fault.New(ConfigInvalid, "the server has Hosts, and %s besides, which nobody would look at", field.Name).
				WithHint(`set it on the servers in Hosts, of which "*" serves all other names`)
		}
	}
	s.hosts = map[string]*Server{}
	for name, host := range s.Hosts {
		key := strings.ToLower(name)
		switch {
		case key != otherHosts && !pki.IsHostname(strings.TrimPrefix(key, "*.")):
			return fault.New(ConfigInvalid, "%q in Hosts is no name of hosts", fault.Printable(name, 80)).
				WithHint(`write www.example.com, *.example.com for all names just below one, or * for all others`)
		case s.hosts[key] != nil:
			return fault.New(ConfigInvalid, "%s is twice in Hosts: capital letters do not count", key).WithHint("leave one of the two away")
		case host == nil || len(host.Hosts) > 0:
			return fault.New(ConfigInvalid, "the host %s has no server of its own", name).WithHint("give it a Server with an Identity, and Roots or Public")
		}
		if _, err := host.config(); err != nil {
			return fault.Wrap(err, ConfigInvalid, "the host %s", name).WithHint("mend the Server that Hosts has for it")
		}
		s.hosts[key] = host
	}
	return nil
}

// host returns who serves a name: the Server itself unless it has Hosts, of these
// the one of exactly this name, or of the wildcard that stands for its first label
// (RFC 9525, section 6.3), or of all others; nil: nobody does.
func (s *Server) host(name string) *Server {
	if s.hosts == nil {
		return s
	}
	if name = strings.ToLower(name); pki.IsHostname(name) {
		_, parent, _ := strings.Cut(name, ".")
		for _, key := range []string{name, "*." + parent} {
			if host := s.hosts[key]; host != nil {
				return host
			}
		}
	}
	return s.hosts[otherHosts]
}

func hostUnknown(name string) error {
	if name == "" {
		return fault.New(HostUnknown, "the client did not say which host it wants").
			WithHint(`have it send the host's name (SNI), or give Hosts a server for "*"`)
	}
	return fault.New(HostUnknown, "the client wants %s, which is not in Hosts", fault.Printable(name, 80)).
		WithHint(`add it to Hosts, or give that a server for "*"`)
}

// directed answers requests for a host only on connections to that host: one that was
// verified by the rules of another proves nothing here. HTTP/2 clients go on with one
// connection for hosts that share a certificate, and on this answer make another
// (RFC 9110, section 15.5.20).
func (s *Server) directed(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		wanted := in.Host
		if host, _, err := net.SplitHostPort(wanted); err == nil {
			wanted = host
		}
		peer := PeerOf(in.Context())
		if _, err := s.config(); err != nil || peer == nil || s.host(wanted) == nil || s.host(wanted) != s.host(peer.ServerName) {
			http.Error(out, "this connection was made for another host", http.StatusMisdirectedRequest)
			return
		}
		handler.ServeHTTP(out, in)
	})
}
