package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
)

// Agent is a whole configuration of "signet agent". Paths in it are relative to its
// own folder.
type Agent struct {
	// Folder that enrolment made on this host.
	Host string `toml:"host" need:"always" example:"/var/lib/signet"`
	// Identities, and the files that they are written to.
	Writes []Write `toml:"write"`

	source
}

// Write is an identity that is written to files, and who is told.
type Write struct {
	// Whose certificate it is: a name in the trust domain, which this host may hold.
	Identity string `toml:"identity" need:"always" example:"db"`
	// File of the certificates, leaf first, in PEM.
	Cert string `toml:"cert" example:"/etc/postgresql/server.crt"`
	// File of the private key, in PEM (PKCS#8), not encrypted.
	Key string `toml:"key" example:"/etc/postgresql/server.key"`
	// File with both, in PEM, for programs that want one: the key, then the
	// certificates.
	PEM string `toml:"pem" example:"/etc/haproxy/db.pem"`
	// File of the trust domain's roots, in PEM: whom to believe.
	Bundle string `toml:"bundle" example:"/etc/postgresql/roots.crt"`
	// File of the certificates and the key, in PKCS#12, such as a JVM reads.
	Keystore string `toml:"keystore" example:"/etc/app/db.p12"`
	// File of the trust domain's roots, in PKCS#12, such as a JVM reads.
	Truststore string `toml:"truststore" example:"/etc/app/roots.p12"`
	// File whose first line is the passphrase of both stores.
	PasswordFile string `toml:"password_file" example:"/etc/app/store-password"`
	// User, by name or number, whose the files become; without it, the one whom
	// the agent runs as.
	Owner string `toml:"owner" example:"postgres"`
	// Group, by name or number, whose the files become.
	Group string `toml:"group" example:"ssl-cert"`
	// Permissions of files that hold the key: `0600`, or `0640` for programs that
	// read it by their group. What holds no key may be read by all.
	KeyMode string `toml:"key_mode" default:"0600" values:"0600, 0640"`
	// Command that has the program read its files anew: its name, and each of its
	// arguments. No shell reads it.
	Reload []string `toml:"reload" example:"[\"systemctl\", \"reload\", \"postgresql\"]"`
	// How long that may take; then it is killed, with what it has started, and
	// tried again later.
	ReloadTimeout Duration `toml:"reload_timeout" default:"30s"`
}

// maxWrites is the most identities that one agent writes.
const maxWrites = 100

// LoadAgent reads a configuration of "signet agent" and checks all of it. Errors
// begin with the place, FILE:LINE.
func LoadAgent(path string) (*Agent, error) {
	data, err := read(path, ", or an identity and its files:\nsignet agent db --cert db.crt --key db.key --bundle roots.crt")
	if err != nil {
		return nil, err
	}
	a := &Agent{source: newSource(path, data)}
	if err := a.decode(data, a); err != nil {
		return nil, err
	}
	return a, a.check()
}

// NewAgent is what LoadAgent returns, of an identity that flags tell.
func NewAgent(host string, write Write) (*Agent, error) {
	a := &Agent{Host: host, Writes: []Write{write}}
	a.fill(reflect.ValueOf(a).Elem(), "")
	if write.ReloadTimeout != "" {
		a.Writes[0].ReloadTimeout = write.ReloadTimeout
	}
	if write.KeyMode != "" {
		a.Writes[0].KeyMode = write.KeyMode
	}
	return a, a.check()
}

// check holds the values to what they can be.
func (a *Agent) check() error {
	if err := a.checkValues(reflect.ValueOf(a).Elem(), ""); err != nil {
		return err
	}
	if err := a.folder("host", a.Resolve(a.Host)); err != nil {
		return err
	}
	switch {
	case len(a.Writes) == 0:
		return a.Fault("", Invalid, "it has no [[write]], so nothing would be written")
	case len(a.Writes) > maxWrites:
		return a.Fault("", Invalid, "it has %d [[write]], the most is %d", len(a.Writes), maxWrites)
	}
	taken := map[string]string{}
	for i, write := range a.Writes {
		key := fmt.Sprintf("write[%d]", i)
		if err := a.checkWrite(key, write); err != nil {
			return err
		}
		for _, file := range write.Files() {
			if err := a.checkTarget(key+"."+file.Key, file.Path, taken); err != nil {
				return err
			}
		}
	}
	return nil
}

