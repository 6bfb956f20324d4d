package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/internal/peers/etcdtest"
)

// clusterOf is a cluster as a store is told of it.
func clusterOf(e *etcdtest.Cluster) *Cluster {
	return &Cluster{Addresses: e.Addresses, Certificate: e.Certificate, Key: e.Key, Roots: e.Roots}
}

// inCluster is what opens a store in a cluster.
func inCluster(dir string, at *Cluster) Config {
	return Config{Dir: dir, TrustDomain: demo, Etcd: at, Connect: connect, ttl: 2 * time.Second}
}

func openIn(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// ofFolders are the tests of what is in a data folder, of every lease that etcd has, or of
// a cluster already.
const ofFolders = "WAL|Database|Mixed|Buckets|Missing|Permissions|Folders|BadConfig|PrivateFiles|AlreadyRunning|FirstStart|Erase|NoListener|" +
	"EtcdGivesUp|TestLeases|LogAhead|Torn|Snapshots|ParseRecord|Codes|Cluster|OneAuthority|CameAndWent|LargeChange"

// TestSameInCluster runs this package's other tests once more, with their stores in a
// cluster.
func TestSameInCluster(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1, "--max-txn-ops=4200", "--max-request-bytes=4194304") // as the hint of ChangeTooLarge says
	again := exec.Command(must(os.Executable()), "-test.run=^Test", "-test.skip="+ofFolders, "-test.v")
	again.Env = append(os.Environ(), clusterVariable+"="+string(must(json.Marshal(clusterOf(e)))))
	out, err := again.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	passed := bytes.Count(out, []byte("\n--- PASS: "))
	t.Logf("%d tests passed", passed)
	if passed < 30 {
		t.Errorf("%d tests passed in a cluster, want at least 30:\n%s", passed, out)
	}
}

// TestCluster keeps the truth in three members, of which one is killed and another is
// stopped, and finds it again.
func TestCluster(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 3)
	dir := t.TempDir()
	s := openIn(t, inCluster(dir, clusterOf(e)))
	before := fill(t, s)

	e.Kill(0)
	eventually(t, s, "one of three is gone", func() error { return put(t, s, "killed") })
	e.Pause(1)
	err := failing(t, s, func() error { return put(t, s, "alone") })
	if !errors.Is(err, EtcdNoLeader) && !errors.Is(err, EtcdSilent) {
		t.Errorf("one of three is left: %v, want that there is no leader, or no answer", err)
	}
	e.Resume(1)
	eventually(t, s, "two of three are back", func() error { return put(t, s, "back") })
	kept := s.State()
	closeStore(t, s)

	again := openIn(t, inCluster(dir, nil)) // the folder knows its cluster
	if diff := cmp.Diff(kept, again.State(), sameState...); diff != "" {
		t.Errorf("reopened (-before +after):\n%s", diff)
	}
	for pair, r := range before.Rules {
		if again.State().Rules[pair].Revision != r.Revision {
			t.Errorf("the rule %s is not as it was", r.Name)
		}
	}
}

func put(t testing.TB, s *Store, to string) error {
	_, err := s.Change(t.Context(), func(tx *Tx) error { tx.PutRule(rule("web", to)); return nil })
	return err
}

// eventually repeats what may fail while a cluster finds itself again.
func eventually(t testing.TB, s *Store, when string, do func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = do(); err == nil {
			return
		}
		if !errors.Is(err, EtcdNoLeader) && !errors.Is(err, EtcdSilent) {
			t.Fatalf("%s: %v, want that there is no leader, or no answer", when, err)
		}
	}
	t.Fatalf("%s: %v", when, err)
}

// failing repeats something until it fails.
func failing(t testing.TB, s *Store, do func() error) error {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err := do(); err != nil {
			return err
		}
	}
	t.Fatal("it goes on succeeding")
	return nil
}

