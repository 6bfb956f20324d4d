package main

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-tls/signet/internal/peers/etcdtest"
)

// TestEtcd runs the stories of an authority whose truth is in a cluster of three members.
func TestEtcd(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	params := stories("testdata/etcd", *update)
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("ETCD", "https://"+strings.Join(cluster.Addresses, ",https://"))
		env.Setenv("ETCD_MEMBER", cluster.Addresses[0])
		env.Setenv("ETCD_CERT", cluster.Certificate)
		env.Setenv("ETCD_KEY", cluster.Key)
		env.Setenv("ETCD_ROOTS", cluster.Roots)
		return setup(env)
	}
	params.Cmds["etcd"] = func(ts *testscript.TestScript, neg bool, args []string) {
		do := map[string]func(int){"pause": cluster.Pause, "resume": cluster.Resume}
		if neg || len(args) != 1 || do[args[0]] == nil {
			ts.Fatalf("usage: etcd pause|resume")
		}
		for member := range cluster.Addresses {
			do[args[0]](member)
		}
	}
	testscript.Run(t, params)
}
