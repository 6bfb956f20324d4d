package signet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/signet-tls/signet"

// room is one package and the packages of this module that it may import.
type room struct {
	path    string // below the module; "." is the library itself
	imports []string
	why     string // what it is for, and so why it imports no others
}

// library is what the system and its program stand on.
var library = []string{"fault", "spiffeid", "dangerous", "ciphers", "pki", "revocation", "revocation/fetch", "verify", "identity", ".", "engine", "internal/atomicfile", "internal/regular", "internal/bind", "internal/lock"}

// rooms is the house, from the ground up: imports go down only. Tests may
// import any room; internal/testpki and internal/peers are for tests and
// examples.
var rooms = []room{
	{"fault", nil, "the one error type stands on nothing"},
	{"internal/atomicfile", nil, "it writes files and does not know whose"},
	{"internal/regular", nil, "it reads files and does not know of what"},
	{"internal/lock", nil, "it takes files and does not know what stands beside them"},
	{"internal/bind", []string{"fault"}, "it opens sockets and does not know for whom"},
	{"internal/ber", nil, "it turns bytes into bytes"},
	{"internal/pbe", nil, "it turns passwords into keys"},
	{"spiffeid", []string{"fault"}, "a name is a value"},
	{"pki", []string{"fault", "spiffeid", "internal/pbe"}, "it makes and reads certificates and trusts none"},
	{"dangerous", []string{"fault"}, "permissions are values that nothing else makes"},
	{"ciphers", []string{"fault"}, "it knows names and numbers, and no connection"},
	{"pki/pkcs12", []string{"fault", "pki", "internal/ber", "internal/pbe"}, "it reads a container and hands what is in it to pki"},
	{"pki/pkcs7", []string{"fault", "pki", "internal/ber"}, "it reads a container and hands what is in it to pki"},
	{"internal/spelling", nil, "it compares words and does not know what they name"},
	{"internal/flight", nil, "it waits and does not know for what"},
	{"internal/crowd", nil, "it counts guests and does not know what they are"},
	{"internal/buffers", nil, "it lends memory and does not know for what"},
	{"internal/record", []string{"internal/buffers"}, "it turns bytes into records and back, and knows neither whose nor why"},
	{"revocation", []string{"fault", "spiffeid", "pki", "internal/flight"}, "it reads evidence and asks back whom to believe"},
	{"revocation/fetch", []string{"fault", "spiffeid", "pki", "revocation", "internal/flight", "internal/atomicfile"}, "it brings bytes that others judge"},
	{"verify", []string{"fault", "spiffeid", "dangerous", "pki", "revocation"}, "it judges the evidence that it is handed"},
	{"identity", []string{"fault", "spiffeid", "pki", "verify", "internal/regular"}, "it brings our own certificate and connects to nobody"},
	{"identity/pkcs12", []string{"fault", "pki", "pki/pkcs12"}, "it reads one form of file, so that who has none does not link it"},
	{"identity/staple", []string{"fault", "pki", "revocation", "verify", "identity"}, "it judges its own certificate as a client would, and is handed what fetches"},
	{"identity/workload", []string{"fault", "spiffeid", "pki", "verify", "identity"}, "it asks the host's agent who we are, and judges the answer"},
	{".", []string{"fault", "spiffeid", "pki", "verify", "identity", "dangerous", "ciphers", "internal/bind", "internal/crowd", "internal/buffers", "internal/record"}, "the library takes an authorise function and knows no policy and no system"},
	{"engine", []string{"fault", "."}, "it moves bytes, and everything that they mean is the library's"},

	{"tlog", []string{"fault"}, "it hashes and signs, and others keep"},
	{"policy", []string{"fault", "spiffeid"}, "it decides by names alone: no connection, no certificate"},
	{"internal/spelling", nil, "it compares words and does not know what they name"},
	{"internal/metrics", []string{"internal/bind"}, "it counts and does not know what"},
	{"internal/control", []string{"fault", "spiffeid", "internal/atomicfile", "internal/bind", "internal/lock"}, "it keeps the truth and does not judge it"},
	{"internal/ca", with(library), "it signs, and knows neither who asks nor where it is recorded"},
	{"internal/agent/api", []string{"fault", "spiffeid"}, "messages are plain data that both ends know"},
	{"internal/audit", with(library, "tlog", "internal/agent/api"), "it keeps what it is given, and proves that it did"},
	{"internal/recent", []string{"fault", "spiffeid", "policy", "internal/agent/api"}, "it remembers, and asks nobody"},
	{"internal/authority", with(library, "policy", "internal/recent", "internal/metrics", "internal/control", "internal/ca", "internal/agent/api", "internal/audit", "internal/crowd", "internal/spelling"), "it knows its agents by their messages only"},
	{"internal/agent", with(library, "policy", "internal/agent/api", "internal/ca"), "it reaches the control plane over the network only"},
	{"internal/delivery", with(library, "pki/pkcs12", "internal/agent", "internal/agent/api"), "it writes files, and the agent brings what is in them"},
	{"internal/live", with(library, "policy", "internal/agent", "internal/agent/api"), "it holds connections to the policy, and carries none"},
	{"member", with(library, "internal/agent", "internal/agent/api", "internal/live"), "a program's own connections are held as a proxy's are, and it links neither a proxy nor the control plane"},
	{"internal/proxy", with(library, "internal/recent", "internal/agent", "internal/agent/api", "internal/live", "internal/crowd", "internal/buffers", "internal/metrics"), "it asks its agent, and never the control plane"},
	{"internal/proxy/config", []string{"fault", "spiffeid", "internal/bind", "internal/regular", "internal/spelling", "internal/agent/api"}, "it says what a file means, and opens nothing that the file names"},

	{"internal/testpki", []string{"fault", "spiffeid", "pki"}, "fixtures stand on what they are fixtures of"},
	{"internal/peers", []string{"fault"}, "it finds programs and files of others, and holds errors about these to their form"},
	{"internal/peers/etcdtest", []string{"fault", "internal/peers", "internal/testpki"}, "it starts a program of others, with certificates of ours"},
	{"internal/starttls", []string{"fault", "internal/ber"}, "it says a word or two on a socket, and TLS is others'"},
	{"internal/tamper", with(library, "internal/starttls"), "it attacks from outside and needs no system to do it"},
	{"internal/bogoshim", nil, "it is tests, and what they are run by"},
	{"internal/recognise", []string{"fault", "pki", "pki/pkcs7", "pki/pkcs12"}, "it tells what bytes are, and trusts none of them"},
	{"internal/cli", with(library, "policy", "internal/control", "internal/ca", "internal/authority", "internal/recent", "internal/audit", "internal/agent", "internal/agent/api", "internal/live", "internal/proxy", "internal/proxy/config", "internal/delivery", "internal/tamper", "internal/starttls", "tlog", "internal/recognise", "internal/spelling", "revocation/fetch", "identity/staple", "identity/workload", "pki/pkcs7", "pki/pkcs12", "internal/metrics"), "it wires the system together, and fixtures are not part of it"},
	{"cmd/signet", []string{"internal/cli"}, "it is a few lines"},
	{"bench", with(library, "policy", "internal/agent/api", "internal/control", "internal/audit", "internal/record"), "it measures from outside, speaks to an authority by its messages, reads what one that was killed has left, and asks for new keys, as crypto/tls cannot"},
	{"examples/certificates", []string{"fault", "pki"}, "an example shows the library"},
	{"examples/download", with(library, "internal/testpki"), "an example shows the library"},
	{"examples/orders", []string{".", "member"}, "an example shows the library"},
	{"examples/seed1", with(library, "internal/testpki"), "an example shows the library"},
	{"examples/seed2", with(library, "internal/testpki"), "an example shows the library"},
}

