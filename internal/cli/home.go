package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Files of a trust domain's folder. The first is internal/control's.
const (
	markerFile     = "signet.json"
	rootsFile      = "roots.pem"
	settingsFile   = "settings.json"
	identityFolder = "identities"
	caFolder       = "ca"
	demoSocket     = "orders.sock"
)

// folder is where this host keeps what it knows of one trust domain: a data folder,
// or a host folder.
type folder struct {
	dir    string
	domain spiffeid.TrustDomain
	host   *agent.Home // of a host folder
}

// settings are the addresses (HOST:PORT) of a control plane. The first two are where
// commands on this host reach it; "up" listens there.
type settings struct {
	Authority string `json:"authority"`
	Status    string `json:"status"`
	Orders    string `json:"orders,omitempty"`  // of "up"
	Web       string `json:"web,omitempty"`     // of "up"
	Listen    string `json:"listen,omitempty"`  // of "authority serve", as it was told
	Address   string `json:"address,omitempty"` // the same
}

// dataHome returns the folder that holds one folder a trust domain, after the
// XDG Base Directory Specification, which ignores relative paths.
func dataHome() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "signet"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.Wrap(err, DataUnreadable, "this user has no home folder").
			WithHint("set HOME, or name the trust domain's folder with --data")
	}
	return filepath.Join(home, ".local", "share", "signet"), nil
}

// folders returns what is known on this host: the folder that --data names, or
// all of the data home.
func (s *shell) folders() ([]folder, error) {
	if s.data != "" {
		f, err := openFolder(s.data)
		return []folder{f}, err
	}
	home, err := dataHome()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadableData(err, home)
	}
	var known []folder
	for _, entry := range entries {
		dir := filepath.Join(home, entry.Name())
		if _, err := os.Stat(filepath.Join(dir, markerFile)); (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !agent.IsHome(dir) {
			continue // some other folder, or file
		}
		f, err := openFolder(dir)
		if err != nil {
			return nil, err
		}
		known = append(known, f)
	}
	return known, nil
}

// folder returns the one trust domain that a command can mean.
func (s *shell) folder() (folder, error) {
	known, err := s.folders()
	switch {
	case err != nil:
		return folder{}, err
	case len(known) == 0:
		return folder{}, fault.New(NotRunning, "Signet was never started on this host: no trust domain is known").
			WithHint("signet up")
	case len(known) > 1:
		return folder{}, ambiguous(known, "several trust domains are known on this host")
	}
	return known[0], nil
}

// ambiguous asks which of several trust domains is meant.
func ambiguous(among []folder, message string) error {
	var steps []string
	for _, f := range among {
		steps = append(steps, fmt.Sprintf("add --data %s      # for %s", quote(f.dir), f.domain))
	}
	return fault.New(DataAmbiguous, "%s", message).WithHint("%s", strings.Join(steps, "\n"))
}

// openFolder reads whose folder dir is.
func openFolder(dir string) (folder, error) {
	var marker struct {
		TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	}
	path := filepath.Join(dir, markerFile)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && agent.IsHome(dir) {
		home, err := agent.LoadHome(dir)
		if err != nil {
			return folder{}, err
		}
		return folder{dir, home.ID().TrustDomain(), &home}, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return folder{}, fault.New(DataUnreadable, "%s is no data folder of Signet: it has no %s", dir, markerFile).
			WithHint("name the folder of a trust domain\nsignet up --data %s      # makes one there", quote(dir))
	}
	if err := readJSON(path, &marker); err != nil {
		return folder{}, err
	}
	if marker.TrustDomain.IsZero() {
		return folder{}, unreadableData(errors.New("it names no trust domain"), filepath.Join(dir, markerFile))
	}
	return folder{dir, marker.TrustDomain, nil}, nil
}

// roots returns the trust domain's anchors.
func (f folder) roots() (verify.Roots, error) {
	path := filepath.Join(f.dir, rootsFile)
	data, err := kept{}.ReadFile(path)
	if err != nil {
		return verify.Roots{}, unreadableData(err, path)
	}
	anchors, err := certificatesIn(data, path)
	if err != nil {
		return verify.Roots{}, err
	}
	return verify.ForTrustDomain(f.domain, anchors...)
}

// settings returns where things listen.
func (f folder) settings() (set settings, err error) {
	if f.host != nil {
		return settings{Authority: f.host.Authority}, nil
	}
	path := filepath.Join(f.dir, settingsFile)
	if err = readJSON(path, &set); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		err = fault.Wrap(err, SettingsUnreadable, "%s cannot be used", path).
			WithHint("stop signet up, and start it with ports of your choice: signet up --port %d     # writes it anew", defaultPort)
	}
	return set, err
}

// credential returns the identity with the given path, such as "operator/ann".
// The error is fs.ErrNotExist if there is none of that name.
func (f folder) credential(path string) (*pki.Credential, error) {
	id, err := f.domain.ID(path)
	if err != nil || f.host != nil && f.host.ID() != id {
		return nil, fs.ErrNotExist
	}
	if f.host != nil {
		return f.host.Credential, nil
	}
	return identity.Load(kept{}, filepath.Join(f.dir, identityFolder, id.Path()+".pem"))
}

// identities lists the paths of the identities that are kept here.
func (f folder) identities() []string {
	if f.host != nil {
		return []string{f.host.ID().Path()}
	}
	var names []string
	root := filepath.Join(f.dir, identityFolder)
	// What cannot be listed cannot be used either, so errors only shorten the list.
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(path, ".pem"); ok && err == nil && entry.Type().IsRegular() {
			if name, err := filepath.Rel(root, name); err == nil {
				names = append(names, filepath.ToSlash(name))
			}
		}
		return nil
	})
	slices.Sort(names)
	return names
}

func readJSON(path string, value any) error {
	data, err := kept{}.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, value)
	}
	if err != nil {
		return unreadableData(err, path)
	}
	return nil
}

func unreadableData(err error, path string) error {
	what := "is not as Signet writes it"
	if errors.Is(err, fs.ErrPermission) {
		what = "may not be read by this user"
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		err = at.Err
	}
	return fault.Wrap(err, DataUnreadable, "%s %s", path, what).
		WithHint("name a trust domain's folder with --data, or run as its owner")
}
