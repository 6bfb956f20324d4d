package main

// figures are what a test has measured, by the names of measures.
type figures map[string]float64

// What a test measures.
const (
	measureShake     = "cpu_s_1000"  // CPU seconds for 1,000 connections
	measurePerSecond = "per_s"       // connections a second
	measureGiB       = "cpu_s_gib"   // CPU seconds a GiB
	measureRate      = "gib_per_s"   // GiB a second
	measurePing      = "cpu_s_100k"  // CPU seconds for 100,000 round trips
	measureP50       = "p50_us"      // half of the round trips take no longer
	measureP99       = "p99_us"      // 99 of 100 take no longer
	measureIdle      = "pss_kib"     // KiB a connection
	measureIdleCPU   = "cpu_percent" // of one processor, while nothing happens
)

// view is a table of the report: one measure of one test.
type view struct {
	test, title string
	measure     string
	unit        string
	format      string // of a value
	beside      string // a measure that stands beside it, read alone
	besideUnit  string
	floor       bool // bytes that are carried cannot cost less than copying and encrypting them
}

// family is the views of a chart.
type family struct {
	file, title, about string
	views              []view
}

// The cipher that the load and all proxies agree on.
const (
	cipherTest  = "gcm"
	cipher128   = "AES-128-GCM"
	cipher256   = "AES-256-GCM"
	baseline    = "nginx"
	byDefault   = "signet" // whose other rows have more or less than it
	copyRelay   = "copy-relay"
	spliceRelay = "splice-relay"
	copyAndSeal = copyRelay + " + " + cipher128
)

var families = []family{
	{"handshakes", "Handshakes", "CPU time of a connection with its handshake and one byte to the backend and back, both ends with a certificate; others come before, and do not count.", []view{
		shakes("hs", "Full, X25519, one client certificate again and again"),
		shakes("hs-many", "Full, X25519, 1,000 client certificates in turn"),
		shakes("hs-mlkem", "Full, X25519MLKEM768, one client certificate"),
		shakes("resume", "Resumed, X25519"),
	}},
	{"bytes", "Bytes", "CPU time of a GiB through the proxy.", []view{
		carries("up1", "From the client, one connection"),
		carries("down1", "To the client, one connection"),
		carries("down8", "To the client, eight connections"),
	}},
	{"roundtrips", "Round trips", "64 bytes to the backend and back.", []view{
		{test: "ping1", title: "One connection", measure: measurePing, unit: "s CPU for 100,000", format: "%.2f", beside: measureP50, besideUnit: "p50, µs"},
		{test: "ping64", title: "64 connections", measure: measurePing, unit: "s CPU for 100,000", format: "%.2f", beside: measureP50, besideUnit: "p50, µs"},
		{test: "ping64", title: "64 connections, the slowest of a hundred", measure: measureP99, unit: "µs, p99", format: "%.0f"},
	}},
	{"memory", "Memory of idle connections", "PSS of the proxy's processes with the connections less that without, for each.", []view{
		idles("idle-1000", "1,000 connections, fresh"),
		idles("idlefull-1000", "1,000 connections, after 64 KiB there and back"),
		idles("idle-8000", "8,000 connections, fresh"),
		idles("idlefull-8000", "8,000 connections, after 64 KiB there and back"),
	}},
}

func shakes(test, title string) view {
	return view{test: test, title: title, measure: measureShake, unit: "s CPU for 1,000", format: "%.3f", beside: measurePerSecond, besideUnit: "a second"}
}

func carries(test, title string) view {
	return view{test: test, title: title, measure: measureGiB, unit: "s CPU a GiB", format: "%.3f", beside: measureRate, besideUnit: "GiB/s", floor: true}
}

func idles(test, title string) view {
	return view{test: test, title: title, measure: measureIdle, unit: "KiB", format: "%.1f", beside: measureIdleCPU, besideUnit: "% CPU, idle"}
}

// testNames are all tests of the matrix, in their order.
func testNames() (names []string) {
	seen := map[string]bool{}
	for _, f := range families {
		for _, v := range f.views {
			if !seen[v.test] {
				seen[v.test] = true
				names = append(names, v.test)
			}
		}
	}
	return append(names, cipherTest)
}