// with returns base and more.
func with(base []string, more ...string) []string { return slices.Concat(base, more) }

// owner says which packages may import a third-party module, tests included;
// none means tests alone, and those everywhere.
type owner struct {
	module string // a module, or the prefix of several
	rooms  []string
	why    string
}

var owners = []owner{
	{"github.com/alecthomas/kong", []string{"internal/cli"}, "the command line has one grammar"},
	{"go.etcd.io", []string{"internal/control"}, "the truth has one door"},
	{"go.uber.org/zap", []string{"internal/control"}, "it is there to quieten etcd"},
	{"google.golang.org/grpc", []string{"internal/control"}, "etcd is spoken to in it"},
	{"google.golang.org/protobuf", []string{"internal/control"}, "it reads etcd's files before etcd does"},
	{"github.com/coreos/go-semver", []string{"internal/control"}, "it reads etcd's files before etcd does"},
	{"github.com/cedar-policy/cedar-go", []string{"policy", "bench"}, "a decision comes from one place, and is measured next to the original"},
	{"golang.org/x/net", []string{"pki", "verify"}, "whose names are everybody's, one tells and the other refuses"},
	{"golang.org/x/text", []string{"pki"}, "names are compared in one place"},
	{"golang.org/x/mod", []string{"tlog"}, "a log's hashes and notes come from one place"},
	{"golang.org/x/crypto", []string{"pki", "pki/pkcs12", "pki/pkcs7", "internal/record"}, "what is parsed, signed and sealed is so in one place each"},
	{"golang.org/x/sys", []string{"internal/record", "internal/lock", "internal/bind"}, "sockets are waited for by hand in one place; files are locked in another; a test of listening reads an option of a socket"},
	{"unsafe", []string{"internal/record", "bench"}, "the data path and its measure alone call the system past Go's scheduler"},
	{"software.sslmate.com/src/go-pkcs12", []string{"pki/pkcs12"}, "it does what its input asks for, so that its owner reads first"},
	{"github.com/smallstep/pkcs7", []string{"pki/pkcs7"}, "it reads hostile input without bounds, so that its owner reads first"},
	{"github.com/pelletier/go-toml", []string{"internal/proxy/config"}, "a configuration has one reader"},
	{"github.com/coreos/go-systemd", []string{"internal/cli"}, "it is for the program that systemd starts"},
	{"github.com/prometheus", []string{"internal/metrics", "internal/proxy"}, "what is measured is declared and written in one place; a test of the proxy's reads it"},
	{"golang.org/x/term", []string{"internal/cli"}, "passphrases are asked for by the program alone"},
	{"github.com/rogpeppe/go-internal", nil, "testscript is for tests"},
	{"github.com/google/go-cmp", nil, "it panics on what it cannot compare, so it is for tests"},
	{"pgregory.net/rapid", nil, "properties are checked in tests"},
}

