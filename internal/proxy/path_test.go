package proxy_test

import (
	"flag"
	"fmt"
	"runtime"
	"testing"

	"github.com/signet-tls/signet/internal/proxy"
)

// dataPath is the one that the tests' proxies have.
var dataPath proxy.DataPath

// runPaths runs all tests once for each data path.
func runPaths(m *testing.M) (code int) {
	only := flag.String("path", "", "run the tests through one data path alone: std or record")
	flag.Parse()
	paths := []proxy.DataPath{proxy.Std}
	if runtime.GOOS == "linux" {
		paths = append(paths, proxy.Record)
	}
	for _, dataPath = range paths {
		if *only == "" || *only == string(dataPath) {
			fmt.Printf("data path: %s\n", dataPath)
			code = max(code, m.Run())
		}
	}
	return code
}
