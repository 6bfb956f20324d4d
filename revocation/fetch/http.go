package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// bounds are how many bytes an answer of each kind may have.
var bounds = map[revocation.Kind]int{
	revocation.List:     pki.MaxCRL,
	revocation.Response: 64 << 10, // usual ones have two thousand
	revocation.Issuer:   1 << 20,
}

const (
	maxURL       = 2048
	maxRedirects = 5
	maxHeader    = 64 << 10
	dialTimeout  = 5 * time.Second
)

func newHTTP(cfg Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: allowed(cfg.Private)}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			DisableCompression:     true, // a bound holds for what is sent, too
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
		},
	}
}

// checkURL says why a URL is not asked, or nil.
func checkURL(u *url.URL) error {
	const hint = "give the revocation list itself, or have the certificate issued again with an http URL"
	switch {
	case u.Scheme == "ldap" || u.Scheme == "ldaps":
		return fault.New(URLRefused, "a directory is not asked: %s is not supported", u.Scheme).WithHint(hint)
	case u.Scheme != "http" && u.Scheme != "https":
		return fault.New(URLRefused, "%q is neither http nor https", fault.Printable(u.Scheme, 20)).WithHint(hint)
	case u.Host == "" || u.User != nil:
		return fault.New(URLRefused, "a URL without a host, or with a user's name").WithHint(hint)
	}
	return nil
}

func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return fault.New(Failed, "more than %d redirects", maxRedirects).WithHint("tell the authority that names the URL")
	}
	return checkURL(next.URL)
}

// answer is what came, with room for the head of an entry before it.
type answer struct {
	entry []byte
	media string // its type, as the server says
}

func (a answer) data() []byte { return a.entry[headSize:] }

// ask makes one request, unless its server has just cost a whole timeout.
func (c *Client) ask(ctx context.Context, r revocation.Request) (answer, error) {
	late := fault.New(Failed, "no whole answer within %s", c.cfg.Timeout).WithHint("try again later")
	limited, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, late)
	defer cancel()
	request, err := newRequest(limited, r)
	if err != nil {
		return answer{}, err
	}
	server := request.URL.Scheme + "://" + request.URL.Host
	if err := c.outages.of(server, c.cfg.Now()); err != nil {
		return answer{}, err
	}
	a, err := c.exchange(limited, request, bounds[r.Kind])
	dialed, ok := errors.AsType[net.Error](err)
	if tooLate := errors.Is(err, late) || ok && dialed.Timeout(); tooLate && ctx.Err() == nil {
		c.outages.add(server, err, c.cfg.Now())
	}
	return a, err
}

// exchange sends a request, and reads an answer of at most so many bytes.
func (c *Client) exchange(ctx context.Context, request *http.Request, most int) (answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, failed(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return answer{}, fault.New(Failed, "the server answers %d, not 200", response.StatusCode).
			WithHint("try again later; if it stays so, tell the authority that names the URL")
	}
	a := answer{media: "of no type"}
	if media := response.Header.Get("Content-Type"); media != "" {
		a.media = fault.Printable(media, 40)
	}
	a.entry, err = read(response, most)
	return a, failed(ctx, err)
}

func newRequest(ctx context.Context, r revocation.Request) (*http.Request, error) {
	if len(r.URL) > maxURL {
		return nil, fault.New(URLRefused, "a URL of %d characters; %d are the most", len(r.URL), maxURL).WithHint("have the certificate issued again")
	}
	method, body := http.MethodGet, io.Reader(nil)
	if r.Body != nil {
		method, body = http.MethodPost, bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err != nil {
		return nil, fault.New(URLRefused, "no valid URL").WithHint("have the certificate issued again")
	}
	request.Header.Set("User-Agent", "Signet")
	if r.Kind == revocation.Response {
		request.Header.Set("Accept", "application/ocsp-response")
		if r.Body != nil {
			request.Header.Set("Content-Type", "application/ocsp-request")
		}
	}
	return request, checkURL(request.URL)
}

// unsaid is how much of a body of unknown length is read before there is room for
// the longest: to double the room again and again would hold three times as much.
const unsaid = 1 << 20

// read returns a body of at most so many bytes, behind the room for a head. Where
// the server says how long it is, memory is taken once.
func read(response *http.Response, most int) ([]byte, error) {
	large := fault.New(TooLarge, "more than %d bytes", most).WithHint("tell the authority that names the URL; it can split a list by distribution points")
	if response.ContentLength > int64(most) {
		return nil, large
	}
	b := bytes.NewBuffer(make([]byte, headSize, headSize+max(int(response.ContentLength), 0)+bytes.MinRead))
	first := int64(most) + 1
	if response.ContentLength < 0 {
		first = min(first, unsaid)
	}
	n, err := b.ReadFrom(io.LimitReader(response.Body, first))
	if rest := int64(most) + 1 - n; err == nil && n == first && rest > 0 {
		b = bytes.NewBuffer(append(make([]byte, 0, b.Len()+int(rest)+bytes.MinRead), b.Bytes()...))
		var more int64
		more, err = b.ReadFrom(io.LimitReader(response.Body, rest))
		n += more
	}
	switch {
	case n > int64(most):
		return nil, large
	case b.Len() < b.Cap()/2:
		return bytes.Clone(b.Bytes()), err
	}
	return b.Bytes(), err
}

// failed makes a coded error of one of net/http's, which repeats the URL.
func failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if own, ok := fault.Of(err); ok {
		return own
	}
	if own, ok := fault.Of(context.Cause(ctx)); ok {
		return own
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return fault.Wrap(err, Failed, "no answer").WithHint("check that the server can be reached from here, and try again")
}