// Target is a file that an identity is written to, and the key that names it.
type Target struct{ Key, Path string }

// Files are those that are written.
func (w Write) Files() (all []Target) {
	for _, file := range []Target{{"cert", w.Cert}, {"key", w.Key}, {"pem", w.PEM}, {"bundle", w.Bundle}, {"keystore", w.Keystore}, {"truststore", w.Truststore}} {
		if file.Path != "" {
			all = append(all, file)
		}
	}
	return all
}

// checkWrite looks at how the keys of one identity fit together.
func (a *Agent) checkWrite(key string, w Write) error {
	switch {
	case len(w.Files()) == 0:
		return a.Fault(key, Invalid, "%s is written to no file: name cert and key, pem, bundle, keystore or truststore", w.Identity)
	case (w.Cert == "") != (w.Key == ""):
		return a.Fault(key+"."+map[bool]string{true: "key", false: "cert"}[w.Cert == ""], Invalid, "cert and key belong together; pem is one file with both")
	case w.Keystore != "" && w.PasswordFile == "":
		return a.Fault(key+".keystore", Invalid, "a keystore takes a passphrase: name a file that has it, password_file")
	case w.PasswordFile != "" && w.Keystore == "" && w.Truststore == "":
		return a.Fault(key+".password_file", Invalid, "password_file is for keystore and truststore, and there is neither")
	}
	if w.PasswordFile != "" {
		if err := a.exists(key+".password_file", w.PasswordFile); err != nil {
			return err
		}
	}
	if _, _, err := a.Owner(key, w); err != nil {
		return err
	}
	if w.Reload == nil {
		return nil
	}
	if len(w.Reload) == 0 || w.Reload[0] == "" {
		return a.Fault(key+".reload", Invalid, "reload is empty; leave it out, or name a command")
	}
	if _, err := exec.LookPath(w.Reload[0]); err != nil {
		return a.Fault(key+".reload", BadPath, "%s cannot be run: %s", fault.Printable(w.Reload[0], 100), reason(err))
	}
	return nil
}

// reason is why a program cannot be run, without its name.
func reason(err error) string {
	var at *exec.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	return err.Error()
}

// checkTarget refuses a file that could not be written, or that something else is
// written to.
func (a *Agent) checkTarget(key, name string, taken map[string]string) error {
	path := a.Resolve(name)
	if err := a.folder(key, filepath.Dir(path)); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return a.Fault(key, BadPath, "%s is not a file", name)
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return a.Fault(key, BadPath, "%s", err)
	}
	if host, err := filepath.Abs(a.Resolve(a.Host)); err == nil && filepath.Dir(whole) == host {
		return a.Fault(key, BadPath, "%s is in the host folder, which is the agent's own", name)
	}
	if other, twice := taken[whole]; twice {
		return a.Fault(key, Invalid, "%s is written already, as %s", name, other)
	}
	taken[whole] = strings.TrimPrefix(key[strings.LastIndex(key, "."):], ".")
	return nil
}

// Owner returns the numbers of those whose the files become; -1 is for nobody in
// particular.
func (a *Agent) Owner(key string, w Write) (uid, gid int, err error) {
	uid, gid = -1, -1
	if w.Owner != "" {
		uid, err = number(w.Owner, func(name string) (string, error) {
			known, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return known.Uid, nil
		})
		if err != nil {
			return uid, gid, a.Fault(key+".owner", Invalid, "this machine knows no user %q", fault.Printable(w.Owner, 60))
		}
	}
	if w.Group != "" {
		gid, err = number(w.Group, func(name string) (string, error) {
			known, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return known.Gid, nil
		})
		if err != nil {
			return uid, gid, a.Fault(key+".group", Invalid, "this machine knows no group %q", fault.Printable(w.Group, 60))
		}
	}
	return uid, gid, nil
}

// number is that of a user or group, which may be written as one.
func number(name string, lookup func(string) (string, error)) (int, error) {
	n, err := strconv.ParseUint(name, 10, 31)
	if err == nil {
		return int(n), nil
	}
	text, err := lookup(name)
	if err != nil {
		return -1, err
	}
	n, err = strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// Mode is the permissions of files that hold the key.
func (w Write) Mode() os.FileMode {
	mode, _ := strconv.ParseUint(cmp.Or(w.KeyMode, "0600"), 8, 32) // it was checked
	return os.FileMode(mode)
}
