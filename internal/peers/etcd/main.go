// Command etcd is the etcd server of the version that Signet is built with, for tests
// of an authority whose truth lives in a cluster. It is a module of its own, as it
// needs much that Signet does not link.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
