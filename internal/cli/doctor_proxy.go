package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/proxy/config"
)

// proxy looks at what a configuration names: the proxy that runs by it, if one does,
// and the programs and services that it connects to.
func (c *checkup) proxy(ctx context.Context, path string) {
	plan, err := readPlan(path, slog.New(slog.DiscardHandler))
	var files *agent.Files
	if err == nil && plan.home == nil {
		files, err = agent.OpenFiles(plan.files)
	}
	if err != nil {
		c.fail("proxy", err)
		return
	}
	c.ok("proxy", "%s can be served: %s and %s", path, count(len(plan.proxy.Services), "service", "services"), count(len(plan.proxy.Doors), "door", "doors"))
	if files == nil {
		c.home(ctx, folder{plan.file.Resolve(plan.file.Host), plan.domain, plan.home})
	} else {
		c.files(plan, files)
	}
	need := int64(leastDescriptors)
	for _, service := range plan.proxy.Services {
		need += 2 * int64(service.Limits.Conns)
	}
	for _, door := range plan.proxy.Doors {
		need += 2 * int64(door.Limits.Conns)
	}
	c.descriptors(need)
	if plan.file.Log != "stderr" {
		c.disk("log's disk", filepath.Dir(plan.file.Resolve(plan.file.Log)))
	}
	c.ports(ctx, plan, path)
	for i, service := range plan.proxy.Services {
		c.reaches(ctx, plan.file.Services[i].Identity, "the program", []string{plan.file.Services[i].Backend}, service.Backend.Network, service.Backend.Address)
	}
	for i, door := range plan.proxy.Doors {
		c.reaches(ctx, plan.file.Doors[i].Identity, plan.file.Doors[i].To, door.Targets, "tcp", door.Targets...)
	}
	c.readiness(ctx, plan)
}

// files looks at the identities of a proxy without an authority.
func (c *checkup) files(plan *plan, files *agent.Files) {
	var keys []string
	for i, held := range plan.files.Held {
		key := held.Key
		if key == "" {
			key = held.Chain.Name
		}
		keys = append(keys, key)
		credential, err := files.Source(held.ID).Credential()
		if err != nil {
			c.fail(plan.file.Identities[i].Name, err)
			continue
		}
		c.certificate(plan.file.Identities[i].Name, credential.Leaf(), "signet cert renew "+quote(held.Chain.Name)+" --ca CA-FILE --out "+quote(held.Chain.Name)+" --force")
	}
	c.keys(keys)
}

// dialTime bounds each attempt to connect.
const dialTime = 3 * time.Second

func open(ctx context.Context, network, address string) error {
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// ports looks whether somebody listens where the proxy is to.
func (c *checkup) ports(ctx context.Context, plan *plan, path string) {
	listening, silent := 0, []string{}
	look := func(listen string) {
		network, address := config.Address(listen)
		switch network {
		case "systemd":
			return // where that is, systemd knows
		case "unix":
			address = plan.file.Resolve(address)
		}
		if open(ctx, network, address) != nil {
			silent = append(silent, listen)
			return
		}
		listening++
	}
	for _, service := range plan.file.Services {
		look(service.Listen)
	}
	for _, door := range plan.file.Doors {
		look(door.Listen)
	}
	switch {
	case len(silent) == 0:
		c.ok("ports", "somebody listens at each of %s", count(listening, "port", "ports"))
	case listening == 0:
		c.stop("ports", "signet proxy serve --config "+quote(path), "the proxy does not run: nobody listens at %s", strings.Join(silent, ", "))
	default:
		c.stop("ports", "have the proxy read its configuration anew, by SIGHUP; its log says what is wrong", "nobody listens at %s", strings.Join(silent, ", "))
	}
}

// reaches looks whether one of several addresses can be connected to.
func (c *checkup) reaches(ctx context.Context, what, whom string, said []string, network string, addresses ...string) {
	if len(addresses) == 0 {
		c.unknown(what, "the authority tells the proxy where %s is", whom)
		return
	}
	var first error
	for i, address := range addresses {
		err := open(ctx, network, address)
		if err == nil {
			c.ok(what, "reaches %s at %s", whom, said[i])
			return
		}
		if first == nil {
			first = err
		}
	}
	c.stop(what, "start "+whom+", or correct its address in the configuration", "cannot reach %s at %s: %s", whom, strings.Join(said, ", "), refusedBy(first))
}

// maxReadiness bounds what is read of a status port.
const maxReadiness = 64 << 10

// readiness asks the proxy itself.
func (c *checkup) readiness(ctx context.Context, plan *plan) {
	if plan.file.Status == "" {
		c.unknown("readiness", "the proxy has no status port: status = \"127.0.0.1:9090\" in its configuration has it tell how it is")
		return
	}
	get := func(path string) (int, string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+plan.file.Status+path, nil)
		if err != nil {
			return 0, "", err
		}
		client := http.Client{Timeout: dialTime}
		answer, err := client.Do(request)
		if err != nil {
			return 0, "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxReadiness))
		return answer.StatusCode, string(text), err
	}
	status, why, err := get("/readyz")
	switch {
	case err != nil:
		c.stop("readiness", "start the proxy, or see why its status port is not its own", "its status port at %s does not answer: %s", plan.file.Status, refusedBy(err))
		return
	case status != http.StatusOK:
		c.stop("readiness", "look at the proxy's log", "the proxy does not do its work: %s", strings.Join(strings.Split(strings.TrimSpace(why), "\n"), "; "))
		return
	}
	revision := "not known"
	if _, text, err := get("/metrics"); err == nil {
		for line := range strings.Lines(text) {
			if number, ok := strings.CutPrefix(line, "signet_proxy_revision "); ok {
				revision = strings.TrimSpace(number)
			}
		}
	}
	c.ok("readiness", "the proxy does its work; the revision in force is %s", revision)
}

// refusedBy is the system's reason, without what is said beside it.
func refusedBy(err error) string {
	if system := syscall.Errno(0); errors.As(err, &system) {
		return system.Error()
	}
	return reasonOf(err).Error()
}
