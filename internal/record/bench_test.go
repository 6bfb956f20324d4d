package record

import (
	"crypto/tls"
	"fmt"
	"testing"
)

var sizes = []int{1, 1024, MaxData, 4 * MaxData}

func BenchmarkSend(b *testing.B) {
	for _, suite := range allSuites {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/%d", tls.CipherSuiteName(suite), size), func(b *testing.B) {
				session, _ := fresh(b, suite)
				data, dst := random(size + 1)[:size], make([]byte, 0, 4*MaxRecord)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					session.Send(dst, data)
				}
			})
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	for _, suite := range allSuites {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/%d", tls.CipherSuiteName(suite), size), func(b *testing.B) {
				client, server := fresh(b, suite)
				in, dst := client.Send(nil, random(size)), make([]byte, 0, 4*MaxRecord)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					server.in.sequence = 0
					if _, _, err := server.Receive(dst, in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
