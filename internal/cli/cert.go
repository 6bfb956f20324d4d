package cli

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// certCmds are the commands that make certificates in files.
type certCmds struct {
	New     certNewCmd     `cmd:"" help:"make a certificate and its key"`
	Request certRequestCmd `cmd:"" help:"ask another authority for a certificate"`
	Sign    certSignCmd    `cmd:"" help:"make the certificate that a request asks for"`
	Renew   certRenewCmd   `cmd:"" help:"make the successor of a certificate, with a new key"`
}

// brokenOff adds to an error about a key and a certificate that are no pair how to
// have the old one again, if a program was killed while it replaced them.
func brokenOff(err error, keyFile string) error {
	left := atomicfile.Left(keyFile)
	if len(left) != 1 {
		return err
	}
	return fault.Wrap(err, pki.KeyMismatch, "a command was stopped while it replaced %s", baseName(keyFile)).
		WithHint("mv %s %s      # takes the old key back; or run that command again", quote(left[0]), quote(keyFile))
}

// profiles are the kinds of certificate, as the command line has them.
var profiles = map[string]pki.Profile{
	"root": pki.Root, "intermediate": pki.Intermediate, "server": pki.Server, "client": pki.Client, "workload": pki.Workload,
}

// lifetime is how long something is good for: "90d", "12h", "30m".
type lifetime time.Duration

// UnmarshalText reads a number with its unit.
func (l *lifetime) UnmarshalText(text []byte) error {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit, ok := units[text[max(len(text)-1, 0)]]
	number, err := strconv.ParseUint(string(text[:max(len(text)-1, 0)]), 10, 31)
	if _, noSpan := time.ParseDuration(string(text)); noSpan == nil && strings.HasSuffix(string(text), "s") {
		return fmt.Errorf("%q is in seconds: a minute is the least; write a number and m, h or d, such as 5m", text)
	}
	if !ok || err != nil || number == 0 || number > 100*366*24*60 || time.Duration(number) > 100*366*24*time.Hour/unit {
		return fmt.Errorf("%q is no span of time: a number and m, h or d, such as 90d", text)
	}
	*l = lifetime(time.Duration(number) * unit)
	return nil
}

// output are the flags of a command that writes a certificate with its key.
type output struct {
	Out    string `placeholder:"FILE" help:"The file to write: the certificate, those between it and the root, and its key. Without it, the name with .pem behind it."`
	KeyOut string `name:"key-out" placeholder:"FILE" help:"Write the key to a file of its own; then the other one is public."`
	sealing
	force
}

// write saves a credential and returns what it is for programs.
func (o output) write(ctx context.Context, s *shell, made *pki.Credential) (*madeCert, error) {
	keyFile := o.KeyOut
	if keyFile == "" {
		keyFile = o.Out
	}
	key, err := o.seal(ctx, s, made.Key, keyFile)
	if err != nil {
		return nil, err
	}
	files := []product{{o.Out, append(made.ChainPEM(), key...), atomicfile.Private}}
	if o.KeyOut != "" {
		files = []product{{o.KeyOut, key, atomicfile.Private}, {o.Out, made.ChainPEM(), readable}}
	}
	if err := o.save(s, files...); err != nil {
		return nil, err
	}
	leaf := made.Leaf()
	sum := leaf.Fingerprint()
	return &madeCert{o.Out, keyFile, allNames(leaf), leaf.Serial(), leaf.NotBefore(), leaf.NotAfter(), leaf.IssuerTitle(), hex.EncodeToString(sum[:]), pin(leaf.PublicKey()), o.Encrypt}, nil
}

// bothFree reports whether the files may be written by a command that reads others.
func (o output) bothFree(s *shell, reads ...string) error {
	if o.KeyOut == "" {
		return o.mayWrite(s, reads, o.Out)
	}
	if sameFile(o.KeyOut, o.Out) {
		return fault.New(Usage, "--key-out and --out are the same file").WithHint("leave --key-out out to have both in one file")
	}
	return o.mayWrite(s, reads, o.Out, o.KeyOut)
}