// TestSilentCluster stops the only member for longer than the hold lasts: calls end, and
// say why; what was confirmed is there; it goes on by itself.
func TestSilentCluster(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	s := openIn(t, inCluster(t.TempDir(), clusterOf(e)))
	fill(t, s)
	states := s.Watch(t.Context())
	e.Pause(0)
	err := failing(t, s, func() error { return put(t, s, "silent") })
	wantCode(t, err, EtcdSilent, e.Addresses[0])
	for end := time.Now().Add(time.Minute); s.Trouble() == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	wantCode(t, s.Trouble(), EtcdSilent, e.Addresses[0])
	if _, err := s.Tokens(t.Context()); !errors.Is(err, EtcdSilent) {
		t.Errorf("a question is answered with %v, want that nobody answers", err)
	}
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "ab99", ID: id("orders"), NotAfter: time.Now().Add(time.Hour)}), EtcdSilent)
	if have := s.State(); len(have.Rules) < 2 {
		t.Errorf("the state has %d rules while the cluster is silent, want the last that was known", len(have.Rules))
	}
	time.Sleep(3 * time.Second) // the hold runs out, which etcd sees when it goes on
	e.Resume(0)
	eventually(t, s, "it goes on", func() error { return put(t, s, "back") })
	for state := range states {
		if _, seen := state.Rules[Pair{id("web"), id("back")}]; seen {
			break
		}
	}
}

// TestKilledCluster kills the only member again and again while changes are made: each
// that was confirmed is there.
func TestKilledCluster(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	s := openIn(t, inCluster(t.TempDir(), clusterOf(e)))
	var confirmed []string
	for round := range 3 {
		for n := range 20 {
			name := fmt.Sprintf("r%d-%d", round, n)
			eventually(t, s, "restarted", func() error { return put(t, s, name) })
			confirmed = append(confirmed, name)
		}
		e.Kill(0)
		e.Start(0)
	}
	eventually(t, s, "restarted", func() error { return put(t, s, "last") })
	for _, name := range confirmed {
		if _, there := s.State().Rules[Pair{id("web"), id(name)}]; !there {
			t.Errorf("the rule for %s was confirmed and is gone", name)
		}
	}
}

// TestOneAuthority lets a second one in only when the first is gone, and keeps a first
// one that wakes up from writing.
func TestOneAuthority(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	dir, copied := t.TempDir(), t.TempDir()
	first := openIn(t, inCluster(dir, clusterOf(e)))
	fill(t, first)
	noError(os.WriteFile(filepath.Join(copied, markerName), must(os.ReadFile(filepath.Join(dir, markerName))), 0o600))
	_, err := Open(t.Context(), inCluster(copied, nil))
	wantCode(t, err, EtcdHeld, fmt.Sprint("process ", os.Getpid()), must(os.Hostname()))

	// The first one sleeps: its hold ends, and the second takes it.
	must(first.cluster.etcd.Revoke(t.Context(), first.cluster.hold.lease))
	second := openIn(t, inCluster(copied, nil))
	if err := put(t, first, "late"); err == nil {
		t.Error("who has lost the hold changes something")
	}
	wantCode(t, first.Wait(t.Context()), EtcdHeld, fmt.Sprint("process ", os.Getpid()))
	if err := put(t, second, "mine"); err != nil {
		t.Errorf("who has the hold: %v", err)
	}
	closeStore(t, second)
	closeStore(t, first)
	openIn(t, inCluster(dir, nil))
}

// TestCameAndWent has the hold back too late: somebody else has had it meanwhile.
func TestCameAndWent(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	s := openIn(t, inCluster(t.TempDir(), clusterOf(e)))
	fill(t, s)
	must(s.cluster.etcd.Txn(t.Context()).Then(clientv3.OpPut(s.cluster.claimKey(), s.cluster.hold.claim)).Commit())
	must(s.cluster.etcd.Revoke(t.Context(), s.cluster.hold.lease))
	wantCode(t, s.Wait(t.Context()), EtcdHeld, "meanwhile")
}

