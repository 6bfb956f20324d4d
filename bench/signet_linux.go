package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
)

// serviceOf is a service of a proxy's, as many connections as the machine's usual
// limit of descriptors allows.
func serviceOf(identity, address, backend string) string {
	return fmt.Sprintf("[[service]]\nidentity = %q\nlisten = %q\nbackend = %q\nmax_connections = 9900\nmax_connections_each = 9900\n", identity, address, backend)
}

// signetEntrant is a proxy without an authority, and with a line of its own in the
// configuration.
func signetEntrant(name, path, by, line string) entrant {
	return signetBuilt(entry{name, ours, path, by}, line, func(a *arena) (err error) {
		if a.program == "" {
			a.program, err = a.build("signet")
		}
		return err
	}, func(a *arena) string { return a.program })
}

func signetBuilt(e entry, line string, build func(a *arena) error, program func(a *arena) string) entrant {
	config := e.Name + ".toml"
	write := func(a *arena, address string) error {
		if err := os.WriteFile(a.file("all.cedar"), []byte(`@id("everybody") `+everybody), 0o600); err != nil {
			return err
		}
		text := fmt.Sprintf("trust_domain = %q\nroots = \"root.pem\"\npolicy = \"all.cedar\"\nlog = \"/dev/null\"\n%s\n", decideDomain, line) +
			"[[identity]]\nname = \"server\"\nfile = \"server.pem\"\n" + serviceOf("server", address, a.backend)
		return os.WriteFile(a.file(config), []byte(text), 0o600)
	}
	return entrant{entry: e,
		ready: func(a *arena) error {
			if err := build(a); err != nil {
				return err
			}
			if err := write(a, "127.0.0.1:1"); err != nil {
				return err
			}
			command := a.command("none", "proxy", "lint", "--config", a.file(config))
			command.Path = program(a)
			if out, err := command.CombinedOutput(); err != nil {
				return errors.New(strings.ReplaceAll(firstLine(out), a.dir+"/", ""))
			}
			return nil
		},
		start: func(a *arena) (*target, error) {
			address, err := freeAddress()
			if err != nil {
				return nil, err
			}
			if err := write(a, address); err != nil {
				return nil, err
			}
			return a.enter(e.Name, address, a.people, "", program(a), "proxy", "serve", "--config", a.file(config))
		}}
}

// chainsKept is what forgetful replaces in verify/verifier.go.
const (
	chainsKept   = "\nfunc (m *memory[K, V]) put(key K, value V, most int) {\n"
	chainsNoMore = chainsKept + "\treturn\n"
)

// forgetful is a proxy that is built so that its verifier remembers nothing.
func forgetful() entrant {
	program := func(a *arena) string { return a.file("signet-forgetful") }
	e := signetBuilt(entry{"signet-cold", ours, "default", "as it is by default, built without the memory of verified chains"}, "", func(a *arena) error {
		const source = "verify/verifier.go"
		overlay, err := forgetting(read(source))
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		if err := os.WriteFile(a.file("verifier.go"), overlay, 0o600); err != nil {
			return err
		}
		names := sure(json.Marshal(map[string]map[string]string{"Replace": {sure(filepath.Abs(source)): a.file("verifier.go")}}))
		if err := os.WriteFile(a.file("overlay.json"), names, 0o600); err != nil {
			return err
		}
		_, err = a.build("signet-forgetful", "-overlay", a.file("overlay.json"))
		return err
	}, program)
	e.skips = func(test string) bool { return !strings.HasPrefix(test, "hs") && test != "resume" }
	return e
}

// forgetting is the source of a verifier whose memory keeps nothing.
func forgetting(source []byte) ([]byte, error) {
	if strings.Count(string(source), chainsKept) != 1 {
		return nil, errors.New("its memory is written otherwise by now")
	}
	return []byte(strings.Replace(string(source), chainsKept, chainsNoMore, 1)), nil
}

// systemEntrant is a proxy with everything on: an authority with some 10,000 rules, the
// audit log, the access log and metrics. The authority goes on while the proxy is
// started anew.
func systemEntrant() entrant {
	var r *rig
	var people *loadPeople
	return entrant{entry: entry{"signet-full", ours, "default", "as it is by default; an authority with 10,000 rules, audit, access log, metrics"},
		ready: func(a *arena) (err error) {
			if a.program == "" {
				if a.program, err = a.build("signet"); err != nil {
					return err
				}
			}
			if r, err = a.rig(); err != nil {
				return err
			}
			people, err = r.populate(a.clients)
			return err
		},
		start: func(a *arena) (*target, error) {
			address, err := freeAddress()
			if err != nil {
				return nil, err
			}
			status, err := freeAddress()
			if err != nil {
				return nil, err
			}
			p, err := r.proxy("full", fmt.Sprintf("status = %q\n", status)+serviceOf(fullService, address, a.backend))
			return &target{address: address, process: p, people: people}, err
		}}
}

// fullService is the identity of the service with everything on.
const fullService = "server"

// populate has a proxy and all clients join, and puts a rule for each of them in force,
// and for thousands of others: rules that concern the proxy, as it is told no others.
func (r *rig) populate(clients int) (*loadPeople, error) {
	if err := r.join("proxy/full", fullService); err != nil {
		return nil, err
	}
	policy := api.Policy{}
	for i := range decideRules { // as short as they can be: a request has at most 1 MiB
		text := fmt.Sprintf(`permit(principal==Identity::"%s",action,resource);`, decideID("c", i))
		policy.Rules = append(policy.Rules, api.PolicyRule{Rule: api.Rule{Name: fmt.Sprint("r", i), Text: text}})
		if n := len(policy.Rules); n%4000 == 0 || n == decideRules { // and a change at most 4,096
			if err := r.ask(http.MethodPost, api.PathPolicy, policy, nil); err != nil {
				return nil, err
			}
		}
	}
	people := &loadPeople{roots: pool(r.anchors...), clients: make([]*pki.Credential, clients)}
	return people, many(clients, 16, func(_, i int) (err error) {
		people.clients[i], err = r.enrolled(fmt.Sprint("c", i))
		return err
	})
}

// enrolled is the credential of somebody who joins.
func (r *rig) enrolled(name string) (*pki.Credential, error) {
	made, err := r.another(name)
	if err != nil {
		return nil, err
	}
	token, err := api.ParseToken(made.Token)
	if err != nil {
		return nil, err
	}
	key := sure(pki.NewKey())
	var answer api.Enrolled
	stranger := r.stranger().HTTP()
	defer stranger.CloseIdleConnections()
	err = exchange(stranger, http.MethodPost, "https://"+api.EnrollHost+api.PathEnroll,
		sure(json.Marshal(api.EnrollRequest{Secret: token.Secret, Request: sure(pki.NewRequest(key))})), &answer)
	if err != nil {
		return nil, err
	}
	var chain []*pki.Certificate
	for _, der := range answer.Chain {
		chain = append(chain, sure(pki.ParseCertificate(der)))
	}
	return pki.NewCredential(chain, key)
}
