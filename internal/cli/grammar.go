package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/alecthomas/kong"
)

// grammar is the whole command line.
type grammar struct {
	Help helpFlag `short:"h" help:"Help, with an example."`
	Data string   `env:"SIGNET_DATA" placeholder:"DIR" help:"Folder of the trust domain that is meant (environment: SIGNET_DATA); needed only where several are known."`

	Up       upCmd        `cmd:"" group:"Connection" help:"the whole system on this machine"`
	Connect  connectCmd   `cmd:"" group:"Connection" help:"speak TLS to a peer that has proved who it is"`
	Listen   listenCmd    `cmd:"" group:"Connection" help:"be the server of whoever has proved who they are"`
	Conns    connsCmd     `cmd:"" group:"Connection" help:"live connections"`
	Cut      cutCmd       `cmd:"" group:"Connection" help:"end live connections, and change no rule: they may come back"`
	Proxy    proxyCmds    `cmd:"" group:"Connection" help:"carry programs that cannot be changed"`
	Verify   verifyCmd    `cmd:"" group:"Roots" help:"may I trust this host, or the certificate in this file?"`
	Cert     certCmds     `cmd:"" group:"Identity" help:"certificates in files"`
	Convert  convertCmd   `cmd:"" group:"Identity" args:"FILE OUT-FILE" help:"the same in another form: PEM, DER, PKCS#8, PKCS#12, PKCS#7"`
	Crl      crlCmds      `cmd:"" group:"Identity" help:"revocation lists in files"`
	Key      keyCmds      `cmd:"" group:"Identity" help:"private keys"`
	Revoke   revokeCmd    `cmd:"" group:"Identity" help:"an identity is no longer trusted; what it has open ends"`
	Restore  restoreCmd   `cmd:"" group:"Identity" help:"a revoked identity may come back, with a new key"`
	Identity identityCmds `cmd:"" group:"Identity" help:"who there is"`
	Grant    grantCmd     `cmd:"" group:"Identity" help:"let a host's proxy hold an identity"`
	Ungrant  ungrantCmd   `cmd:"" group:"Identity" help:"take that back; what stands on it ends"`
	Token    tokenCmds    `cmd:"" group:"Identity" help:"what a host joins by"`
	Enroll   enrollCmd    `cmd:"" group:"Identity" help:"join a trust domain, by a token on standard input"`
	Agent    agentCmd     `cmd:"" group:"Identity" args:"[NAME -- COMMAND…]" help:"keep certificates in files, for programs that read them"`
	Allow    allowCmd     `cmd:"" group:"Policy" help:"let one identity open connections to another"`
	Deny     denyCmd      `cmd:"" group:"Policy" help:"forbid it; what is open between them ends"`
	Policy   policyCmds   `cmd:"" group:"Policy" help:"rules as text"`
	Why      whyCmd       `cmd:"" group:"Evidence" args:"CONN | FROM TO | CODE" help:"any question: a connection, a pair, or the code of an error"`
	Status   statusCmd    `cmd:"" group:"Evidence" help:"authority, proxies and certificates: does anything need you?"`
	Tamper   tamperCmd    `cmd:"" group:"Evidence" help:"attack TLS on purpose, and count what gets through"`
	File     fileCmds     `cmd:"" group:"Evidence" help:"detached signatures"`
	Inspect  inspectCmd   `cmd:"" group:"Evidence" help:"what is in this file?"`
	Audit    auditCmds    `cmd:"" group:"Evidence" help:"the log of everything that was issued, changed, decided and ended"`
	Doctor   doctorCmd    `cmd:"" group:"Evidence" help:"is this host well: clock, files, ports, certificates, disk?"`
	Version  versionCmd   `cmd:"" group:"Evidence" help:"which Signet this is"`

	Authority authorityCmds `cmd:"" group:"Roots" help:"the control plane of a trust domain"`

	Completion completionCmd `cmd:"" group:"Evidence" help:"a script that completes commands and flags in a shell"`
}

// ideas are the groups of the help, in its order.
var ideas = []string{"Connection", "Roots", "Identity", "Policy", "Evidence"}

// plain are the flags of every command that answers a person.
type plain struct {
	Quiet bool `help:"Leave out what to do next."`
	Full  bool `help:"Write SPIFFE IDs in full."`
}

func (p plain) set(s *shell) { s.quiet, s.full = p.Quiet, p.Full }

// spoken are those of a command whose answer programs read too.
type spoken struct {
	plain
	JSON bool `name:"json" help:"Answer as JSON."`
}

func (p spoken) set(s *shell) {
	p.plain.set(s)
	s.json = p.JSON
}

// terse are the flags of a command whose answer has no SPIFFE IDs to shorten.
type terse struct {
	Quiet bool `help:"Leave out what to do next."`
	JSON  bool `name:"json" help:"Answer as JSON."`
}

func (t terse) set(s *shell) { s.quiet, s.json = t.Quiet, t.JSON }

// trust are the flags that say whom to believe, who the peer must be, and who
// we are.
type trust struct {
	Roots string   `placeholder:"FILE|DOMAIN" help:"Whom to believe: a file of certificates, or a trust domain known on this host. Without it, this system's roots."`
	Pin   []string `sep:"none" placeholder:"FILE|PIN" help:"In the place of roots: believe exactly this certificate, in a file, or this key, sha256//… as inspect shows it, whoever signed it. Once for each."`
	Name  string   `placeholder:"NAME" help:"Who the peer must be: a host name, or an identity of the trust domain. Without it, the host that is dialed."`
	As    string   `placeholder:"NAME|FILE" help:"Who we are: an identity known on this host, which brings its trust domain's roots, or a PEM file."`

	further []string // the command's other flags, as they are typed
}

// operate are the flags of commands that ask the authority.
type operate struct {
	As string `placeholder:"NAME|FILE" help:"The operator to ask as. Without it, the one of this host."`
}

// reason is the flag of every change.
type reason struct {
	Because string `placeholder:"TEXT" help:"Why, for whoever asks later."`
}

// parse returns the command that args call for.
func (s *shell) parse(args []string) (command, error) {
	args = customary(args)
	s.json = slices.Contains(args, "--json") // for errors in the rest of it
	var g grammar
	parser := newParser(&g)
	parsed, err := parser.Parse(args)
	var help helpWanted
	switch {
	case errors.As(err, &help):
		return helpCmd{parser.Model, help.node}, nil
	case err != nil:
		return nil, misuse(err, args)
	}
	if err := misgiven(parsed); err != nil {
		return nil, err
	}
	s.data = g.Data
	if s.data != "" && s.data != os.Getenv("SIGNET_DATA") {
		whole, err := filepath.Abs(s.data) // commands that are printed mean the same folder, wherever they are run
		if err != nil {
			whole = s.data
		}
		s.named = []string{" --data " + quote(whole), " --data " + quote(s.data)}
		s.program += s.named[0]
	}
	cmd := parsed.Selected().Target.Addr().Interface().(command)
	if flags, ok := cmd.(interface{ set(*shell) }); ok {
		flags.set(s)
	}
	return cmd, nil
}

// customary lets the words of other programs mean the same here.
func customary(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

func newParser(g *grammar) *kong.Kong {
	return kong.Must(g, kong.Name("signet"), kong.NoDefaultHelp(), kong.Vars{"all_kinds": allKinds, "cert_kinds": certKinds})
}
