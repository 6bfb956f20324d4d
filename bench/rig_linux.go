package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// rig is the whole system as people run it: the program, built from this source, an
// authority and hosts with their proxies, each in a process of its own.
type rig struct {
	dir     string // everything is in here, and removed at the end
	build   build
	program string
	env     []string
	domain  spiffeid.TrustDomain
	address string // of the authority
	roots   verify.Roots
	me      *pki.Credential // the operator

	mu      sync.Mutex
	http    *http.Client // guarded by mu; as the operator; nil until it is needed
	running []*process   // guarded by mu
}

// build is how the program is built.
type build struct {
	race   bool // with the race detector
	clocks bool // so that the wall clock of each host can be set
}

// newRig builds the program and makes an authority, which runs.
func newRig(how build) (r *rig, err error) {
	r = &rig{domain: decideDomain, build: how}
	if r.dir, err = os.MkdirTemp("", "signet-bench-"); err != nil {
		return nil, err
	}
	r.env = append(os.Environ(), "HOME="+r.dir, "XDG_DATA_HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir, "SIGNET_DATA=")
	r.program = filepath.Join(r.dir, "signet")
	if err = r.compile(); err == nil {
		err = r.found()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) compile() error {
	args := []string{"build", "-o", r.program}
	if r.build.race {
		args = append(args, "-race")
	}
	if r.build.clocks {
		flags, err := clocks(r.dir)
		if err != nil {
			return err
		}
		args = append(args, flags...)
	}
	if out, err := exec.Command("go", append(args, "github.com/signet-tls/signet/cmd/signet")...).CombinedOutput(); err != nil {
		return fmt.Errorf("the program cannot be built: %w: %s", err, out)
	}
	return nil
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
	anchors, err := pki.ParseCertificates(root)
	if err != nil {
		return err
	}
	r.roots, err = verify.ForTrustDomain(r.domain, anchors...)
	return err
}

// file is a path in the rig's folder.
func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

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

func (r *rig) command(data string, args ...string) *exec.Cmd {
	command := exec.Command(r.program, append([]string{"--data", r.data(data)}, args...)...)
	command.Env, command.Dir = r.envOf(data), r.dir
	return command
}

// envOf is the environment on a host.
func (r *rig) envOf(host string) []string {
	if !r.build.clocks {
		return r.env
	}
	return append(slices.Clip(r.env), clockVariable+"="+r.clock(host))
}

// ask asks the authority as the operator.
func (r *rig) ask(method, path string, question, answer any) error {
	r.mu.Lock()
	if r.http == nil {
		client := &signet.Client{Roots: r.roots, Name: verify.ID(sure(r.domain.ID("authority"))), Identity: identity.Static(r.me)}
		r.http = client.HTTP()
		r.http.Timeout = 30 * time.Second
	}
	client := r.http
	r.mu.Unlock()
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

// close ends everything that runs, and removes what it left.
func (r *rig) close() {
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	for _, p := range running {
		p.kill()
	}
	os.RemoveAll(r.dir)
}

// process is a program at work.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   string // the file of what it says
	log   string // the file of what it logs
	begun int64  // where in out its own words begin
	ended chan struct{}
}

// start starts a program, whose words go to files of its name.
func (r *rig) start(name, program string, args ...string) (*process, error) {
	command := exec.Command(program, args...)
	command.Env, command.Dir = r.envOf(name), r.dir
	return r.run(name, command)
}

// run is start for a command that is ready.
func (r *rig) run(name string, command *exec.Cmd) (*process, error) {
	p := &process{name: name, out: r.file(name + ".out"), log: r.file(name + ".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if info, err := out.Stat(); err == nil {
		p.begun = info.Size()
	}
	p.cmd, command.Stdout, command.Stderr = command, out, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // how it ended, nobody asks: who kills it knows
		close(p.ended)
	}()
	r.mu.Lock()
	r.running = append(r.running, p)
	r.mu.Unlock()
	return p, nil
}

// patience is how long anything may take to start, or to become so.
const patience = 60 * time.Second

// says waits until a process has said something.
func (p *process) says(text string) error {
	return until(p.name+" says "+text, func() (bool, error) {
		data, err := os.ReadFile(p.out)
		if err != nil || bytes.Contains(data[p.begun:], []byte(text)) {
			return err == nil, err
		}
		select {
		case <-p.ended:
			log, _ := os.ReadFile(p.log)
			return false, fmt.Errorf("%s ended: %s", p.name, log[max(0, len(log)-2000):])
		default:
			return false, nil
		}
	})
}

// until waits until something is so.
func until(what string, is func() (bool, error)) error {
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if so, err := is(); so || err != nil {
			return err
		}
		if time.Since(begun) > patience {
			return errors.New(what + ": it is not so after " + patience.String())
		}
	}
}

// kill ends a process as a power cut does, and returns when it has.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// stop asks a process to end, and returns when it has.
func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
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
	return fmt.Sprintf("%d × %s, %s, load %s", runtime.NumCPU(), model, runtime.Version(), load)
}

// read returns a file of the system's; nothing where there is none.
func read(name string) []byte {
	data, _ := os.ReadFile(name)
	return data
}