// TestClustersThatAreRefused names clusters that do not go with the folder.
func TestClustersThatAreRefused(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 2)
	at := clusterOf(e)
	dir := t.TempDir()
	s := openIn(t, inCluster(dir, at))
	fill(t, s)
	prefix := s.cluster.prefix
	closeStore(t, s)

	_, err := Open(t.Context(), inCluster(t.TempDir(), at))
	wantCode(t, err, EtcdInUse, "demo.signet")
	other := inCluster(dir, nil)
	other.prefix = "/elsewhere/"
	_, err = Open(t.Context(), other)
	wantCode(t, err, EtcdOther, "nothing of demo.signet")

	embedded := t.TempDir()
	closeStore(t, open(t, embedded))
	_, err = Open(t.Context(), inCluster(embedded, at))
	wantCode(t, err, EtcdUnused, embedded)
	_, err = Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
	wantCode(t, err, EtcdUnused, dir)
	wantCode(t, Erase(dir, demo, nil, func() error { return nil }), EtcdUnused, dir)

	// A first start that was interrupted: nothing was confirmed, so the next begins anew.
	for _, begun := range []string{"one", "two"} {
		unfinished := inCluster(t.TempDir(), at)
		unfinished.prefix = "/unfinished/"
		s := openIn(t, unfinished)
		if begun == "two" && s.State().Revision != 0 {
			t.Error("an interrupted start left something")
		}
		closeStore(t, s)
		if begun == "one" {
			dir = unfinished.Dir
		}
	}
	late := inCluster(dir, nil)
	late.prefix = "/unfinished/"
	_, err = Open(t.Context(), late)
	wantCode(t, err, EtcdOther, "another authority")

	raw := must(connectedTo(t, at))
	value := must(encode(prefix+"claim", claimed{format, "prod.example", "x"}))
	must(raw.Put(t.Context(), prefix+"claim", value))
	_, err = Open(t.Context(), inCluster(t.TempDir(), at))
	wantCode(t, err, EtcdOther, "prod.example")
	value = must(encode(prefix+"claim", claimed{format + 1, "demo.signet", "x"}))
	must(raw.Put(t.Context(), prefix+"claim", value))
	_, err = Open(t.Context(), inCluster(t.TempDir(), at))
	wantCode(t, err, FolderNewer, "format 2")

	// Whom the members do not believe, and who is not believed.
	stranger := etcdtest.Start(t, 1)
	for name, cluster := range map[string]Cluster{
		"another root":   {at.Addresses, at.Certificate, at.Key, stranger.Roots},
		"another client": {at.Addresses, stranger.Certificate, stranger.Key, at.Roots},
		"nobody there":   {[]string{"127.0.0.1:1"}, at.Certificate, at.Key, at.Roots},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), inCluster(t.TempDir(), &cluster))
			wantCode(t, err, EtcdSilent, cluster.Addresses[0])
			t.Log(err)
		})
	}
}

// TestClusterWithUsers has etcd's own access control judge who we are.
func TestClusterWithUsers(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	at := clusterOf(e)
	raw := must(connectedTo(t, at))
	must(raw.UserAdd(t.Context(), "root", "secret"))
	must(raw.UserGrantRole(t.Context(), "root", "root"))
	must(raw.AuthEnable(t.Context()))
	_, err := Open(t.Context(), inCluster(t.TempDir(), at))
	wantCode(t, err, EtcdDenied, "/signet/demo.signet/")
}

// TestFullCluster reaches etcd's quota.
func TestFullCluster(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1, "--quota-backend-bytes", fmt.Sprint(1<<20))
	s := openIn(t, inCluster(t.TempDir(), clusterOf(e)))
	err := failing(t, s, func() error {
		_, err := s.Change(t.Context(), func(tx *Tx) error {
			tx.SetCA(CA{Root: string(make([]byte, 100<<10))})
			return nil
		})
		return err
	})
	wantCode(t, err, EtcdFull, e.Addresses[0])
}

// TestLargeChange is larger than etcd takes where nobody told it otherwise.
func TestLargeChange(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t, 1)
	s := openIn(t, inCluster(t.TempDir(), clusterOf(e)))
	_, err := s.Change(t.Context(), func(tx *Tx) error {
		for n := range 200 {
			tx.PutRule(rule("web", fmt.Sprint("r", n)))
		}
		return nil
	})
	wantCode(t, err, ChangeTooLarge, e.Addresses[0])
}

func connectedTo(t testing.TB, at *Cluster) (*clientv3.Client, error) {
	dial, err := connect(*at)
	if err != nil {
		return nil, err
	}
	c := &cluster{addresses: at.Addresses}
	client, err := c.client(dial)
	if err == nil {
		t.Cleanup(func() { client.Close() })
	}
	return client, err
}