// madeCert is the answer for programs.
type madeCert struct {
	File      string    `json:"file"`
	KeyFile   string    `json:"key_file"`
	Names     []string  `json:"names,omitempty"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SignedBy  string    `json:"signed_by"`
	SHA256    string    `json:"sha256"`
	Pin       string    `json:"pin"`
	Encrypted bool      `json:"encrypted"`
}

type certNewCmd struct {
	Profile string   `arg:"" name:"KIND" enum:"root,intermediate,server,client,workload" help:"root and intermediate sign others; server, client and workload (both ends, with a SPIFFE ID) are for TLS."`
	Names   []string `arg:"" name:"NAME" help:"An authority's name; host names and addresses of a server; of a client also an e-mail address or a URI; a workload's SPIFFE ID."`
	issuing
	SelfSigned bool     `help:"Of a server or client, for development: nobody stands behind it."`
	For        lifetime `placeholder:"SPAN" help:"How long it is good, such as 90d or 12h. Without it: a root 10 years, an intermediate 2, a server or client 90 days, a workload a day."`
	KeyKind    string   `enum:"${cert_kinds}" default:"ecdsa-p256" placeholder:"KIND" help:"The new key's kind, as in key new; TLS does not take ecdsa-p224."`
	pointers
	limits
	output
	terse
}

func (certNewCmd) Help() string {
	return "signet cert new root \"Example Root\" --out root.pem\n" +
		"signet cert new intermediate \"Example CA\" --ca root.pem --permit DNS:example.com --out ca.pem\n" +
		"signet cert new server api.example.com 10.0.0.7 --ca ca.pem --out server.pem --key-out server.key\n" +
		"signet cert new server localhost --self-signed"
}

func (c *certNewCmd) run(ctx context.Context, s *shell) error {
	spec, err := c.spec()
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = fileFor(c.Names[0])
	}
	if err := c.bothFree(s, c.CA, c.CAKey, c.PassphraseFile); err != nil {
		return err
	}
	made, err := c.make(ctx, s, spec)
	if err != nil {
		return err
	}
	answer, err := c.write(ctx, s, made)
	if err != nil {
		return err
	}
	if err := s.tellMade("Made", answer, made); err != nil {
		return err
	}
	s.steps("next", c.next()...)
	return nil
}

// spec is the certificate that the arguments ask for.
func (c *certNewCmd) spec() (spec pki.Spec, err error) {
	profile := profiles[c.Profile]
	self := profile == pki.Root || c.SelfSigned
	switch {
	case profile == pki.Root && c.CA != "":
		return spec, fault.New(Usage, "a root signs itself, and --ca says who else would").WithHint("leave --ca out, or make an intermediate")
	case c.SelfSigned && c.CA != "":
		return spec, fault.New(Usage, "--self-signed and --ca contradict each other").WithHint("leave one out")
	case self && c.CAKey != "":
		return spec, fault.New(Usage, "--ca-key is the key of an authority, and this certificate signs itself").WithHint("leave --ca-key out")
	case !self && c.CA == "":
		return spec, fault.New(Usage, "who signs it? --ca is missing").
			WithHint("signet cert new root \"Example Root\" --out root.pem      # makes an authority; then add --ca root.pem")
	case profile != pki.Server && profile != pki.Client && len(c.Names) > 1:
		return spec, fault.New(Usage, "%s has one name, and here are %d", article(c.Profile), len(c.Names)).
			WithHint("put a name with spaces into quotation marks: \"%s\"", strings.Join(c.Names, " "))
	}
	spec = pki.Spec{Profile: profile, Lifetime: time.Duration(c.For)}
	c.pointers.add(&spec)
	if err := c.limits.add(&spec); err != nil {
		return spec, err
	}
	switch profile {
	case pki.Root, pki.Intermediate:
		spec.Name = c.Names[0]
	case pki.Workload:
		spec.ID, err = spiffeid.Parse(c.Names[0])
	case pki.Client:
		err = unclear(c.Names, func(name string) string { return "signet cert new client " + name + " " + c.issuing.words() })
		fallthrough
	default:
		addNames(&spec, c.Names)
	}
	return spec, err
}

// unclear reports a client's name that may be a person's, which a certificate does
// not carry by itself, or that of a host without a domain. The command is the one to
// repeat, with %s for the name.
func unclear(names []string, command func(name string) string) error {
	for _, name := range names {
		_, notIP := netip.ParseAddr(name)
		if notIP == nil || strings.ContainsAny(name, ":@") || strings.Contains(name, ".") && pki.IsHostname(strings.TrimPrefix(name, "*.")) {
			continue
		}
		hint := command("ann@example.com") + "      # a person, by an e-mail address"
		if pki.IsHostname(name) {
			hint += "\n" + command("DNS:"+name) + "      # a host of this name"
		}
		return fault.New(Usage, "%q may be the name of a person or of a host, and a certificate has to say which", name).WithHint("%s", hint)
	}
	return nil
}

// nameKinds are how a name may begin that says what it is, as answers have it.
var nameKinds = []string{"DNS", "IP", "email", "URI"}

// cutKind splits DNS:web into its kind and the name; "" is no kind.
func cutKind(name string) (kind, rest string) {
	kind, rest, _ = strings.Cut(name, ":")
	if slices.Contains(nameKinds, kind) {
		return kind, rest
	}
	return "", name
}

// maxCommonName is the longest common name, in characters (RFC 5280, appendix A.1).
const maxCommonName = 64

// addNames sorts the names of a server or client by their form, or by the kind in
// front of them, as answers have it: DNS:web. The first host is the common name
// too, for people and for old programs that show nothing else.
func addNames(spec *pki.Spec, names []string) {
	for _, name := range names {
		kind, name := cutKind(name)
		address, err := netip.ParseAddr(name)
		switch {
		case err == nil && (kind == "" || kind == "IP"):
			spec.IPs = append(spec.IPs, address)
		case kind == "URI" || kind == "" && strings.Contains(name, "://"):
			spec.URIs = append(spec.URIs, name)
		case kind == "email" || kind == "" && strings.Contains(name, "@"):
			spec.Emails = append(spec.Emails, name)
		default:
			spec.DNS = append(spec.DNS, name)
		}
	}
	if len(spec.DNS) > 0 && len(spec.DNS[0]) <= maxCommonName {
		spec.Name = spec.DNS[0]
	}
}

// make makes the key and signs.
func (c *certNewCmd) make(ctx context.Context, s *shell, spec pki.Spec) (_ *pki.Credential, err error) {
	var authority *pki.Credential
	if c.CA != "" {
		// The passphrase that is given is for the new key, where that is encrypted.
		given := c.secret
		if c.Encrypt {
			given = secret{}
		}
		if authority, err = c.authority(ctx, s, given); err != nil {
			return nil, err
		}
		if !c.Encrypt {
			c.secret = secret{}
		}
	}
	if spec.Key, err = s.generateKey(ctx, keyKinds[c.KeyKind]); err != nil {
		return nil, err
	}
	if authority == nil {
		return pki.SelfSigned(spec)
	}
	return authority.New(spec)
}

// next is what one usually does with such a certificate.
func (c *certNewCmd) next() []string {
	made := issuing{c.Out, c.KeyOut}.words()
	switch profiles[c.Profile] {
	case pki.Root:
		return []string{"signet cert new intermediate " + quote(c.Names[0]+" CA") + " " + made + "      # signs day by day; then keep the root's key away"}
	case pki.Intermediate:
		return []string{"signet cert new server api.example.com " + made}
	}
	return []string{"signet inspect --lint " + quote(c.Out)}
}

// tellMade says what was made, and where it is.
func (s *shell) tellMade(verb string, answer *madeCert, made *pki.Credential) error {
	if s.json {
		return s.printJSON(answer)
	}
	leaf := made.Leaf()
	object := &recognise.Object{Certificate: leaf}
	recognise.Relate([]*recognise.Object{object})
	var p page
	p.headline(verb+": "+certificateWords(object)+", good for "+lifespan(leaf)+".", "")
	if answer.KeyFile == answer.File {
		p.fact("file", "%s", private(answer.File, contents(made.Chain)+", and the private key, "+sealed(answer.Encrypted)+";"))
	} else {
		p.fact("file", "%s: %s", outTitle(answer.File), contents(made.Chain))
		p.fact("key", "%s", private(answer.KeyFile, "the private key, "+sealed(answer.Encrypted)+";"))
	}
	if len(answer.Names) > 0 {
		p.fact("names", "%s", listing(answer.Names, 20))
	}
	p.issued(leaf)
	return s.print(p.String())
}

// issued adds what the authority decided about a new certificate.
func (p *page) issued(leaf *pki.Certificate) {
	if limits, _ := leaf.BasicConstraints(); leaf.IsAuthority() && limits.PathLen == 0 {
		p.fact("may sign", "servers, clients and workloads; no further authority (path length 0)")
	} else if leaf.IsAuthority() && limits.PathLen > 0 {
		p.fact("may sign", "servers, clients, workloads, and authorities: %s of them (path length %d)", count(limits.PathLen, "level", "levels"), limits.PathLen)
	}
	p.fact("signed by", "%s", leaf.IssuerTitle())
	p.fact("until", "%s", stamp(leaf.NotAfter()))
	p.fact("serial", "%s", leaf.Serial())
	p.fact("pin", "%s", pin(leaf.PublicKey()))
}

// contents says which certificates a file has.
func contents(chain []*pki.Certificate) string {
	words := "the certificate"
	for _, above := range chain[1:] {
		words += ", " + possessive(above.Title())
	}
	return words
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// inFileName matches what a file's name is spared.
var notInFileName = regexp.MustCompile(`[^\p{L}\p{N}._-]+`)

// fileFor is the file for what has this name, if nobody says.
func fileFor(name string) string {
	_, name = cutKind(name)
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		name = "wildcard." + rest
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	if strings.Contains(name, "://") && len(parts) > 0 {
		name = parts[len(parts)-1]
	}
	name = strings.Trim(notInFileName.ReplaceAllString(strings.ToLower(name), "-"), ".-")
	if name == "" {
		name = "certificate"
	}
	return name + ".pem"
}

type certRenewCmd struct {
	File string `arg:"" name:"FILE" help:"The certificate. Names, purpose and length of life are taken over; key and serial number are new."`
	issuing
	output
	terse
}

func (certRenewCmd) Help() string {
	return "signet cert renew server.pem --ca ca.pem --out server.pem --force"
}

func (c *certRenewCmd) run(ctx context.Context, s *shell) error {
	data, err := s.read(c.File, pki.MaxInput)
	if err != nil {
		return err
	}
	old, err := certificatesIn(data, c.File)
	if err != nil {
		return err
	}
	if c.Out == "" {
		if c.Out, err = outBeside(c.File, ".new.pem"); err != nil {
			return err
		}
	}
	// The old certificate and its key are what this is to replace.
	if err := c.bothFree(s, c.CA, c.CAKey, c.PassphraseFile); err != nil {
		return err
	}
	made, err := c.renewed(ctx, s, old[0])
	if err != nil {
		return inFile(err, c.File)
	}
	answer, err := c.write(ctx, s, made)
	if err != nil {
		return err
	}
	if err := s.tellMade("Renewed", answer, made); err != nil {
		return err
	}
	s.steps("next", "signet inspect --lint "+quote(c.Out))
	return nil
}

// renewed makes the successor. What signed itself does so again, unless an
// authority is named.
func (c *certRenewCmd) renewed(ctx context.Context, s *shell, old *pki.Certificate) (*pki.Credential, error) {
	spec, err := pki.Renewal(old)
	if err != nil {
		return nil, err
	}
	if spec.Key, err = s.keyLike(ctx, old.PublicKey()); err != nil {
		return nil, err
	}
	if c.CA == "" && old.SelfIssued() {
		return pki.SelfSigned(spec)
	}
	if c.CA == "" {
		return nil, fault.New(Usage, "who signs it? --ca is missing").WithHint("name the authority %s with --ca, or another one", old.IssuerTitle())
	}
	authority, err := c.authority(ctx, s, c.secret)
	if err != nil {
		return nil, err
	}
	if !c.Encrypt {
		c.secret = secret{}
	}
	return authority.New(spec)
}

// keyLike makes a key of the same kind, or of the usual one where that kind is no
// longer made, or gets no certificate.
func (s *shell) keyLike(ctx context.Context, old *pki.PublicKey) (crypto.Signer, error) {
	kind := pki.KeyKind(old.Kind())
	if old.Kind() == "RSA" {
		kind = pki.RSA(old.Size())
	}
	key, err := s.generateKey(ctx, kind)
	if errors.Is(err, pki.KeyUnsupported) || kind == pki.P224 {
		return pki.NewKey()
	}
	return key, err
}

// lifespan says how long a certificate that was made this minute is good.
func lifespan(cert *pki.Certificate) string {
	return verify.Between(time.Now().Add(-time.Minute/2), cert.NotAfter())
}
