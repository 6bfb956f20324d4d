package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// authorityPath is the authority's own path in its trust domain.
const authorityPath = "authority"

// answerTimeout bounds one question to the authority, which itself waits at
// most two seconds for its proxies.
const answerTimeout = 30 * time.Second

// operator asks the authority of this host's trust domain.
type operator struct {
	asked
	id      spiffeid.ID
	until   time.Time // the end of its certificate
	address string
	home    folder // where all of this is kept
	client  *signet.Client
	http    *http.Client
}

// operator returns a client to the authority, with the operator's identity that
// --as names or that is kept here.
func (s *shell) operator(ctx context.Context, as string) (*operator, error) {
	home, err := s.folder()
	if err != nil {
		return nil, err
	}
	home = home.renewed(ctx, time.Now())
	credential, err := s.operatorCredential(home, as)
	if err != nil {
		return nil, err
	}
	return home.asker(identity.Static(credential), credential.Leaf())
}

// asker returns a client to the authority of a folder, with some identity.
func (f folder) asker(own identity.Source, leaf *pki.Certificate) (*operator, error) {
	set, err := f.settings()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if set.Authority == "" {
		return nil, fault.New(NotRunning, "the authority of %s was never started", f.domain).WithHint("%s", f.start())
	}
	roots, err := f.roots()
	if err != nil {
		return nil, err
	}
	authority, err := f.domain.ID(authorityPath)
	if err != nil {
		return nil, err
	}
	client := &signet.Client{Roots: roots, Name: verify.ID(authority), Identity: own}
	o := &operator{id: leaf.ID(), until: leaf.NotAfter(), address: set.Authority, home: f, client: client, http: client.HTTP()}
	o.asked = o.do
	return o, nil
}

func (s *shell) operatorCredential(home folder, as string) (*pki.Credential, error) {
	if as != "" {
		credential, _, err := s.identity(as)
		return credential, err
	}
	mine := slices.DeleteFunc(home.identities(), func(name string) bool { return !strings.HasPrefix(name, "operator/") })
	if len(mine) > 1 {
		if me := operatorPath(); slices.Contains(mine, me) {
			mine = []string{me}
		}
	}
	switch len(mine) {
	case 1:
		return home.credential(mine[0])
	case 0:
		return nil, fault.New(CredentialUnknown, "no operator's identity of %s is kept on this host", home.domain).
			WithHint("name its PEM file with --as, or run the command where Signet was started")
	}
	return nil, fault.New(CredentialUnknown, "several operators' identities are kept on this host").
		WithHint("name one with --as: %s", strings.Join(mine, ", "))
}

// start is how the authority of a folder is started.
func (f folder) start() string {
	switch {
	case f.host != nil:
		return "see that the authority runs at " + f.host.Authority + ", and that this host may connect to it"
	case f.domain.String() == demoDomain:
		return "signet up      # in another terminal; it goes on where it stopped"
	}
	return "signet authority serve      # in another terminal, or as a service; it goes on where it stopped"
}

// renewal is how somebody of a folder whose certificate has expired comes back.
func (f folder) renewal(name string) string {
	switch {
	case f.host != nil:
		return "have an operator make a token, and enroll again: signet token new " + name + " --again | signet enroll"
	case f.domain.String() == demoDomain:
		return "signet up      # renews it, where it was made"
	}
	return "signet authority serve      # renews it, where it was made"
}

// renewed is a host folder whose certificate is in the first half of its life, as
// far as it can be: where the authority does not answer, the old one is still good.
func (f folder) renewed(ctx context.Context, now time.Time) folder {
	if f.host == nil {
		return f
	}
	leaf := f.host.Credential.Leaf()
	half := leaf.NotBefore().Add(leaf.NotAfter().Sub(leaf.NotBefore()) / 2)
	if now.Before(half) || !now.Before(leaf.NotAfter()) {
		return f
	}
	if home, err := agent.Renew(ctx, f.dir, *f.host, nil); err == nil {
		f.host = &home
	}
	return f
}