// ban is what a package may not import, or not link: however indirectly.
type ban struct {
	room   string
	verb   string // "imports" or "links"
	allows func(path string) bool
	why    string
}

var bans = []ban{
	{"revocation", "imports", computes, "it opens no socket and no file: what is fetched is passed in"},
	{"verify", "imports", computes, "it opens no socket and no file: a Fetcher is passed in"},
	{"tlog", "imports", computes, "it opens no socket and no file: who keeps the log passes tiles in"},
	{"policy", "imports", computes, "a decision is computed, not fetched"},
	{"revocation/fetch", "links", isLight, "who fetches links the standard library and golang.org/x alone"},
	{"identity/workload", "links", isLight, "who asks a Workload API links the standard library and golang.org/x alone: no gRPC"},
	{"tlog", "links", isLight, "who verifies a log links the standard library and golang.org/x alone"},
	{".", "links", isLight, "importing the library links the standard library and golang.org/x alone"},
	{"internal/agent", "links", hasNoControl, "an agent reaches the control plane over the network only"},
	{"internal/proxy", "links", hasNoControl, "a proxy does not link etcd"},
	{"member", "links", isMember, "a program that follows the authority links Cedar for its rules, and no other third-party module"},
}

// computes reports whether path opens no socket and no file.
func computes(path string) bool {
	if path == "net/netip" || path == "net/url" {
		return true
	}
	return !slices.ContainsFunc([]string{"net", "os", "syscall", "io/ioutil"}, func(top string) bool { return below(path, top) })
}

func isLight(path string) bool { return !thirdParty(path) || below(path, "golang.org/x") }

// isMember is isLight, but for Cedar.
func isMember(path string) bool {
	return isLight(path) || below(path, "github.com/cedar-policy/cedar-go") || below(path, "github.com/go-json-experiment/json") // Cedar's own
}

func hasNoControl(path string) bool {
	return !below(path, "go.etcd.io") && path != module+"/internal/control"
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Deps                               []string // everything that it links
}

func TestLayering(t *testing.T) {
	for _, broken := range check(list(t)) {
		t.Error(broken)
	}
}

// list returns the packages of this module.
func list(t *testing.T) []pkg {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// check returns every breach of the tables above, as a line that names the
// importer, the import and the rule.
func check(pkgs []pkg) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		name := short(p.ImportPath)
		i := slices.IndexFunc(rooms, func(r room) bool { return r.path == name })
		if i < 0 {
			report("%s is a room without a place: add it to the table", name)
			continue
		}
		for _, path := range p.Imports {
			switch {
			case ours(path) && !slices.Contains(rooms[i].imports, short(path)):
				report("%s imports %s: %s", name, short(path), rooms[i].why)
			case thirdParty(path):
				if why := refused(path, name, false); why != "" {
					report("%s imports %s: %s", name, path, why)
				}
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := refused(path, name, true); thirdParty(path) && why != "" {
				report("%s's tests import %s: %s", name, path, why)
			}
		}
		for _, b := range bans {
			paths := map[string][]string{"imports": p.Imports, "links": p.Deps}[b.verb]
			for _, path := range paths {
				if b.room == name && !b.allows(path) {
					report("%s %s %s: %s", name, b.verb, path, b.why)
				}
			}
		}
	}
	return broken
}

