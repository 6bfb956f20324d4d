package record

import (
	"bytes"
	"crypto/tls"
	"math"
	"testing"
)

// TestPlaces seals in place, before which there is a KeyUpdate where Send would have one.
func TestPlaces(t *testing.T) {
	memory := make([]byte, placesFor(4))
	fill := func(size int) []byte {
		sent := random(size)
		for i, rest := 0, sent; len(rest) > 0; i++ {
			rest = rest[copy(place(memory, i), rest):]
		}
		return sent
	}
	for _, suite := range allSuites {
		client, server := fresh(t, suite)
		for _, size := range []int{1, MaxData - 1, MaxData, MaxData + 1, 4 * MaxData} {
			sent := fill(size)
			records := client.SealPlaces(memory, size)
			if want := size + (size+MaxData-1)/MaxData*Overhead; len(records) != want {
				t.Errorf("%d bytes are %d, want %d", size, len(records), want)
			}
			if data, _, err := server.Receive(room(), records); !bytes.Equal(data, sent) || err != nil {
				t.Errorf("%d bytes of %d have come, %v", len(data), size, err)
			}
		}

		client.out.sequence, server.in.sequence = keyLimit-2, keyLimit-2
		fill(2 * MaxData)
		if records := client.SealPlaces(memory, 2*MaxData); len(records) != 2*(MaxData+Overhead) {
			t.Errorf("the last two under a key have %d bytes", len(records))
		}
		client, server = fresh(t, suite)
		client.out.sequence, server.in.sequence = math.MaxUint64, math.MaxUint64 // as no handshake leaves it
		copy(place(memory, 0), "d")
		expect(t, inside(t, server, client.SealPlaces(memory, 1)), isUpdate, "23 d")
	}
}

// TestPlacesReply has a KeyUpdate that is owed in front, and nothing behind the last word.
func TestPlacesReply(t *testing.T) {
	memory := make([]byte, placesFor(1))
	client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
	if _, _, err := client.Receive(room(), server.UpdateKeys(nil, true)); err != nil {
		t.Fatal(err)
	}
	copy(place(memory, 0), "a")
	expect(t, inside(t, server, client.SealPlaces(memory, 1)), isUpdate, "23 a")
	copy(place(memory, 0), "b")
	expect(t, inside(t, server, client.SealPlaces(memory, 1)), "23 b")
	client.CloseNotify(nil)
	if records := client.SealPlaces(memory, 1); len(records) > 0 {
		t.Errorf("%d bytes leave behind the last word", len(records))
	}
}
