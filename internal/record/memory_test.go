//go:build !noncecheck

package record

import (
	"crypto/tls"
	"runtime"
	"testing"
)

// TestNoAllocation moves data without making garbage.
func TestNoAllocation(t *testing.T) {
	for _, suite := range allSuites {
		client, server := fresh(t, suite)
		data, records, opened := random(2*MaxData), make([]byte, 0, 3*MaxRecord), room()
		if n := testing.AllocsPerRun(100, func() {
			in := client.Send(records, data)
			if _, used, err := server.Receive(opened, in); used != len(in) || err != nil {
				t.Fatal(used, err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations for two records there and here", tls.CipherSuiteName(suite), n)
		}
	}
}

// maxSession is the most that an idle Session may hold, in bytes.
const maxSession = 2 << 10

// TestMemory weighs idle Sessions that have carried data.
func TestMemory(t *testing.T) {
	for _, suite := range allSuites {
		const n = 2000
		sessions := make([]*Session, 0, 2*n)
		data, records, opened := random(MaxData), room(), room()
		before := heap()
		for range n {
			client, server := fresh(t, suite)
			server.Receive(opened, client.Send(records, data))
			client.Receive(opened, server.UpdateKeys(records, true))
			server.Receive(opened, client.Reply(records))
			sessions = append(sessions, client, server)
		}
		have := (heap() - before) / (2 * n)
		t.Logf("%s: %d bytes a session", tls.CipherSuiteName(suite), have)
		if have > maxSession {
			t.Errorf("%s: a session holds %d bytes, more than %d", tls.CipherSuiteName(suite), have, maxSession)
		}
		runtime.KeepAlive(sessions)
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
