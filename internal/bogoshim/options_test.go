package bogoshim

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// options are what the runner asks of one connection. It has many more: a test
// that needs one of those is unimplemented.
type options struct {
	port    int
	ipv6    bool
	id      uint64
	server  bool
	async   bool // over an engine, byte by byte
	resumes int

	certFile, keyFile string
	trust             string // file of the runner's own root, if it shows a certificate at all
	staple            bytesFlag
	host              string
	cipher            string
	curves            numbersFlag
	min, max          int
	no10, no11        bool
	no12, no13        bool

	requireCertificate, verifyPeer, verifyFail, failCertificate bool
	ocsp, ocspFail, ocspDecline                                 bool
	clientCAs                                                   string
	noTicket, earlyData                                         bool
	delay                                                       int // in seconds, until the connections that resume

	advertise, selected        string
	rejectALPN, declineALPN    bool
	writesFirst, shutsDown     bool
	closeNotify, differentSize bool
	peek, exportBetween        bool
	readSize                   int
	handshakeAgain             bool
	exportLength               int
	exportLabel, exportContext string
	useExportContext, unique   bool

	expect expectations
}

// expectations are what a connection must have come to.
type expectations struct {
	version, curve, cipher int
	alpn, advertised       string
	serverName             string
	noServerName           bool
	staple                 bytesFlag
	miss                   bool
	hrr, noHRR             bool
	masterSecret           bool
	certFile               string
	clientCAs              string
}

// anyway are flags that ask for what a Conn does without being asked, or by
// which BoringSSL chooses among ways of its own to the same end.
var anyway = []string{
	"implicit-handshake",           // a Conn's handshake is made before its first byte in any case
	"use-custom-verify-callback",   // Authorize is one
	"reverify-on-resume",           // which hears of resumed connections too
	"expect-verify-result",         // which is that of Authorize
	"enable-ocsp-stapling",         // every client asks for a staple
	"use-old-client-cert-callback", // the certificate comes from a source in any case
	"set-ocsp-in-callback",         // and so does its staple
	"use-early-callback",           // which is asked anew for each hello
	"expect-reject-early-data",     // any is
}

// define declares the flags. Their names are the runner's.
func (o *options) define(flags *flag.FlagSet) {
	for _, name := range anyway {
		flags.Bool(name, false, "")
	}
	flags.StringVar(&o.trust, "trust-cert", "", "")
	flags.IntVar(&o.port, "port", 0, "")
	flags.BoolVar(&o.ipv6, "ipv6", false, "")
	flags.Uint64Var(&o.id, "shim-id", 0, "")
	flags.BoolVar(&o.server, "server", false, "")
	flags.BoolVar(&o.async, "async", false, "")
	flags.IntVar(&o.resumes, "resume-count", 0, "")
	o.defineSettings(flags)
	o.defineCourse(flags)
	o.expect.define(flags)
}

func (o *options) defineSettings(flags *flag.FlagSet) {
	flags.StringVar(&o.certFile, "cert-file", "", "")
	flags.StringVar(&o.keyFile, "key-file", "", "")
	flags.Var(&o.staple, "ocsp-response", "")
	flags.StringVar(&o.host, "host-name", "", "")
	flags.StringVar(&o.cipher, "cipher", "", "")
	flags.Var(&o.curves, "curves", "")
	flags.IntVar(&o.min, "min-version", 0, "")
	flags.IntVar(&o.max, "max-version", 0, "")
	flags.BoolVar(&o.no10, "no-tls1", false, "")
	flags.BoolVar(&o.no11, "no-tls11", false, "")
	flags.BoolVar(&o.no12, "no-tls12", false, "")
	flags.BoolVar(&o.no13, "no-tls13", false, "")
	flags.BoolVar(&o.requireCertificate, "require-any-client-certificate", false, "")
	flags.BoolVar(&o.verifyPeer, "verify-peer", false, "")
	flags.BoolVar(&o.verifyFail, "verify-fail", false, "")
	flags.BoolVar(&o.failCertificate, "fail-cert-callback", false, "")
	flags.BoolVar(&o.ocsp, "use-ocsp-callback", false, "")
	flags.BoolVar(&o.ocspFail, "fail-ocsp-callback", false, "")
	flags.BoolVar(&o.ocspDecline, "decline-ocsp-callback", false, "")
	flags.StringVar(&o.clientCAs, "use-client-ca-list", "", "")
	flags.BoolVar(&o.noTicket, "no-ticket", false, "")
	flags.BoolVar(&o.earlyData, "enable-early-data", false, "")
	flags.IntVar(&o.delay, "resumption-delay", 0, "")
	flags.StringVar(&o.advertise, "advertise-alpn", "", "")
	flags.StringVar(&o.selected, "select-alpn", "", "")
	flags.BoolVar(&o.rejectALPN, "reject-alpn", false, "")
	flags.BoolVar(&o.declineALPN, "decline-alpn", false, "")
}

