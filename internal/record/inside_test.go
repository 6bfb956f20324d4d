package record

import (
	"crypto/tls"
	"slices"
	"testing"
)

// FuzzInside seals what a hostile peer may put into records, in pieces of which each
// begins with its length in two bytes, and has two Sessions open them: one all at once,
// one byte by byte. What comes does not depend on how, and is bounded.
func FuzzInside(f *testing.F) {
	piece := func(inside ...[]byte) []byte {
		plaintext := slices.Concat(inside...)
		return append([]byte{byte(len(plaintext) >> 8), byte(len(plaintext))}, plaintext...)
	}
	f.Add(true, piece([]byte("hello"), asData, zeros(9)))
	f.Add(true, slices.Concat(piece(aTicket[:7], asHandshake), piece(aTicket[7:], aTicket, asHandshake), piece(asData)))
	f.Add(true, slices.Concat(piece([]byte{messageNewSessionTicket, 0, 255, 255}, zeros(9000), asHandshake), piece(zeros(9000), asHandshake)))
	f.Add(false, slices.Concat(piece(keyUpdate(true), asHandshake), piece([]byte{1, alertUserCanceled}, asAlert), piece([]byte{1, 0}, asAlert)))
	f.Add(false, slices.Concat(piece(keyUpdate(true)[:2], asHandshake), piece(keyUpdate(true)[2:], asHandshake)))
	f.Fuzz(func(t *testing.T, client bool, pieces []byte) {
		secret := random(32)
		keys := func() Keys {
			return Keys{Suite: tls.TLS_AES_128_GCM_SHA256, Client: client, Read: slices.Clone(secret), Write: random(32)}
		}
		whole, byBytes := open(t, keys()), open(t, keys())
		peer := open(t, Keys{Suite: tls.TLS_AES_128_GCM_SHA256, Read: random(32), Write: secret})
		var in []byte
		for len(pieces) >= 2 {
			n := min(int(pieces[0])<<8|int(pieces[1]), len(pieces)-2, MaxData+240)
			in = append(in, sealed(&peer.out, kindData, pieces[2:2+n])...)
			pieces = pieces[2+n:]
		}
		dst := make([]byte, 0, len(in)+MaxRecord)
		data, used, err := receive(whole, dst, in)
		if &data[:1][0] != &dst[:1][0] {
			t.Fatal("it has allocated room for data")
		}
		if err == nil && used != len(in) {
			t.Fatalf("used %d bytes of %d", used, len(in))
		}
		if len(whole.message) >= messageHeader+maxMessage || !client && len(whole.message) > messageHeader {
			t.Fatalf("it holds %d bytes of a message", len(whole.message))
		}
		var slowly, waiting []byte
		small := make([]byte, 0, MaxRecord)
		for i := range in {
			waiting = append(waiting, in[i])
			more, used, _ := byBytes.Receive(small, waiting)
			slowly, waiting = append(slowly, more...), waiting[used:]
			if len(waiting) >= MaxRecord {
				t.Fatalf("%d bytes wait", len(waiting))
			}
			if byBytes.ended != nil {
				break
			}
		}
		if have, want := outcomeOf(t, slowly, byBytes.ended), outcomeOf(t, data, err); have != want {
			t.Fatalf("byte by byte %d bytes, %d %q; at once %d, %d %q", len(have.data), have.alert, have.from, len(want.data), want.alert, want.from)
		}
	})
}
