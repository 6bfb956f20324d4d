package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of a configuration.
const (
	maxPorts     = 1000
	maxAddresses = 64  // of one service
	maxUnix      = 107 // bytes of a Unix socket's path (unix(7): sun_path)
)

// check holds the values to what they can be, each to itself and all to one
// another.
func (f *File) check() error {
	if err := f.checkValues(reflect.ValueOf(f).Elem(), ""); err != nil {
		return err
	}
	if err := f.checkTruth(); err != nil {
		return err
	}
	if err := f.checkStatus(); err != nil {
		return err
	}
	if err := f.checkAdmin(); err != nil {
		return err
	}
	if len(f.Services)+len(f.Doors) == 0 {
		return f.Fault("", Invalid, "it has neither a service nor a door, so nothing would be served")
	}
	if len(f.Services)+len(f.Doors) > maxPorts {
		return f.Fault("", Invalid, "it has %d services and doors, the most is %d", len(f.Services)+len(f.Doors), maxPorts)
	}
	listen := map[string]string{}
	for i, service := range f.Services {
		key := fmt.Sprintf("service[%d]", i)
		if err := errors.Join(f.checkService(key, service), f.once(listen, key, service.Listen)); err != nil {
			return first(err)
		}
	}
	for i, door := range f.Doors {
		key := fmt.Sprintf("door[%d]", i)
		if err := errors.Join(f.checkDoor(key, door), f.once(listen, key, door.Listen)); err != nil {
			return first(err)
		}
	}
	return nil
}

// checkStatus holds the status port to this machine, unless it was allowed not to be.
func (f *File) checkStatus() error {
	if f.Status == "" {
		for _, key := range []string{"status_public", "profile"} {
			if f.has(key) {
				return f.Fault(key, Invalid, "%s is about a status port, and there is none", key)
			}
		}
		return nil
	}
	if err := f.hostPort("status", f.Status); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(f.Status) // it was looked at
	if at, err := netip.ParseAddr(host); f.StatusPublic {
		if f.Profile {
			return f.Fault("profile", Invalid, "profiles are for this machine alone, and status_public is for others")
		}
	} else if err != nil || !at.IsLoopback() {
		return f.Fault("status", Invalid, "%s can be reached by others; write 127.0.0.1 or [::1], or add status_public = true", f.Status)
	}
	return nil
}

// checkAdmin looks at the admin socket. Where there is an authority, that is asked.
func (f *File) checkAdmin() error {
	switch {
	case f.Admin == "":
		return nil
	case f.Host != "":
		return f.Fault("admin", Invalid, "admin is for a proxy without an authority; with one, that is asked: signet conns")
	case runtime.GOOS != "linux":
		return f.Fault("admin", Invalid, "who connects to a Unix socket can be told on Linux alone")
	}
	return f.newSocket("admin", f.Admin)
}

// newSocket looks at the path of a Unix socket that is to be made.
func (f *File) newSocket(key, path string) error {
	if err := f.socketPath(key, path); err != nil {
		return err
	}
	if err := f.folder(key, filepath.Dir(f.Resolve(path))); err != nil {
		return err
	}
	if info, err := os.Stat(f.Resolve(path)); err == nil && info.Mode().Type() != os.ModeSocket {
		return f.Fault(key, BadPath, "%s is there already, and is no socket", path)
	}
	return nil
}