func (o *options) defineCourse(flags *flag.FlagSet) {
	flags.BoolVar(&o.writesFirst, "shim-writes-first", false, "")
	flags.BoolVar(&o.shutsDown, "shim-shuts-down", false, "")
	flags.BoolVar(&o.closeNotify, "check-close-notify", false, "")
	flags.BoolVar(&o.differentSize, "write-different-record-sizes", false, "")
	flags.BoolVar(&o.peek, "peek-then-read", false, "")
	flags.BoolVar(&o.exportBetween, "use-exporter-between-reads", false, "")
	flags.IntVar(&o.readSize, "read-size", 512, "")
	flags.BoolVar(&o.handshakeAgain, "handshake-twice", false, "")
	flags.BoolVar(&o.handshakeAgain, "no-op-extra-handshake", false, "")
	flags.IntVar(&o.exportLength, "export-keying-material", 0, "")
	flags.StringVar(&o.exportLabel, "export-label", "", "")
	flags.StringVar(&o.exportContext, "export-context", "", "")
	flags.BoolVar(&o.useExportContext, "use-export-context", false, "")
	flags.BoolVar(&o.unique, "tls-unique", false, "")
}

func (e *expectations) define(flags *flag.FlagSet) {
	flags.IntVar(&e.version, "expect-version", 0, "")
	flags.IntVar(&e.curve, "expect-curve-id", 0, "")
	flags.IntVar(&e.cipher, "expect-cipher", 0, "")
	flags.StringVar(&e.alpn, "expect-alpn", "", "")
	flags.StringVar(&e.advertised, "expect-advertised-alpn", "", "")
	flags.StringVar(&e.serverName, "expect-server-name", "", "")
	flags.BoolVar(&e.noServerName, "expect-no-server-name", false, "")
	flags.Var(&e.staple, "expect-ocsp-response", "")
	flags.BoolVar(&e.miss, "expect-session-miss", false, "")
	flags.BoolVar(&e.hrr, "expect-hrr", false, "")
	flags.BoolVar(&e.noHRR, "expect-no-hrr", false, "")
	flags.BoolVar(&e.masterSecret, "expect-extended-master-secret", false, "")
	flags.StringVar(&e.certFile, "expect-peer-cert-file", "", "")
	flags.StringVar(&e.clientCAs, "expect-client-ca-list", "", "")
}

// parse reads the runner's arguments as they hold for the first connection, or
// for those that resume its session: a flag that begins with on-initial- or
// on-resume- is for one of the two.
func parse(arguments []string, resumes bool) (*options, error) {
	mine, other := "on-initial-", "on-resume-"
	if resumes {
		mine, other = other, mine
	}
	o := new(options)
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.define(flags)
	var kept []string
	for i := 0; i < len(arguments); i++ {
		whole := strings.TrimPrefix(arguments[i], "-")
		name := strings.TrimPrefix(strings.TrimPrefix(whole, mine), other)
		if flags.Lookup(whole) != nil {
			name = whole
		}
		known := flags.Lookup(name)
		if known == nil {
			return nil, fmt.Errorf("-%s is not implemented", whole)
		}
		words := []string{"-" + name}
		if boolean, ok := known.Value.(interface{ IsBoolFlag() bool }); !ok || !boolean.IsBoolFlag() {
			i++
			words = append(words, arguments[min(i, len(arguments)-1)])
		}
		if name == whole || strings.HasPrefix(whole, mine) {
			kept = append(kept, words...)
		}
	}
	if err := flags.Parse(kept); err != nil {
		return nil, err
	}
	return o, nil
}

// bytesFlag is a value in base64.
type bytesFlag []byte

func (b *bytesFlag) String() string { return base64.StdEncoding.EncodeToString(*b) }

func (b *bytesFlag) Set(text string) (err error) {
	*b, err = base64.StdEncoding.DecodeString(text)
	return err
}

// numbersFlag is given once for each of its numbers.
type numbersFlag []int

func (n *numbersFlag) String() string { return fmt.Sprint(*n) }

func (n *numbersFlag) Set(text string) error {
	number, err := strconv.Atoi(text)
	*n = append(*n, number)
	return err
}

// protocols takes a list of ALPN apart, in which each has its length before it
// (RFC 7301, section 3.1).
func protocols(list string) (all []string) {
	for len(list) > 0 {
		length := min(int(list[0]), len(list)-1)
		all = append(all, list[1:1+length])
		list = list[1+length:]
	}
	return all
}

// same reports whether two lists have the same numbers, in any order.
func same(one, other []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(one)), slices.Sorted(slices.Values(other)))
}

// TestParse holds that a flag counts for the connections that it is for.
func TestParse(t *testing.T) {
	arguments := []string{"-port", "7", "-server", "-on-initial-expect-alpn", "-one", "-on-resume-no-ticket", "-on-resume-expect-reject-early-data", "-curves", "23", "-curves", "29"}
	first, err := parse(arguments, false)
	if err != nil {
		t.Fatal(err)
	}
	later, err := parse(arguments, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []*options{first, later} {
		if o.port != 7 || !o.server || !same(o.curves, []int{29, 23}) {
			t.Errorf("have %+v", o)
		}
	}
	if first.expect.alpn != "-one" || later.expect.alpn != "" || first.noTicket || !later.noTicket {
		t.Errorf("have %+v, then %+v", first, later)
	}
	for _, unknown := range [][]string{{"-dtls"}, {"-on-resume-dtls"}, {"-port"}, {"-port", "x"}} {
		if o, err := parse(unknown, false); err == nil {
			t.Errorf("%q: have %+v, want an error", unknown, o)
		}
	}
}
