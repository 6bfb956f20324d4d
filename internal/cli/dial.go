package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/starttls"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// upgrade is the flag of servers whose protocol begins without TLS.
type upgrade struct {
	Starttls string `enum:"none,postgres,smtp,imap,ldap,pop3,ftp" default:"none" placeholder:"PROTOCOL" help:"Ask for TLS in this protocol first: postgres, smtp, imap, ldap, pop3 or ftp."`
}

// words are the flag as it is typed.
func (u upgrade) words() []string {
	if u.Starttls == "none" {
		return nil
	}
	return []string{"--starttls", u.Starttls}
}

// orUpgrade gives an error the next step of a server that probably wants to be
// asked for TLS.
func (u upgrade) orUpgrade(err error, cmd, target string, t trust) error {
	protocol := u.before(err, target)
	if protocol == "" {
		return err
	}
	t.further = append(slices.Clip(t.further), "--starttls", protocol)
	return withHint(err, t.command(cmd, target)+"      # if it begins without TLS")
}

// before names the protocol that a server probably wants to be asked for TLS in,
// by what it said or by its port, where it was not asked in any.
func (u upgrade) before(err error, target string) string {
	e, ok := fault.Of(err)
	if !ok || u.Starttls != "none" || e.Code != signet.NotTLS && e.Code != signet.HandshakeCut && e.Code != signet.Timeout {
		return ""
	}
	_, port, _ := net.SplitHostPort(target)
	byPort := starttls.ForPort(port)
	switch spoken, _ := e.Detail.(signet.Protocol); spoken {
	case "IMAP":
		return "imap"
	case "POP3":
		return "pop3"
	case "SMTP or FTP":
		return cmp.Or(byPort, "smtp")
	case "":
		return byPort
	}
	return ""
}

// protocols is the flag of the application protocols that are spoken over TLS.
type protocols struct {
	ALPN []string `name:"alpn" sep:"none" placeholder:"PROTOCOL" help:"An application protocol to agree on, such as h2 or http/1.1. Once for each, the preferred first."`
}

// words are the flag as it is typed.
func (p protocols) words() (words []string) {
	for _, name := range p.ALPN {
		words = append(words, "--alpn", name)
	}
	return words
}

// agreed says what both ends agreed on.
func (p protocols) agreed(peer *signet.Peer) string {
	switch {
	case peer.ALPN != "":
		return peer.TLS() + ", " + peer.ALPN
	case len(p.ALPN) > 0:
		return peer.TLS() + ", no application protocol"
	}
	return peer.TLS()
}

// dialed is a verified connection and what is known of its making.
type dialed struct {
	*signet.Conn
	wire *wire         // below it
	name verify.Name   // that was wanted
	took time.Duration // the handshake
	own  bool          // we have shown, or could have shown, a certificate
}

// dial connects to target, has it go on in TLS where its protocol begins without,
// and verifies it. No data is sent to it. What it shows is observed before it is
// judged, if anybody observes.
func (b basis) dial(ctx context.Context, target, protocol string, observe func(*signet.Peer)) (*dialed, error) {
	if err := checkPort(ctx, target); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(target) // Dial says what is wrong with it
	d := &dialed{name: b.name, own: b.own != nil}
	if d.name.IsZero() {
		d.name = verify.Host(host)
	}
	open := opener{protocol: protocol, timeline: b.timeline}
	client := signet.Client{Roots: b.roots, Name: b.name, Identity: b.own, ALPN: b.alpn, Dialer: &open, Rules: b.rules, Observe: observe}
	if b.timeline != nil {
		client.Trace = b.timeline.hear
	}
	if at := b.rules.Now; !at.IsZero() {
		client.Now = func() time.Time { return at }
	}
	conn, err := client.Dial(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	d.Conn, d.wire, d.took = conn, open.wire, time.Since(open.ready)
	return d, nil
}

// checkPort refuses an address without a port that there can be: a number of 16 bits,
// or the name of a service that this system knows.
func checkPort(ctx context.Context, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.DefaultResolver.LookupPort(ctx, "tcp", port)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fault.New(signet.AddressInvalid, "%q is not HOST:PORT", address).
			WithHint("write, for example, api.example.com:443 or 127.0.0.1:8443; a port is a number, 65535 at most")
	}
	return nil
}

// opener is a dialer whose connections are ready for TLS.
type opener struct {
	protocol string    // spoken before TLS, or "none"
	timeline *timeline // of the connection, or nil
	ready    time.Time // when TLS could begin
	wire     *wire     // that was dialed
}

// DialContext dials.
func (o *opener) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	o.timeline.tell("TCP is connected: %s to %s", conn.LocalAddr(), conn.RemoteAddr())
	if o.protocol != "none" {
		if err := starttls.Upgrade(ctx, conn, o.protocol); err != nil {
			conn.Close()
			return nil, err
		}
		o.timeline.tell("the server goes on in TLS (%s)", o.protocol)
	}
	o.ready, o.wire = time.Now(), &wire{TCPConn: conn.(*net.TCPConn)}
	return o.wire, nil
}

// wire is a connection below TLS. Once it is told to, it ends a Read above that
// waits for more than the next whole records, which were no data.
type wire struct {
	*net.TCPConn
	once   bool
	came   bool
	header []byte // of the record that comes, as far as it has come
	left   int    // bytes of its contents
}

// Read reads; a partial record is waited for.
func (w *wire) Read(p []byte) (int, error) {
	if w.once && w.came && len(w.header) == 0 && w.left == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := w.TCPConn.Read(p)
	if w.once {
		w.count(p[:n])
	}
	return n, err
}

