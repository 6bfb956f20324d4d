package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/signet-tls/signet/pki"
)

// entrant is one that the matrix measures.
type entrant struct {
	entry
	version []string                        // the command that prints it; none: it is of this module
	start   func(a *arena) (*target, error) // starts it anew
	ready   func(a *arena) error            // once, before the first round; nil: nothing is to be done. An error: it is not run
	skips   func(test string) bool          // tests that say nothing about it; nil: none
}

// arena is where entrants are measured: certificates, a backend, and what has been
// installed.
type arena struct {
	*workshop
	people  *loadPeople
	clients int    // how many certificates the tests need
	backend string // its address
	tools   string // the folder of what "make bench" has brought; see tools/bench
}

// manyClients is how many certificates "hs-many" shows.
const manyClients = 1000

// openssl is the folder of OpenSSL's libraries.
func (a *arena) openssl() string { return filepath.Join(a.tools, "openssl") }

// newArena makes certificates, of so many clients, and the backend.
func newArena(tools string, clients int) (*arena, error) {
	w, err := newWorkshop()
	if err != nil {
		return nil, err
	}
	a := &arena{workshop: w, clients: clients}
	if a.tools, err = filepath.Abs(tools); err == nil {
		if a.people, err = a.certify(); err == nil {
			a.backend, err = startBackend()
		}
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// certify makes an authority with an intermediate, the proxies' certificate, in files,
// and the clients'.
func (a *arena) certify() (*loadPeople, error) {
	root, err := authority(nil, pki.Root, "Bench Root")
	if err != nil {
		return nil, err
	}
	intermediate, err := authority(root, pki.Intermediate, "Bench Intermediate")
	if err != nil {
		return nil, err
	}
	workload := func(name string) (*pki.Credential, error) {
		return intermediate.New(pki.Spec{Profile: pki.Workload, ID: sure(decideDomain.ID(name)), Key: sure(pki.NewKey())})
	}
	server, err := workload("server")
	if err != nil {
		return nil, err
	}
	people := &loadPeople{roots: pool(root.Leaf())}
	for i := range a.clients {
		client, err := workload(fmt.Sprint("client-", i))
		if err != nil {
			return nil, err
		}
		people.clients = append(people.clients, client)
	}
	all, err := server.PEM()
	if err != nil {
		return nil, err
	}
	key := all[bytes.Index(all, []byte("-----BEGIN PRIVATE KEY")):]
	for name, data := range map[string][]byte{"root.pem": root.Leaf().PEM(), "server.crt": server.ChainPEM(), "server.key": key, "server.pem": all} {
		if err := os.WriteFile(a.file(name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// run starts a command whose child processes are its own, as an entrant that speaks
// TLS at an address.
func (a *arena) enter(name, address string, people *loadPeople, library string, command ...string) (*target, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = a.dir, a.env
	if library != "" {
		cmd.Env = append(a.env[:len(a.env):len(a.env)], "LD_LIBRARY_PATH="+library)
	}
	p, err := a.run(name, cmd)
	if err != nil {
		return nil, err
	}
	return &target{address: address, process: p, people: people}, nil
}

// configured is a peer with a configuration in bench/peers.
func configured(name, by, file, library string, version []string, command func(config string) []string) entrant {
	return entrant{entry: entry{name, peers, "OpenSSL", by}, version: version,
		ready: func(a *arena) error {
			if _, err := exec.LookPath(version[0]); err != nil {
				return fmt.Errorf("%w; next: make bench", err)
			}
			if library != "" {
				if _, err := os.Stat(a.openssl()); err != nil {
					return fmt.Errorf("%w; next: make bench", err)
				}
			}
			return nil
		},
		start: func(a *arena) (*target, error) {
			address, err := freeAddress()
			if err != nil {
				return nil, err
			}
			template, err := os.ReadFile(filepath.Join("bench/peers", file))
			if err != nil {
				return nil, fmt.Errorf("%w; next: run it in the project's own folder", err)
			}
			text := strings.NewReplacer("@DIR@", a.dir, "@LISTEN@", address, "@BACKEND@", a.backend).Replace(string(template))
			if err := os.WriteFile(a.file(file), []byte(text), 0o600); err != nil {
				return nil, err
			}
			if library != "" {
				library = a.openssl()
			}
			return a.enter(name, address, a.people, library, command(a.file(file))...)
		}}
}

// relayed is a relay of this program, which speaks no TLS.
func relayed(name, service, by string) entrant {
	return entrant{entry: entry{name, floor, service, by},
		skips: func(test string) bool {
			return strings.HasPrefix(test, "hs-") || test == "resume" || strings.HasPrefix(test, "idle") || test == cipherTest
		},
		start: func(a *arena) (*target, error) {
			address, err := freeAddress()
			if err != nil {
				return nil, err
			}
			p, err := a.child(service, service, address, a.backend)
			return &target{address: address, process: p}, err
		}}
}

// entrants are all that can be measured, in the report's order.
func entrants() []entrant {
	const openssl = "OpenSSL, in user space"
	return []entrant{
		signetEntrant(byDefault, "default", "as it is by default", ""),
		signetEntrant("signet-std", "std", `data_path = "std": crypto/tls over many records a call of the system`, `data_path = "std"`),
		signetEntrant("signet-record", "record", `data_path = "record": crypto/tls for the handshake, then records of its own`, `data_path = "record"`),
		forgetful(),
		systemEntrant(),
		configured(baseline, openssl, "nginx.conf", "openssl", []string{"nginx", "-v"}, func(config string) []string { return []string{"nginx", "-c", config} }),
		configured("haproxy", openssl, "haproxy.cfg", "openssl", []string{"haproxy", "-v"}, func(config string) []string { return []string{"haproxy", "-db", "-f", config} }),
		configured("stunnel", openssl, "stunnel.conf", "openssl", []string{"stunnel", "-version"}, func(config string) []string { return []string{"stunnel", config} }),
		ghostunnel(),
		relayed(copyRelay, "copy", "no TLS: each byte is copied into a process and out of it"),
		relayed(spliceRelay, "splice", "no TLS: bytes stay in the system (splice)"),
	}
}

// ghostunnel is a proxy in Go, which speaks by crypto/tls.
func ghostunnel() entrant {
	program := func(a *arena) string { return filepath.Join(a.tools, "ghostunnel") }
	return entrant{entry: entry{"ghostunnel", peers, "crypto/tls", "crypto/tls by io.Copy"},
		ready: func(a *arena) error {
			if _, err := os.Stat(program(a)); err != nil {
				return fmt.Errorf("%w; next: make bench", err)
			}
			return nil
		},
		start: func(a *arena) (*target, error) {
			address, err := freeAddress()
			if err != nil {
				return nil, err
			}
			return a.enter("ghostunnel", address, a.people, "", program(a), "server", "--listen", address, "--target", a.backend,
				"--cert", a.file("server.crt"), "--key", a.file("server.key"), "--cacert", a.file("root.pem"), "--allow-all", "--quiet=all")
		}}
}

// versionsOf says what is measured, of the entrants that are here.
func (a *arena) versionsOf(all []entrant) (versions []string) {
	for _, e := range all {
		if e.version == nil {
			continue
		}
		if out, err := exec.Command(e.version[0], e.version[1:]...).CombinedOutput(); err == nil {
			versions = append(versions, versionLine(string(out), e.Name))
		}
	}
	if found := opensslVersion.Find(read(filepath.Join(a.openssl(), "libcrypto.so.3"))); found != nil {
		versions = append(versions, "nginx, haproxy and stunnel use "+string(found))
	}
	return versions
}

// versionLine is the first line in which a program names itself and a number.
func versionLine(said, program string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(strings.ToLower(line), program) && strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	return program + ", of an unknown version"
}

var opensslVersion = regexp.MustCompile(`OpenSSL \d+\.\d+\.\d+ \d+ \w+ \d{4}`)
