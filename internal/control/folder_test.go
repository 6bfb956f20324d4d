package control

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

func TestFolders(t *testing.T) {
	ours := `{"format":1,"trust_domain":"demo.signet","ready":false,"future":true}`
	for _, test := range []struct {
		name  string
		files map[string]string
		code  fault.Code
		text  string
	}{
		{"empty", nil, "", ""},
		{"killed at the first write", map[string]string{"." + markerName + ".123": `{"for`}, "", ""},
		{"ours", map[string]string{markerName: ours}, "", ""},
		{"ours, with files of others", map[string]string{markerName: ours, "audit": "x"}, "", ""},
		{"not ours", map[string]string{"holiday.jpg": "x"}, FolderNotOurs, "no signet.json"},
		{"another trust domain", map[string]string{markerName: `{"format":1,"trust_domain":"prod.example","ready":true}`}, FolderOtherDomain, "prod.example"},
		{"newer", map[string]string{markerName: `{"format":2,"trust_domain":["a","b"]}`}, MarkerDamaged, ""},
		{"newer, same fields", map[string]string{markerName: `{"format":2,"trust_domain":"demo.signet"}`}, FolderNewer, "format 2"},
		{"marker not JSON", map[string]string{markerName: `{"format":1,`}, MarkerDamaged, ""},
		{"marker empty", map[string]string{markerName: ``}, MarkerDamaged, ""},
		{"marker without trust domain", map[string]string{markerName: `{"format":1}`}, MarkerDamaged, ""},
		{"marker without its state", map[string]string{markerName: `{"format":1,"trust_domain":"demo.signet","reaey":true}`}, MarkerDamaged, ""},
		{"marker without format", map[string]string{markerName: `{"trust_domain":"demo.signet"}`}, MarkerDamaged, ""},
		{"marker too long", map[string]string{markerName: ours + strings.Repeat(" ", markerBytes) + "x"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				noError(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			s, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
			if test.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				closeStore(t, s)
				return
			}
			wantCode(t, err, test.code, dir, test.text)
			for name, text := range test.files {
				if have := must(os.ReadFile(filepath.Join(dir, name))); string(have) != text {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

func TestBadConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	noError(os.WriteFile(file, nil, 0o600))
	for _, test := range []struct {
		name string
		cfg  Config
		code fault.Code
	}{
		{"no folder", Config{TrustDomain: demo}, FolderUnset},
		{"no trust domain", Config{Dir: t.TempDir()}, spiffeid.InvalidTrustDomain},
		{"file", Config{Dir: file, TrustDomain: demo}, FolderNotDirectory},
		{"below a file", Config{Dir: filepath.Join(file, "x"), TrustDomain: demo}, FolderNotDirectory},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(t.Context(), test.cfg)
			wantCode(t, err, test.code)
		})
	}
}

func TestPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	fill(t, s)
	closeStore(t, s)
	noError(filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v: others may read it", path, info.Mode())
		}
		return err
	}))
}

func TestAlreadyRunning(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
	wantCode(t, err, AlreadyRunning, dir, fmt.Sprint("process ", os.Getpid()))
	noError(os.WriteFile(filepath.Join(dir, lockName), []byte("rm -rf /\n"), 0o600))
	_, err = Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
	wantCode(t, err, AlreadyRunning, "another process")
	closeStore(t, s)
	open(t, dir)
}

// TestFirstStartInterrupted leaves what a kill leaves while etcd makes its
// files for the first time, which etcd itself could not go on from.
func TestFirstStartInterrupted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	closeStore(t, s)
	for _, gone := range []string{"etcd/member/wal", "etcd/member/snap/db", "etcd"} {
		noError(unready(demo).write(dir))
		noError(os.RemoveAll(filepath.Join(dir, gone)))
		s := open(t, dir)
		if state := change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "root"}) }); state.Revision != 1 {
			t.Errorf("without %s: revision %d, want 1", gone, state.Revision)
		}
		closeStore(t, s)
	}
}

func TestErase(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s)
	wantCode(t, Erase(dir, demo, nil, func() error { return nil }), AlreadyRunning)
	closeStore(t, s)
	wantCode(t, Erase(dir, must(spiffeid.ParseTrustDomain("prod.example")), nil, func() error { return nil }), FolderOtherDomain)
	noError(os.WriteFile(filepath.Join(dir, "etcd", "member", "snap", "db"), nil, 0o600)) // damaged
	foreign := filepath.Join(dir, "holiday.jpg")
	noError(os.WriteFile(foreign, []byte("x"), 0o600))
	wantCode(t, Erase(dir, demo, []string{"ours"}, func() error { return nil }), FolderNotOurs)
	for _, kept := range []string{foreign, filepath.Join(dir, "etcd", "member", "snap", "db")} {
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("refused, and yet gone: %v", err)
		}
	}
	noError(os.Remove(foreign))
	noError(os.WriteFile(filepath.Join(dir, "ours"), nil, 0o600))
	noError(os.WriteFile(filepath.Join(dir, ".ours.123"), nil, 0o600)) // a kill left it
	if err := Erase(dir, demo, []string{"ours"}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if state := open(t, dir).State(); state.Revision != 0 || len(state.Identities) != 0 {
		t.Errorf("erased, and revision %d with %d identities is there", state.Revision, len(state.Identities))
	}
}
