package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// rig is the whole system as people run it: the program, built from this source, an
// authority and hosts with their proxies, each in a process of its own.
type rig struct {
	*workshop
	reach                      // of the authority
	anchors []*pki.Certificate // its roots
	me      *pki.Credential    // the operator

	asking sync.Mutex
	http   *http.Client // guarded by asking; as the operator; nil until it is needed
}

// build is how the program is built.
type build struct {
	race   bool // with the race detector
	clocks bool // so that the wall clock of each host can be set
}

// newRig builds the program and makes an authority, which runs.
func newRig(how build) (*rig, error) {
	w, err := newWorkshop()
	if err != nil {
		return nil, err
	}
	flags, err := how.flags(w.dir)
	if err == nil {
		w.program, err = w.build("signet", flags...)
	}
	if err == nil {
		var r *rig
		if r, err = w.rig(); err == nil {
			return r, nil
		}
	}
	w.close()
	return nil, err
}

// flags are those of go build; what they need is left in a folder.
func (how build) flags(dir string) (flags []string, err error) {
	if how.clocks {
		flags, err = clocks(dir)
	}
	if how.race {
		flags = append(flags, "-race")
	}
	return flags, err
}

// rig makes an authority in the workshop, which runs.
func (w *workshop) rig() (*rig, error) {
	r := &rig{workshop: w, reach: reach{domain: decideDomain}}
	return r, r.found()
}

func (r *rig) found() error {
	if err := os.WriteFile(r.file("passphrase"), []byte("correct horse battery staple\n"), 0o600); err != nil {
		return err
	}
	if _, err := r.signet("authority", "authority", "init", r.domain.String(), "--passphrase-file", r.file("passphrase"), "--quiet"); err != nil {
		return err
	}
	var err error
	if r.address, err = freeAddress(); err != nil {
		return err
	}
	if _, err := r.serve(); err != nil {
		return err
	}
	if r.me, err = r.credential(); err != nil {
		return err
	}
	root, err := os.ReadFile(filepath.Join(r.data("authority"), "roots.pem"))
	if err != nil {
		return err
	}
	if r.anchors, err = pki.ParseCertificates(root); err != nil {
		return err
	}
	r.roots, err = verify.ForTrustDomain(r.domain, r.anchors...)
	return err
}

// data is the folder of somebody: of the authority, or of a host.
func (r *rig) data(name string) string { return r.file(name) }

// serve starts the authority, and returns when it serves.
func (r *rig) serve() (*process, error) {
	p, err := r.start("authority", r.program, "--data", r.data("authority"), "authority", "serve", "--passphrase-file", r.file("passphrase"),
		"--listen", r.address, "--status", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return p, p.says("/status")
}

// credential is the operator's, which the authority writes anew whenever it starts.
func (r *rig) credential() (*pki.Credential, error) {
	files, err := filepath.Glob(filepath.Join(r.data("authority"), "identities", "operator", "*.pem"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("the operator's file: %v (%w)", files, err)
	}
	return identity.Load(os.DirFS(filepath.Dir(files[0])), filepath.Base(files[0]))
}

// join makes a host join as somebody.
func (r *rig) join(who string, holds ...string) error {
	made, err := r.token(api.TokenRequest{Who: who, Holds: holds, For: 10 * time.Minute})
	if err != nil {
		return err
	}
	enroll := r.command(filepath.Base(who), "enroll", "--quiet")
	enroll.Stdin = strings.NewReader(made.Token + "\n")
	if out, err := enroll.CombinedOutput(); err != nil {
		return fmt.Errorf("%s cannot join: %w: %s", who, err, out)
	}
	return nil
}

func (r *rig) token(request api.TokenRequest) (made api.TokenMade, err error) {
	return made, r.ask(http.MethodPost, api.PathToken, request, &made)
}

// another makes a token for somebody who may be there already.
func (r *rig) another(who string) (made api.TokenMade, err error) {
	request := api.TokenRequest{Who: who, For: 10 * time.Minute}
	made, err = r.token(request)
	var no refused
	if errors.As(err, &no) && no.status == http.StatusConflict {
		request.Again = true
		made, err = r.token(request)
	}
	return made, err
}

// proxy starts the proxy of a host that has joined as proxy/NAME, and returns when it
// serves.
func (r *rig) proxy(name, settings string) (*process, error) {
	path := r.file(name + ".toml")
	if err := os.WriteFile(path, []byte(fmt.Sprintf("host = %q\nlog = %q\n", r.data(name), r.file(name+".access"))+settings), 0o600); err != nil {
		return nil, err
	}
	p, err := r.start(name, r.program, "proxy", "serve", "--config", path)
	if err != nil {
		return nil, err
	}
	return p, p.says("Ctrl-C stops it")
}

// signet runs a command to its end, with somebody's folder.
func (r *rig) signet(data string, args ...string) (string, error) {
	out, err := r.command(data, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("signet %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// ask asks the authority as the operator.
func (r *rig) ask(method, path string, question, answer any) error {
	r.asking.Lock()
	if r.http == nil {
		client := &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), Identity: identity.Static(r.me)}
		r.http = client.HTTP()
		r.http.Timeout = 30 * time.Second
	}
	client := r.http
	r.asking.Unlock()
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return exchange(client, method, "https://"+r.address+path, body, answer)
}

// exchange sends a request and reads its answer, where one is wanted.
func exchange(client *http.Client, method, url string, body []byte, answer any) error {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return refused{response.StatusCode, string(data)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}

// refused is an answer that is a refusal.
type refused struct {
	status int
	text   string
}

// Error implements error.
func (r refused) Error() string { return fmt.Sprintf("%d: %s", r.status, r.text) }

// change has the operator's act carried out, in force everywhere.
func (r *rig) change(path string, question any) (made api.Change, err error) {
	if err := r.ask(http.MethodPost, path, question, &made); err != nil {
		return made, err
	}
	if made.InForce != made.Proxies {
		err = fmt.Errorf("%s: in force on %d of %d proxies: %+v", path, made.InForce, made.Proxies, made.Missing)
	}
	return made, err
}

func (r *rig) allow(from, to string) error {
	_, err := r.change(api.PathAllow, api.PairRequest{From: from, To: to})
	return err
}

// verifyLog has the audit log looked at, which nobody may be writing.
func (r *rig) verifyLog() (string, error) {
	out, err := r.signet("authority", "audit", "verify")
	first, _, _ := strings.Cut(out, "\n")
	return first, err
}

// fixed dials one address, whatever name is asked for.
type fixed string

// DialContext implements signet.Client's Dialer.
func (address fixed) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, string(address))
}

// machine says where figures come from.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if _, name, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "model name") {
				model = strings.TrimSpace(name)
				break
			}
		}
	}
	load, _, _ := strings.Cut(string(read("/proc/loadavg")), " ")
	congestion := strings.TrimSpace(string(read("/proc/sys/net/ipv4/tcp_congestion_control")))
	return fmt.Sprintf("%d × %s, %s, TCP by %s, load %s", runtime.NumCPU(), model, runtime.Version(), cmp.Or(congestion, "default"), load)
}

// read returns a file of the system's; nothing where there is none.
func read(name string) []byte {
	data, _ := os.ReadFile(name)
	return data
}