func (o *operator) do(ctx context.Context, method, path string, body []byte, answer any) error {
	status, _, data, err := o.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return o.mendable(refusal(data))
	}
	return decodeAnswer(data, answer)
}

// mendable has the step of a certificate that counts no longer be the one that works
// where it is kept: nobody enrolls in an authority's own folder.
func (o *operator) mendable(err error) error {
	if ours, ok := fault.Of(err); ok && ours.Code == api.CertificateWithdrawn && o.home.host == nil {
		return ours.WithHint("where nobody told you, ask who did that; then stop the authority, and start it again: it renews what is kept in its folder")
	}
	return err
}

func decodeAnswer(data []byte, answer any) error {
	if err := json.Unmarshal(data, answer); err != nil {
		return garbled(err)
	}
	return nil
}

// ask returns an answer as it came, and the time that its header tells.
func (o *operator) ask(ctx context.Context, method, path string, body []byte) (status int, date string, data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "https://"+o.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, unreadableData(err, settingsFile)
	}
	response, err := o.http.Do(request)
	if err != nil {
		return 0, "", nil, o.unanswered(ctx, err)
	}
	defer response.Body.Close()
	limit := int64(api.MaxUpdate)
	if path == api.PathBackup {
		limit = api.MaxBackup
	}
	data, err = io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return 0, "", nil, o.unanswered(ctx, err)
	}
	return response.StatusCode, response.Header.Get("Date"), data, nil
}

// refusal returns the authority's own error.
func refusal(data []byte) error {
	var answer api.Error
	err := json.Unmarshal(data, &answer)
	if err == nil && (answer.Code == "" || answer.Message == "") {
		err = errors.New("an error without a code or message")
	}
	if err != nil {
		return garbled(err)
	}
	return fault.New(fault.Code(answer.Code), "%s", answer.Message).WithHint("%s", answer.Hint)
}

func garbled(err error) error {
	return fault.Wrap(err, AuthorityGarbled, "the authority's answer cannot be understood").
		WithHint("use the signet command of the authority's version")
}

// unanswered says why there was no answer.
func (o *operator) unanswered(ctx context.Context, err error) error {
	switch _, ours := fault.Of(err); {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, signet.Unreachable):
		return fault.New(NotRunning, "Signet does not run: nobody listens at %s, its authority's address", o.address).
			WithHint("%s", o.home.start())
	case errors.Is(err, signet.Timeout), errors.Is(err, context.DeadlineExceeded):
		return fault.New(signet.Timeout, "the authority at %s does not answer", o.address).
			WithHint("see that its process is not stopped and its disk not stuck; it may have done what it was asked: signet status")
	case ours && !errors.Is(err, signet.Truncated):
		return err
	case agent.RefusedBy(ctx, o.client, o.address):
		return o.locked(time.Now())
	}
	return fault.Wrap(cause(err), AuthorityBrokeOff, "the authority at %s broke off", o.address).
		WithHint("try again; if it stays, stop the authority and start it again")
}

// locked says why the authority refuses our identity, as far as we can know.
func (o *operator) locked(now time.Time) error {
	name := o.id.Path()
	if now.After(o.until) {
		return fault.New(AccessRefused, "the authority refuses %s: its certificate expired %s", name, verify.Ago(now.Sub(o.until))).
			WithHint("%s", o.home.renewal(name))
	}
	refused := fault.New(AccessRefused, "the authority refuses %s: it was revoked, or is not enrolled", name)
	if o.home.domain.String() == demoDomain {
		return refused.WithHint("ask another operator; who has another identity names it with --as\nwhere nobody has one, stop signet up; \"signet up --fresh\" starts the trust domain over")
	}
	return refused.WithHint("ask another operator; who has another identity names it with --as")
}

// cause leaves out what net/http says about the request.
func cause(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
