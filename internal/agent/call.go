package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

// callTimeout bounds a call that is not the watch.
const callTimeout = 10 * time.Second

// call asks the authority; a refusal is an error with the authority's code.
func (a *Agent) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+a.authority+path, reader)
	if err != nil {
		return nil, fault.Wrap(err, AuthorityFailed, "the authority's address").WithHint("write HOST:PORT")
	}
	request.Header.Set(api.HeaderRun, a.outbox.last.run)
	response, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusalOf(response)
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
