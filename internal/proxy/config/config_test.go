package config_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy/config"
)

// folder has a configuration, and the files that the example names.
func folder(t testing.TB, text string) (path string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rules"), 0o700); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "proxy.toml")
	for name, data := range map[string]string{"proxy.toml": text, "roots.pem": "", "orders.pem": "", "orders.key": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// example is the one of the documentation.
func example(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExample(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: the example has a Unix socket, which takes Linux")
	}
	path := folder(t, example(t))
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	service, door := f.Services[0], f.Doors[0]
	if service.MaxConnections != 8192 || service.MaxConnectionsEach != 100 || service.WhenStale != "closed" || service.StaleFor.Span() != 12*time.Hour ||
		door.ConnectTimeout.Span() != 2*time.Second || f.Drain.Span() != time.Minute || f.StaleAfter.Span() != 30*time.Second || f.Doors[1].WhenStale != "open" {
		t.Errorf("what was written, or a default, was lost: %+v", f)
	}
	users, err := f.Users("door[0]", door)
	if err != nil || len(users) != 2 || users[0] != 0 || users[1] != 1000 {
		t.Errorf("users %v, %v", users, err)
	}
	if have, want := f.Place("door[1].protocol"), path+":33"; have != want {
		t.Errorf("protocol stands at %s, want %s", have, want)
	}
	if have := f.Resolve("rules"); have != filepath.Join(filepath.Dir(path), "rules") {
		t.Errorf("rules are in %s", have)
	}
}

// TestRefused changes one thing of the example: the error names its line.
func TestRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: the example has a Unix socket, which takes Linux")
	}
	tests := []struct {
		name, from, to string
		line           string
		code           fault.Code
		says           string
	}{
		{"an unknown key", "users =", "user =", ":24", config.UnknownKey, `a door has no key "user"; did you mean users?`},
		{"an unknown key of all", "drain =", "drian =", ":7", config.UnknownKey, `a configuration has no key "drian"; did you mean drain?`},
		{"an unknown table", "[[door]]", "[[gate]]", ":20", config.UnknownKey, `a configuration has no key "gate"`},
		{"a key below the wrong heading", `loopback = true`, `backend = "a:1"`, ":32", config.UnknownKey, `a door has no key "backend"`},
		{"no TOML", `roots = "roots.pem"`, `roots = roots.pem`, ":4", config.Invalid, ""},
		{"a key twice", "loopback = true", "loopback = true\nloopback = true", ":33", config.Invalid, ""},
		{"another type", `max_connections_each = 100`, `max_connections_each = "many"`, ":18", config.Invalid, ""},
		{"no time span", `"2s"`, `"2 parsecs"`, ":26", config.Invalid, ""},
		{"a bare number", `"1m"`, `5`, ":7", config.Invalid, ""},
		{"a status port for all", `drain = "1m"`, `status = "0.0.0.0:9090"`, ":7", config.Invalid, "0.0.0.0:9090 can be reached by others"},
		{"a status port by a name", `drain = "1m"`, `status = "host.example:9090"`, ":7", config.Invalid, "can be reached by others"},
		{"a status port of all addresses", `drain = "1m"`, `status = ":9090"`, ":7", config.Invalid, ""},
		{"no status port", `drain = "1m"`, `status = "9090"`, ":7", config.Invalid, ""},
		{"profiles without a status port", `drain = "1m"`, `profile = true`, ":7", config.Invalid, "there is none"},
		{"profiles for others", `drain = "1m"`, "status = \"0.0.0.0:9090\"\nstatus_public = true\nprofile = true", ":9", config.Invalid, "profiles are for this machine alone"},
		{"no folder for the admin socket", `drain = "1m"`, "admin = \"run/admin.sock\"", ":7", config.BadPath, "there is no folder"},
		{"no span", `"1m"`, `"1 minute"`, ":7", config.Invalid, "drain is a span of time, such as 30s, 5m or 12h"},
		{"a negative one", `"1m"`, `"-1m"`, ":7", config.Invalid, "drain must be more than nothing"},
		{"no connections", `max_connections_each = 100`, `max_connections_each = 0`, ":18", config.Invalid, "must be more than nothing"},
		{"a missing key", `backend = "unix:/run/postgresql/.s.PGSQL.5432"`, "", ":14", config.Invalid, "backend is missing"},
		{"an empty one", `key = "orders.key"`, `key = ""`, ":12", config.Invalid, "key is empty"},
		{"no trust domain", `trust_domain = "prod.example"`, "", ":1", config.Invalid, "trust_domain is missing"},
		{"a trust domain that cannot be", `"prod.example"`, `"Prod Example"`, ":3", config.Invalid, ""},
		{"a name that cannot be", `to = "reports"`, `to = "Rep orts"`, "", "", ""},
		{"no such file", `"roots.pem"`, `"root.pem"`, ":4", config.BadPath, "there is no root.pem"},
		{"a folder for a file", `"roots.pem"`, `"rules"`, ":4", config.BadPath, "rules is a folder"},
		{"no such folder of rules", `"rules"`, `"rulez"`, ":5", config.BadPath, "there is no rulez"},
		{"no folder for the log", `"access.log"`, `"logs/access.log"`, ":6", config.BadPath, "there is no folder"},
		{"no folder for the socket", `"unix:reports.sock"`, `"unix:run/reports.sock"`, ":23", config.BadPath, "there is no folder"},
		{"a socket's path that is too long", `"unix:reports.sock"`, `"unix:` + strings.Repeat("x", 120) + `"`, ":23", config.BadPath, "1 to 107 bytes"},
		{"a plain port for the network", `"127.0.0.1:5433"`, `"0.0.0.0:5433"`, ":31", "not_loopback", "a door is plain"},
		{"a name for loopback", `"127.0.0.1:5433"`, `"localhost:5433"`, ":31", "not_loopback", "a door is plain"},
		{"a port that was not asked for", "loopback = true", "", ":31", config.Invalid, "loopback = true"},
		{"users of a port", "loopback = true", "loopback = true\nusers = [\"root\"]", ":33", config.Invalid, "on a Unix socket alone"},
		{"nobody", `users = ["root", "1000"]`, `users = []`, ":24", config.Invalid, "nobody could connect"},
		{"an unknown user", `"1000"`, `"nobody-knows-them"`, ":24", config.Invalid, "this machine knows no user"},
		{"a service at a Unix socket", `"0.0.0.0:7443"`, `"unix:s"`, ":16", config.Invalid, "its clients are on other hosts"},
		{"no port", `"0.0.0.0:7443"`, `"0.0.0.0"`, ":16", config.Invalid, "is not HOST:PORT"},
		{"an address without a port", `"10.0.0.6:7443"`, `"10.0.0.6"`, ":25", config.Invalid, "is not HOST:PORT"},
		{"no address", `["10.0.0.5:7443", "10.0.0.6:7443"]`, `[]`, ":25", config.Invalid, "addresses is missing"},
		{"a word that is none of them", `"postgres"`, `"mysql"`, ":33", config.Invalid, `protocol is postgres, not "mysql"`},
		{"two ports at one address", `"unix:reports.sock"`, `"0.0.0.0:7443"`, ":23", "not_loopback", ""},
		{"an identity in no file", `identity = "orders"
to = "reports"`, `identity = "web"
to = "reports"`, ":21", config.Invalid, `no [[identity]] is called "web"`},
		{"an authority and files", `drain = "1m"`, `host = "."`, ":3", config.Invalid, "trust_domain comes from the authority"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(example(t), test.from, test.to, 1)
			if text == example(t) {
				t.Fatal("nothing was changed")
			}
			path := folder(t, text)
			_, err := config.Load(path)
			if test.code == "" {
				if err != nil {
					t.Errorf("names of others are looked at with the trust domain, not here: %v", err)
				}
				return
			}
			ours, ok := fault.Of(err)
			if !ok || ours.Code != test.code || !strings.HasPrefix(ours.Message, path+test.line+": ") || !strings.Contains(ours.Message, test.says) {
				t.Fatalf("%v; want %s at line %s that says %q", err, test.code, test.line, test.says)
			}
			peers.WantCoded(t, err)
		})
	}
	if _, err := config.Load(folder(t, "trust_domain = \"prod.example\"\nroots = \"roots.pem\"\npolicy = \"rules\"\n")); err == nil || !strings.Contains(err.Error(), "neither a service nor a door") {
		t.Errorf("nothing to serve: %v", err)
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.toml")); err == nil {
		t.Error("a file that is not there was read")
	}
}

// FuzzParse reads any text without a panic, and refuses by a code.
func FuzzParse(f *testing.F) {
	f.Add(example(f))
	for _, text := range []string{"", "a.b.c = 1", "[service]\n", "[[service]]\nlisten.x = 1", "door = [{listen = 'a'}]", "[[door]]\n[door.x]\n", "\"\" = 1", "x = '\x00'", "service = 3", "[[identity.name]]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := config.Parse("proxy.toml", []byte(text))
		if err != nil {
			peers.WantCoded(t, err)
			return
		}
		file.Place("service[0].listen")
	})
}