// refused says why the package name may not import the third-party path, ""
// if it may.
func refused(path, name string, test bool) string {
	i := slices.IndexFunc(owners, func(o owner) bool { return below(path, o.module) })
	switch {
	case i < 0:
		return "a module without an owner: add it to the table"
	case owners[i].rooms == nil && test, slices.Contains(owners[i].rooms, name):
		return ""
	case owners[i].rooms == nil:
		return owners[i].why
	}
	return fmt.Sprintf("%s; it belongs to %s", owners[i].why, strings.Join(owners[i].rooms, ", "))
}

// ours reports whether path is a package of this module.
func ours(path string) bool { return below(path, module) }

// thirdParty reports whether path is neither ours nor the standard library's,
// whose first element has no dot.
func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !ours(path)
}

// below reports whether path is top or inside it.
func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

// short returns the name that a package of ours has in the tables.
func short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func TestLayeringReports(t *testing.T) {
	const proxy, control = module + "/internal/proxy", module + "/internal/control"
	tests := []struct {
		name string
		pkg  pkg
		want []string
	}{
		{"allowed", pkg{ImportPath: proxy, Imports: []string{"net", module, module + "/internal/agent"}, TestImports: []string{control, "github.com/google/go-cmp/cmp"}}, nil},
		{"upwards", pkg{ImportPath: module, Imports: []string{module + "/policy"}},
			[]string{". imports policy: the library takes an authorise function and knows no policy and no system"}},
		{"fixture in production", pkg{ImportPath: module + "/verify", Imports: []string{module + "/internal/testpki"}},
			[]string{"verify imports internal/testpki: it judges the evidence that it is handed"}},
		{"unknown package", pkg{ImportPath: module + "/util"},
			[]string{"util is a room without a place: add it to the table"}},
		{"unknown module", pkg{ImportPath: proxy, Imports: []string{"example.com/mod"}},
			[]string{"internal/proxy imports example.com/mod: a module without an owner: add it to the table"}},
		{"another's module", pkg{ImportPath: proxy, Imports: []string{"go.etcd.io/etcd/client/v3"}},
			[]string{"internal/proxy imports go.etcd.io/etcd/client/v3: the truth has one door; it belongs to internal/control"}},
		{"another's module in a test", pkg{ImportPath: proxy, XTestImports: []string{"go.etcd.io/bbolt"}},
			[]string{"internal/proxy's tests import go.etcd.io/bbolt: the truth has one door; it belongs to internal/control"}},
		{"test module in production", pkg{ImportPath: module + "/pki", Imports: []string{"pgregory.net/rapid"}},
			[]string{"pki imports pgregory.net/rapid: properties are checked in tests"}},
		{"shut door", pkg{ImportPath: module + "/verify", Imports: []string{"net/netip", "net/url", "net/http", "os"}},
			[]string{
				"verify imports net/http: it opens no socket and no file: a Fetcher is passed in",
				"verify imports os: it opens no socket and no file: a Fetcher is passed in",
			}},
		{"linked from afar", pkg{ImportPath: module, Deps: []string{"net", module + "/pki", "golang.org/x/crypto/ocsp", "vendor/golang.org/x/net/idna", "github.com/alecthomas/kong"}},
			[]string{". links github.com/alecthomas/kong: importing the library links the standard library and golang.org/x alone"}},
		{"etcd from afar", pkg{ImportPath: proxy, Deps: []string{control, "go.etcd.io/etcd/api/v3/mvccpb"}},
			[]string{
				"internal/proxy links " + control + ": a proxy does not link etcd",
				"internal/proxy links go.etcd.io/etcd/api/v3/mvccpb: a proxy does not link etcd",
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, check([]pkg{test.pkg})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

// TestTablesDescend holds the table itself to its rule: a room is listed after
// all that it imports, so that imports can only go down.
func TestTablesDescend(t *testing.T) {
	placed := map[string]bool{}
	for _, r := range rooms {
		for _, path := range r.imports {
			if !placed[path] {
				t.Errorf("%s may import %s, which is not listed above it", r.path, path)
			}
		}
		placed[r.path] = true
	}
}

// maxLines is the most that a hand-written Go file has: more is two topics.
const maxLines = 500

// TestFileLength reads every file, which also keeps go test from answering
// TestLayering out of its cache after a change anywhere.
func TestFileLength(t *testing.T) {
	generated := regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".cache"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines && !generated.Match(text) {
			t.Errorf("%s has %d lines, more than %d: it is probably two topics", path, lines, maxLines)
		}
		seen++
		return err
	})
	if err != nil || seen == 0 {
		t.Fatalf("read %d files: %v", seen, err)
	}
}
