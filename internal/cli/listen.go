package cli

import (
	"context"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

type listenCmd struct {
	Address string `arg:"" name:"HOST:PORT" help:"Where to listen. The first client that comes in gets standard input, and what it sends goes to standard output."`
	As      string `placeholder:"NAME|FILE" help:"Who we are: an identity known on this host, which brings its trust domain's roots, or a PEM file."`
	guests
	Echo bool `help:"Send back to every client what it sends, until Ctrl-C."`
	WWW  bool `name:"www" help:"Answer every client's HTTP requests with what is known of it, until Ctrl-C."`
	protocols
	tracing
	plain
}

// guests are the flags that say who may connect.
type guests struct {
	Public  bool     `help:"Anybody may connect, and is not asked who they are."`
	Roots   string   `placeholder:"FILE|DOMAIN" help:"Whom to believe about clients: a file of certificates, or a trust domain known on this host."`
	Pin     []string `sep:"none" placeholder:"FILE|PIN" help:"In the place of roots: believe exactly this certificate, in a file, or this key, sha256//… as inspect shows it, whoever signed it. Once for each."`
	Name    string   `placeholder:"NAME" help:"Who a client must be: an identity of the trust domain; elsewhere a host name, a URI or an e-mail address."`
	AnyName string   `placeholder:"REASON" help:"In the place of --name: anybody may connect for whom the roots vouch, whatever their name. Say why."`
}

func (listenCmd) Help() string {
	return "signet listen localhost:8443 --as server.pem --public --www\n" +
		"signet listen 127.0.0.1:8443 --as orders --name web\n" +
		"signet listen :8443 --as server.pem --roots ca.pem --any-name \"a test of clients\" --echo"
}

func (c *listenCmd) run(ctx context.Context, s *shell) error {
	if err := c.consistent(); err != nil {
		return err
	}
	if err := checkPort(ctx, c.Address); err != nil {
		return err
	}
	own, home, err := c.own(s)
	if err != nil {
		return err
	}
	r := &reception{shell: s, www: c.WWW, echo: c.Echo, protocols: c.protocols, tracing: c.tracing, seats: make(seats, maxSessions)}
	server := &signet.Server{Identity: identity.Static(own), Public: c.Public, ALPN: c.ALPN}
	if c.Trace {
		server.Trace = r.timelines.hear
	}
	if c.WWW {
		server.ALPN = []string{"http/1.1"}
	}
	if !c.Public {
		b, err := c.invited(s, home)
		if err != nil {
			return err
		}
		server.Roots, server.Name, r.origin = b.roots, b.name, b.origin
	}
	if r.Listener, err = server.Listen(ctx, c.Address); err != nil {
		return err
	}
	defer r.Close()
	s.note("listening", "%s as %s, %s left; %s", r.Addr(), s.holder(own.Leaf()), verify.Between(time.Now(), own.Leaf().NotAfter()), c.expected(r.origin))
	return r.run(ctx)
}

// consistent refuses flags that contradict each other, or say too little.
func (c *listenCmd) consistent() error {
	const oneOut = "leave one of them out"
	switch {
	case c.As == "":
		return fault.New(Usage, "who are we? --as is missing").
			WithHint("name a PEM file with a certificate and its key: --as localhost.pem\nsignet cert new server localhost --self-signed      # makes one, for development")
	case c.Echo && c.WWW:
		return fault.New(Usage, "--echo and --www are given: both say what a client gets").WithHint(oneOut)
	case c.WWW && len(c.ALPN) > 0:
		return fault.New(Usage, "--alpn and --www are given: HTTP's is http/1.1 here").WithHint(oneOut)
	case c.Public && c.Roots+c.Name+c.AnyName+strings.Join(c.Pin, "") != "":
		return fault.New(Usage, "--public lets everybody in, and it is also said who may connect").
			WithHint("leave out --public, or else --roots, --pin, --name and --any-name")
	case c.Name != "" && c.AnyName != "":
		return fault.New(Usage, "--name and --any-name are given: one client, or any").WithHint(oneOut)
	}
	return nil
}

// own is who we are, if any client could accept that.
func (c *listenCmd) own(s *shell) (*pki.Credential, *folder, error) {
	own, home, err := s.identity(c.As)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := verify.Pin(fileTitle(c.As), own.Leaf())
	if err == nil {
		_, err = verify.Verify(own.Chain, verify.Options{Roots: pinned, Name: verify.Any("it is our own")})
	}
	return own, home, inFile(err, c.As)
}

// invited is who may connect, of those who are asked who they are.
func (c *listenCmd) invited(s *shell, home *folder) (b basis, err error) {
	t := trust{Roots: c.Roots, Pin: c.Pin, Name: c.Name, As: c.As}
	if err := s.believe(&b, t, home); err != nil {
		return b, t.orPin(err, "listen", c.Address)
	}
	line := t.command("listen", c.Address)
	switch {
	case b.roots.IsZero():
		err = fault.New(Usage, "who may connect? Neither --public nor --roots is given").
			WithHint("%s --public      # anybody\nor --roots, a file of those whom you believe about clients, with --name", line)
	case c.AnyName != "":
		b.name = verify.Any(c.AnyName)
	case c.Name == "":
		err = fault.New(verify.NameMissing, "it was not said who may connect, of those for whom %s vouches", b.origin).
			WithHint("%s --name web      # or who else it must be\n%s --any-name REASON      # whatever the name", line, line)
	}
	return b, err
}

// expected says who may connect.
func (c *listenCmd) expected(origin string) string {
	switch {
	case c.Public:
		return "anybody may connect"
	case c.AnyName != "":
		return "anybody may connect for whom " + origin + " vouches"
	}
	return c.Name + " may connect, if " + origin + " vouches for it"
}
