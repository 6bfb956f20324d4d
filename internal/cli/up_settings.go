package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/bind"
)

// What the first of the four ports is by default, and at most.
const (
	defaultPort = 7400
	lastPort    = 65535 - 3
)

// folderNames is what "up" writes into its data folder besides the store.
var folderNames = []string{settingsFile, rootsFile, identityFolder, caFolder, audit.Folder, audit.KeyFile, demoSocket}

// chooseSettings takes the ports of the last time, unless others are wanted,
// and reports whether there was a last time: the file is the last that a first
// start writes.
func chooseSettings(dir string, port int) (set settings, again bool, err error) {
	path := filepath.Join(dir, settingsFile)
	data, err := kept{}.ReadFile(path)
	again = !errors.Is(err, fs.ErrNotExist)
	switch {
	case port != 0:
		return portsFrom(port), again, nil
	case !again:
		return portsFrom(defaultPort), false, nil
	}
	var old settings
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err == nil {
		err = old.check()
	}
	if err != nil {
		return settings{}, again, fault.Wrap(err, SettingsUnreadable, "%s cannot be used", path).
			WithHint("signet up --port %d     # writes it anew", defaultPort)
	}
	return old, again, nil
}

// portsFrom are four ports in a row.
func portsFrom(first int) settings {
	at := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)) }
	return settings{Authority: at(0), Status: at(1), Orders: at(2), Web: at(3)}
}

// otherPorts returns the first of four free ports in a row, far from the usual
// ones, or 0.
func otherPorts(ctx context.Context) int {
	for first := 8400; first <= lastPort; first += 100 {
		if portsFrom(first).free(ctx) == nil {
			return first
		}
	}
	return 0
}

// free says why one of the ports cannot be had, if so.
func (s settings) free(ctx context.Context) error {
	for _, address := range s.all() {
		probe, err := bind.Loopback(ctx, address)
		if err != nil {
			return err
		}
		probe.Close()
	}
	return nil
}

// all are the four addresses.
func (s settings) all() []string { return []string{s.Authority, s.Status, s.Orders, s.Web} }

// check refuses addresses that "up" never writes: it listens on this machine's
// loopback alone.
func (s settings) check() error {
	for _, address := range s.all() {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !at.Addr().IsLoopback() || at.Port() == 0 {
			return fmt.Errorf("%.60q is not a port of this machine's loopback", address)
		}
	}
	return nil
}

// ports writes the four ports as a range, or one by one, and whether they are
// those of the last time.
func (y *system) ports() string {
	ports := y.settings.portList()
	if y.moved {
		return "now " + ports
	}
	return "as before (" + ports + ")"
}

func (s settings) portList() string {
	var ports []string
	row := true
	for i, address := range s.all() {
		_, port, _ := net.SplitHostPort(address)
		if i > 0 {
			last, _ := strconv.Atoi(ports[i-1])
			row = row && port == strconv.Itoa(last+1)
		}
		ports = append(ports, port)
	}
	if row {
		return ports[0] + "–" + ports[3]
	}
	return strings.Join(ports, ", ")
}

// tilde shortens a path below the user's home.
func tilde(path string) string {
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, home+string(filepath.Separator)); ok && err == nil {
		return filepath.Join("~", rest)
	}
	return path
}
