package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

// callTimeout bounds a call that is not the watch.
const callTimeout = 10 * time.Second

// call asks the authority; a refusal is an error with the authority's code.
func (a *Agent) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	return call(ctx, a.http, a.trust.Load().at, method, path, a.outbox.last.run, body)
}

// call asks a server, HOST:PORT; a refusal is an error with its code. Run is that of the
// agent that asks; "": nobody's.
func call(ctx context.Context, client *http.Client, host, method, path, run string, body any) (*http.Response, error) {
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case []byte: // a batch, as it is sent
		reader = bytes.NewReader(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+host+path, reader)
	if err != nil {
		return nil, fault.Wrap(err, AuthorityFailed, "the authority's address").WithHint("write HOST:PORT")
	}
	if run != "" {
		request.Header.Set(api.HeaderRun, run)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusalOf(response)
}

// refusalTimeout is how long a refusal of our certificate may take to arrive.
const refusalTimeout = time.Second

// RefusedBy reports whether a server refuses our certificate. With TLS 1.3 a client hears
// of that after its handshake, where net/http may meet a reset instead; a connection over
// which nothing is sent always hears it.
func RefusedBy(ctx context.Context, client *signet.Client, address string) bool {
	conn, err := client.Dial(ctx, "tcp", address)
	if err != nil {
		return errors.Is(err, signet.RefusedByPeer)
	}
	defer conn.Abort()
	conn.SetReadDeadline(time.Now().Add(refusalTimeout))
	_, err = conn.Read(make([]byte, 1))
	return errors.Is(err, signet.RefusedByPeer)
}

// refuses reports whether the authority refuses our certificate.
func (t *trust) refuses(ctx context.Context) bool { return RefusedBy(ctx, t.client, t.at) }

// notEstablished is how net/http says that a connection ended while it was being made;
// it has no type for it.
const notEstablished = "http2: client conn could not be established"

// brokenOff reports whether an error can be a refusal that net/http has met as a reset,
// or as an alert in no words of ours.
func brokenOff(err error) bool {
	var op *net.OpError
	return errors.Is(err, signet.Truncated) || errors.As(err, &op) && op.Op == "remote error" || err != nil && strings.Contains(err.Error(), notEstablished)
}

// refusalOf returns the authority's own error.
func refusalOf(response *http.Response) error {
	var answer api.Error
	if json.NewDecoder(io.LimitReader(response.Body, api.MaxRequest)).Decode(&answer) != nil || answer.Code == "" {
		return fault.New(AuthorityFailed, "the authority answered %s", response.Status).
			WithHint("run authority and proxy with the same version of signet")
	}
	return &fault.Error{Code: fault.Code(answer.Code), Message: answer.Message, Hint: answer.Hint, Detail: refusal{response.StatusCode}}
}

// readAnswer reads a bounded answer.
func readAnswer(from io.Reader, answer any) error {
	if err := json.NewDecoder(io.LimitReader(from, api.MaxRequest)).Decode(answer); err != nil {
		return fault.Wrap(err, AuthorityFailed, "unreadable answer").
			WithHint("run authority and proxy with the same version of signet")
	}
	return nil
}

// refusal is the Detail of the authority's own error.
type refusal struct{ status int }

// refused reports whether the authority understood the message and said no, so
// that sending it again is of no use.
func refused(err error) bool {
	ours, ok := fault.Of(err)
	if !ok {
		return false
	}
	answer, ok := ours.Detail.(refusal)
	return ok && answer.status/100 == 4
}

// Newest asks for the newest successor of each certificate, in their order.
func (a *Agent) Newest(ctx context.Context, certs []api.Issued) (newest []api.Issued, err error) {
	if err := a.post(ctx, api.PathNewest, certs, &newest); err != nil {
		return nil, err
	}
	if len(newest) != len(certs) {
		return nil, fault.New(AuthorityFailed, "the authority was asked for %d certificates and names %d", len(certs), len(newest)).
			WithHint("run authority and proxy with the same version of signet")
	}
	return newest, nil
}

// post sends a message and reads the answer into result, unless that is nil.
func (a *Agent) post(ctx context.Context, path string, body, result any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := a.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if result == nil {
		return nil
	}
	return readAnswer(response.Body, result)
}
