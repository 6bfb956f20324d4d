package record

import (
	"crypto/tls"
	"fmt"
	"testing"
)

// sizes are how many bytes move at once.
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

// BenchmarkCryptoTLS does the same by crypto/tls, in the suite that it chooses and over
// memory.
func BenchmarkCryptoTLS(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("Send/%d", size), func(b *testing.B) {
			c := connect(b)
			data := random(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c.client.Write(data)
				c.up.data.Reset()
			}
		})
		b.Run(fmt.Sprintf("Receive/%d", size), func(b *testing.B) {
			c := connect(b)
			sender := c.asClient(b)
			data, records, dst := random(size), make([]byte, 0, 4*MaxRecord), make([]byte, 4*MaxData)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c.up.data.Write(sender.Send(records, data))
				b.StartTimer()
				for n := 0; n < size; {
					more, err := c.server.Read(dst)
					if err != nil {
						b.Fatal(err)
					}
					n += more
				}
			}
		})
	}
}

// BenchmarkKeyUpdate makes new keys at both ends, which is the most that so few bytes of a
// peer can cost.
func BenchmarkKeyUpdate(b *testing.B) {
	for _, suite := range allSuites {
		b.Run(tls.CipherSuiteName(suite), func(b *testing.B) {
			client, server := fresh(b, suite)
			records, dst := make([]byte, 0, MaxRecord), room()
			b.ReportAllocs()
			for b.Loop() {
				server.useless = 0
				if _, _, err := server.Receive(dst, client.UpdateKeys(records, false)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