// count follows the borders of records (RFC 8446, section 5.1).
func (w *wire) count(p []byte) {
	const header = 5
	for w.came = w.came || len(p) > 0; len(p) > 0; {
		if w.left == 0 {
			n := min(header-len(w.header), len(p))
			w.header, p = append(w.header, p[:n]...), p[n:]
			if len(w.header) < header {
				return
			}
			w.left, w.header = int(w.header[3])<<8|int(w.header[4]), nil
		}
		n := min(w.left, len(p))
		w.left, p = w.left-n, p[n:]
	}
}

// How long a server is given to say that it wants a certificate of ours, and that
// it wants another than we have. In TLS 1.3 it can say so only once the handshake
// is over.
const (
	insistence = time.Second
	objection  = 300 * time.Millisecond
)

// admitted waits, where the server has asked for a certificate and got none, or may
// have got one in TLS 1.3, for its refusal, and returns it. Nothing is sent; whatever
// else comes, such as a ticket, says that there is none.
func (d *dialed) admitted() error {
	switch peer := d.Peer(); {
	case peer.WantsCertificate:
		d.SetReadDeadline(time.Now().Add(insistence))
	case d.own && peer.Version() == "1.3":
		d.SetReadDeadline(time.Now().Add(objection))
	default:
		return nil
	}
	d.wire.once = true
	if _, err := d.Read(make([]byte, 1)); errors.Is(err, signet.ClientCertRequired) || errors.Is(err, signet.RefusedByPeer) {
		return err
	}
	return nil
}

// who names the peer as the person asked for it: an identity with its trust
// domain, or a host.
func (s *shell) who(id spiffeid.ID, wanted verify.Name) string {
	switch {
	case id.IsZero():
		return wanted.String()
	case s.full:
		return id.String()
	}
	return fmt.Sprintf("%s (%s)", id.Path(), id.TrustDomain())
}

// explain gives a failure to connect the next step that works on a command
// line.
func (s *shell) explain(err error, cmd, target string, t trust, b basis) error {
	domain := b.roots.TrustDomain()
	switch {
	case errors.Is(err, signet.ClientCertRequired):
		return withHint(err, s.showOne(cmd, target, t, domain.String()))
	case errors.Is(err, signet.AddressInvalid) && likelyAddress(target) != "":
		return withHint(err, t.command(cmd, likelyAddress(target))+"      # if this is meant")
	case errors.Is(err, verify.RootsDoNotFit) && t.Name == "":
		t.Name = "orders"
		return fault.New(verify.NameMissing, "it was not said which identity of %s %s must be", domain, target).
			WithHint("%s      # or who else it must be", t.command(cmd, target))
	}
	return err
}

// likelyAddress returns the HOST:PORT that is probably meant by what is none: by
// a URL, or by a host without a port, which then is that of HTTPS; or "", of a file's name too.
func likelyAddress(target string) string {
	text := target
	if at, err := url.Parse(target); err == nil && at.Host != "" {
		text = at.Host
	}
	if isAddress(text) {
		return text
	}
	if at := strings.LastIndexByte(text, ':'); at > 0 { // IPv6 without its brackets
		if _, err := netip.ParseAddr(text[:at]); err == nil && isAddress("["+text[:at]+"]"+text[at:]) && len(text)-at > 2 {
			return "[" + text[:at] + "]" + text[at:]
		}
	}
	host := strings.Trim(text, "[]")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || pki.IsHostname(host) && strings.Contains(host, ".") && endings[filepath.Ext(host)] == "" {
		return net.JoinHostPort(host, "443")
	}
	return ""
}

// showOne is the step for a server that wants a certificate and got none.
func (s *shell) showOne(cmd, target string, t trust, domain string) string {
	home, err := s.known(domain)
	if home != nil && err == nil {
		names := home.identities()
		i := slices.IndexFunc(names, func(name string) bool {
			_, err := home.credential(name)
			return err == nil && isService(name)
		})
		if i >= 0 {
			t.Roots, t.As = "", names[i]
			return t.command(cmd, target) + "      # --as brings the roots; TLS 1.3 says this only after the handshake"
		}
	}
	t.As = "FILE"
	return t.command(cmd, target) + "      # a PEM file of yours: a certificate that the server accepts, and its key"
}

// isService reports whether an identity is neither an operator's nor a proxy's.
func isService(name string) bool {
	return !strings.HasPrefix(name, "operator/") && !strings.HasPrefix(name, "proxy/")
}

func withHint(err error, hint string) error {
	e, ok := fault.Of(err)
	if !ok {
		return err
	}
	other := *e
	return other.WithHint("%s", hint)
}

// command writes the command line that has these flags.
func (t trust) command(cmd, target string) string {
	words := []string{"signet", cmd}
	isFlag := len(target) > 1 && target[0] == '-' // by its looks
	if !isFlag {
		words = append(words, quote(target))
	}
	for _, flag := range []struct{ name, value string }{{"--roots", t.Roots}, {"--name", t.Name}, {"--as", t.As}} {
		if flag.value != "" {
			words = append(words, flag.name, quote(flag.value))
		}
	}
	for _, pin := range t.Pin {
		words = append(words, "--pin", quote(pin))
	}
	for _, word := range t.further {
		words = append(words, quote(word))
	}
	if isFlag {
		words = append(words, "--", quote(target))
	}
	return strings.Join(words, " ")
}

// plainWord needs no quotation marks in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,\[\]-]+$`)

// quote writes an argument so that it can be pasted.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
