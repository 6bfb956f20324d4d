package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/proxy/config"
)

// inquire are the flags of commands that ask the authority, or a proxy that has none.
type inquire struct {
	operate
	Proxy string `placeholder:"FILE" help:"In the place of an authority, ask the proxy of this configuration, which has none: its admin says at which socket."`
}

// asked is who answers: it sends a request, and reads what comes back.
type asked func(ctx context.Context, method, path string, body []byte, answer any) error

// get asks a question.
func (do asked) get(ctx context.Context, path string, query url.Values, answer any) error {
	return do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, answer)
}

// post asks for a change.
func (do asked) post(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return do(ctx, http.MethodPost, path, body, answer)
}

// asked returns who answers.
func (i inquire) asked(ctx context.Context, s *shell) (asked, error) {
	switch {
	case i.Proxy == "":
		authority, err := s.operator(ctx, i.As)
		if err != nil {
			return nil, err
		}
		return authority.asked, nil
	case i.As != "":
		return nil, fault.New(Usage, "--as is about an authority, and --proxy about a proxy that has none").WithHint("leave one of them out")
	}
	file, err := config.Load(i.Proxy)
	if ours, is := fault.Of(err); is && ours.Code == config.Unreadable {
		return nil, ours.WithHint("name the TOML file of the proxy with --proxy FILE")
	}
	if err != nil {
		return nil, err
	}
	if file.Admin == "" {
		return nil, file.Fault("", config.Invalid, "%s has no admin socket, so nobody can ask its proxy", i.Proxy)
	}
	socket := file.Resolve(file.Admin)
	proxy := &proxyAsker{i.Proxy, &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}}}}
	return proxy.do, nil
}

// proxyAsker asks a proxy at its admin socket.
type proxyAsker struct {
	config string
	http   *http.Client
}

func (p *proxyAsker) do(ctx context.Context, method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	defer p.http.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := p.http.Do(request)
	if err != nil {
		return p.unanswered(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, api.MaxUpdate))
	if err != nil {
		return p.unanswered(err)
	}
	if response.StatusCode/100 != 2 {
		return refusal(data)
	}
	return decodeAnswer(data, answer)
}

func (p *proxyAsker) unanswered(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(cause(err), NotRunning, "the proxy of %s does not answer", p.config).
		WithHint("signet proxy serve --config %s      # as the same user, or ask as root", quote(p.config))
}