// first is the first of joined errors.
func first(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

// once refuses a second port at one address.
func (f *File) once(seen map[string]string, key, address string) error {
	other, twice := seen[address]
	seen[address] = key
	if twice && !strings.HasSuffix(address, ":0") {
		return f.Fault(key+".listen", Invalid, "%s listens at %s already", f.Place(other+".listen"), address)
	}
	return nil
}

// checkValues holds every value to its tags: needed keys are there, numbers are
// positive, and of several words it is one.
func (f *source) checkValues(table reflect.Value, prefix string) error {
	for i := range table.NumField() {
		field, value := table.Type().Field(i), table.Field(i)
		key := join(prefix, field.Tag.Get("toml"))
		var err error
		switch {
		case !field.IsExported(): // the text, too, which is embedded
		case field.Anonymous:
			err = f.checkValues(value, prefix)
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			for j := 0; j < value.Len() && err == nil; j++ {
				err = f.checkValues(value.Index(j), fmt.Sprintf("%s[%d]", key, j))
			}
		case field.Tag.Get("need") != "" && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0):
			err = f.Fault(key, Invalid, "%s is missing", field.Tag.Get("toml"))
		case field.Type == reflect.TypeFor[Duration]():
			span, bad := time.ParseDuration(value.String())
			switch {
			case bad != nil:
				err = f.Fault(key, Invalid, "%s is a span of time, such as 30s, 5m or 12h, not %q", field.Tag.Get("toml"), fault.Printable(value.String(), 60))
			case span <= 0 && key != "drain" || span < 0:
				err = f.Fault(key, Invalid, "%s must be more than nothing", field.Tag.Get("toml"))
			}
		case field.Type.Kind() == reflect.Int:
			if value.Int() <= 0 {
				err = f.Fault(key, Invalid, "%s must be more than nothing", field.Tag.Get("toml"))
			}
		case field.Tag.Get("values") != "" && !value.IsZero():
			if known := strings.Split(field.Tag.Get("values"), ", "); !slices.Contains(known, value.String()) {
				err = f.Fault(key, Invalid, "%s is %s, not %q", field.Tag.Get("toml"), strings.Join(known, " or "), fault.Printable(value.String(), 60))
			}
		case field.Type.Kind() == reflect.String && value.IsZero() && f.has(key):
			err = f.Fault(key, Invalid, "%s is empty", field.Tag.Get("toml"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkTruth looks at where identities, roots and policy come from: the
// authority, or files.
func (f *File) checkTruth() error {
	if f.Log != "stderr" {
		if err := f.folder("log", filepath.Dir(f.Resolve(f.Log))); err != nil {
			return err
		}
		if info, err := os.Stat(f.Resolve(f.Log)); err == nil && info.IsDir() {
			return f.Fault("log", BadPath, "%s is a folder", f.Log)
		}
	}
	if f.Host != "" {
		for _, key := range []string{"trust_domain", "roots", "policy", "identity[0]"} {
			if f.has(key) {
				return f.Fault(key, Invalid, "%s comes from the authority where host is given; leave one of them out", strings.TrimSuffix(key, "[0]"))
			}
		}
		if f.StaleAfter.Span() < api.Heartbeat {
			return f.Fault("stale_after", Invalid, "stale_after is less than the %s between two signs of life of an authority", api.Heartbeat)
		}
		return f.folder("host", f.Resolve(f.Host))
	}
	for _, needed := range []struct{ key, value string }{{"trust_domain", f.TrustDomain}, {"roots", f.Roots}, {"policy", f.Policy}} {
		if needed.value == "" {
			return f.Fault(needed.key, Invalid, "%s is missing; without an authority (host) it takes trust_domain, roots, policy and identity", needed.key)
		}
	}
	domain, err := spiffeid.ParseTrustDomain(f.TrustDomain)
	if err != nil {
		return f.Fault("trust_domain", Invalid, "%s", fault.Text(err))
	}
	if err := f.exists("roots", f.Roots); err != nil {
		return err
	}
	if _, err := os.Stat(f.Resolve(f.Policy)); err != nil {
		return f.missing("policy", f.Policy, err)
	}
	names := map[string]string{}
	for i, identity := range f.Identities {
		key := fmt.Sprintf("identity[%d]", i)
		if _, err := f.ID(domain, key+".name", identity.Name); err != nil {
			return err
		}
		if other, twice := names[identity.Name]; twice {
			return f.Fault(key+".name", Invalid, "%s has %s already", f.Place(other), identity.Name)
		}
		names[identity.Name] = key
		if err := f.exists(key+".file", identity.File); err != nil {
			return err
		}
		if identity.Key != "" {
			if err := f.exists(key+".key", identity.Key); err != nil {
				return err
			}
		}
	}
	return f.checkHeld(names)
}

// checkHeld refuses ports whose identity is in no file.
func (f *File) checkHeld(names map[string]string) error {
	for i, service := range f.Services {
		if names[service.Identity] == "" {
			return f.Fault(fmt.Sprintf("service[%d].identity", i), Invalid, "no [[identity]] is called %q", fault.Printable(service.Identity, 60))
		}
	}
	for i, door := range f.Doors {
		if names[door.Identity] == "" {
			return f.Fault(fmt.Sprintf("door[%d].identity", i), Invalid, "no [[identity]] is called %q", fault.Printable(door.Identity, 60))
		}
	}
	return nil
}

// ID is the identity of a name, or of a whole SPIFFE ID, in the trust domain.
func (f *source) ID(domain spiffeid.TrustDomain, key, name string) (spiffeid.ID, error) {
	id, err := domain.Named(name)
	if err != nil {
		return id, f.Fault(key, Invalid, "%s", fault.Text(err))
	}
	if id.TrustDomain() != domain {
		return id, f.Fault(key, Invalid, "%s is not in the trust domain %s", id, domain)
	}
	return id, nil
}

func (f *source) exists(key, path string) error {
	info, err := os.Stat(f.Resolve(path))
	if err == nil && info.IsDir() {
		return f.Fault(key, BadPath, "%s is a folder", path)
	}
	return f.missing(key, path, err)
}

func (f *source) missing(key, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return f.Fault(key, BadPath, "there is no %s", path)
	}
	return f.Fault(key, BadPath, "%s", err)
}

func (f *source) folder(key, path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return f.Fault(key, BadPath, "%s is not a folder", path)
	}
	return f.missing(key, "folder "+path, err)
}

func (f *File) checkService(key string, service Service) error {
	switch network, address := Address(service.Listen); network {
	case "unix":
		return f.Fault(key+".listen", Invalid, "a service listens on HOST:PORT or systemd:NAME, since its clients are on other hosts")
	case "tcp":
		if err := f.hostPort(key+".listen", address); err != nil {
			return err
		}
	}
	if service.Advertise != "" {
		if err := f.hostPort(key+".advertise", service.Advertise); err != nil {
			return err
		}
	}
	switch network, address := Address(service.Backend); network {
	case "unix":
		return f.socketPath(key+".backend", address)
	case "systemd":
		return f.Fault(key+".backend", Invalid, "the program is at HOST:PORT or unix:PATH")
	default:
		return f.hostPort(key+".backend", address)
	}
}

func (f *File) checkDoor(key string, door Door) error {
	network, address := Address(door.Listen)
	switch {
	case network == "unix":
		if err := f.newSocket(key+".listen", address); err != nil {
			return err
		}
		if runtime.GOOS != "linux" {
			return f.Fault(key+".listen", Invalid, "who connects to a Unix socket can be told on Linux alone; listen on 127.0.0.1:PORT, with loopback = true")
		}
	case network == "tcp":
		if err := f.loopback(key, door); err != nil {
			return err
		}
	}
	if door.Users != nil && network == "tcp" {
		return f.Fault(key+".users", Invalid, "users can be told on a Unix socket alone, not on %s", door.Listen)
	}
	if _, err := f.Users(key, door); err != nil {
		return err
	}
	if len(door.Addresses) == 0 && f.Host == "" {
		return f.Fault(key+".addresses", Invalid, "addresses is missing; without an authority (host) nobody else tells where %s listens", door.To)
	}
	if len(door.Addresses) > maxAddresses {
		return f.Fault(key+".addresses", Invalid, "it has %d addresses, the most is %d", len(door.Addresses), maxAddresses)
	}
	for _, address := range door.Addresses {
		if err := f.hostPort(key+".addresses", address); err != nil {
			return err
		}
	}
	return nil
}

// loopback refuses a plain port that others than this machine reach, or that
// was not asked for.
func (f *File) loopback(key string, door Door) error {
	if err := f.hostPort(key+".listen", door.Listen); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(door.Listen) // hostPort has split it
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil || !ip.IsLoopback():
		return f.Fault(key+".listen", bind.NotLoopback, "a door is plain, so it listens on unix:PATH, or on 127.0.0.1 or [::1], not on %q", host)
	case !door.Loopback:
		return f.Fault(key+".listen", Invalid, "every user of this machine could speak as %s through a port; listen on unix:PATH, or say loopback = true", door.Identity)
	}
	return nil
}

// Users are the numbers of those who may connect to a door's Unix socket.
func (f *File) Users(key string, door Door) (ids []uint32, err error) {
	if door.Users == nil {
		return []uint32{uint32(os.Getuid())}, nil
	}
	if len(door.Users) == 0 {
		return nil, f.Fault(key+".users", Invalid, "users is empty, so nobody could connect")
	}
	for _, name := range door.Users {
		number, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			known, lookup := user.Lookup(name)
			if lookup != nil {
				return nil, f.Fault(key+".users", Invalid, "this machine knows no user %q", fault.Printable(name, 60))
			}
			number, err = strconv.ParseUint(known.Uid, 10, 32)
		}
		if err != nil {
			return nil, f.Fault(key+".users", Invalid, "user %q has no number", fault.Printable(name, 60))
		}
		ids = append(ids, uint32(number))
	}
	return ids, nil
}

func (f *File) hostPort(key, address string) error {
	host, port, err := net.SplitHostPort(address)
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || host == "" {
		return f.Fault(key, Invalid, "%q is not HOST:PORT", fault.Printable(address, 100))
	}
	if number == 0 {
		return f.Fault(key, Invalid, "%q has the port 0, which nobody could name", fault.Printable(address, 100))
	}
	return nil
}

func (f *File) socketPath(key, path string) error {
	if path == "" || len(f.Resolve(path)) > maxUnix {
		return f.Fault(key, BadPath, "the path of a Unix socket has 1 to %d bytes", maxUnix)
	}
	return nil
}

// Span is a duration of the standard library; the check of the file has parsed it.
func (d Duration) Span() time.Duration {
	span, _ := time.ParseDuration(string(d))
	return span
}
