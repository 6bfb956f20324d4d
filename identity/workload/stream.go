package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/signet-tls/signet/fault"
)

// endpoint is where the Workload API listens.
type endpoint struct{ network, address string }

// parseEndpoint reads an address as "SPIFFE Workload Endpoint", section 4, has it.
func parseEndpoint(text string) (endpoint, error) {
	wrong := func(why string) (endpoint, error) {
		return endpoint{}, fault.New(BadAddress, "the Workload API's address %s", why).
			WithHint("set SPIFFE_ENDPOINT_SOCKET, such as to unix:///run/spire/agent/public/api.sock")
	}
	if text == "" {
		return wrong("is not known")
	}
	at, err := url.Parse(text)
	switch {
	case err != nil || at.User != nil || at.RawQuery != "" || at.Fragment != "":
		return wrong("is no address: " + fault.Printable(text, 200))
	case at.Scheme == "unix" && at.Host == "" && at.Opaque == "" && at.Path != "" && at.Path != "/":
		return endpoint{"unix", at.Path}, nil
	case at.Scheme == "tcp" && at.Path == "" && at.Opaque == "":
		if _, err := netip.ParseAddrPort(at.Host); err == nil {
			return endpoint{"tcp", at.Host}, nil
		}
	}
	return wrong("is neither unix:///PATH nor tcp://IP:PORT: " + fault.Printable(text, 200))
}

// Bounds of the way to the agent.
const (
	dialTimeout = 10 * time.Second
	maxHeader   = 16 << 10         // bytes
	silence     = 30 * time.Second // then the agent is asked whether it is there
	pingTimeout = 15 * time.Second // how long it may take to say so
)

// method is the one that is called: a message without a field, and answers for as long
// as the stream lasts.
const method = "/SpiffeWorkloadAPI/FetchX509SVID"

// stream calls each with every answer, until one cannot be used or the stream ends.
// The error says why it ended; it is never nil.
func (e endpoint) stream(ctx context.Context, each func(message []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	transport := e.transport()
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+method, bytes.NewReader(make([]byte, prefixSize)))
	if err != nil {
		return err
	}
	request.Header = http.Header{
		"Content-Type":       {"application/grpc"},
		"Te":                 {"trailers"},
		"User-Agent":         {"signet"},
		"Workload.spiffe.io": {"true"}, // without which an agent answers nobody: a browser cannot be made to send it
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return e.unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fault.New(Unreachable, "at %s answers no Workload API: %s", e.address, fault.Printable(response.Status, 60)).
			WithHint("correct the address, SPIFFE_ENDPOINT_SOCKET")
	}
	defer cancel() // before Close, which would wait for the rest
	for {
		message, err := readMessage(response.Body)
		if err == io.EOF {
			return status(response)
		}
		if err != nil {
			return e.broken(err)
		}
		if err := each(message); err != nil {
			return err
		}
	}
}

func (e endpoint) transport() *http.Transport {
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	dialer := net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Protocols:              &only,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: pingTimeout},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, e.network, e.address)
		},
	}
}

// prefixSize is that of what stands before each message of gRPC: whether it is
// compressed, and its length.
const prefixSize = 5

// readMessage returns io.EOF at the end of the stream between two messages alone.
func readMessage(from io.Reader) ([]byte, error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(from, prefix[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(prefix[1:])
	switch {
	case prefix[0] != 0:
		return nil, malformed("an answer that is compressed, which nobody asked for")
	case length > maxMessage:
		return nil, malformed("an answer of %d bytes; the most is %d", length, maxMessage)
	}
	var message bytes.Buffer // it grows with what comes, not with what was announced
	if _, err := io.CopyN(&message, from, int64(length)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return message.Bytes(), nil
}

// status is why the agent ended the stream, by gRPC's own words.
func status(response *http.Response) error {
	read := func(name string) string {
		if value := response.Trailer.Get(name); value != "" {
			return value
		}
		return response.Header.Get(name) // where there was no answer at all
	}
	code, err := strconv.Atoi(read("Grpc-Status"))
	if err != nil {
		return fault.New(Unreachable, "the Workload API's stream ended without a status").WithHint("see that the agent runs")
	}
	said, err := url.PathUnescape(read("Grpc-Message"))
	if err != nil {
		said = read("Grpc-Message")
	}
	const invalidArgument, permissionDenied, unauthenticated = 3, 7, 16
	switch code {
	case invalidArgument, permissionDenied, unauthenticated:
		return fault.New(Refused, "the Workload API has no identity for this program: %s", fault.Printable(said, 200)).
			WithHint("register the program with the agent's server")
	}
	return fault.New(Unreachable, "the Workload API ended the stream: status %d %s", code, fault.Printable(said, 200)).
		WithHint("look at the agent's log")
}

// broken is why a stream could not be read on.
func (e endpoint) broken(err error) error {
	if errors.Is(err, Malformed) {
		return err
	}
	return e.unreachable(err)
}

func (e endpoint) unreachable(err error) error {
	return fault.Wrap(err, Unreachable, "the Workload API at %s", fault.Printable(e.address, 200)).
		WithHint("see that the agent runs, and that this user may connect to its socket")
}
