package record

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"testing"
)

// FuzzConverse has a Session and crypto/tls say random things to each other.
func FuzzConverse(f *testing.F) {
	for n := range 32 {
		f.Add(bytes.Repeat([]byte{byte(8 * n), 1, 3}, 20))
	}
	f.Fuzz(func(t *testing.T, choices []byte) { converse(t, choices[:min(len(choices), 2000)]) })
}

// TestConverseAtRandom is FuzzConverse for who has not the time.
func TestConverseAtRandom(t *testing.T) {
	for seed := range byte(100) {
		choices := make([]byte, 400)
		rand.NewChaCha8([32]byte{seed}).Read(choices)
		if converse(t, choices); t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}

// converse has each end hear what the other says, all of it and at once.
func converse(t *testing.T, choices []byte) {
	c := connect(t)
	p := &peer{script: choices}
	ours, theirs, up, down := c.asClient(t), c.server, c.up, c.down
	if p.byte()%2 == 0 {
		ours, theirs, up, down = c.asServer(t), c.client, c.down, c.up
	}
	var in []byte
	idle := 0                  // KeyUpdates in a row: crypto/tls wants no more than 16
	over, gone := false, false // what they say, and what we say
	for len(p.script) > 0 && !(over && gone) {
		said, answered := []byte(nil), []byte(nil)
		wanted := error(nil) // that theirs.Read ends with
		choice := p.byte()
		switch {
		case choice < 100:
			said = random(p.size() * (1 + p.byte()/64))
			up.data.Write(ours.Send(nil, said))
			if gone {
				said = nil
			} else if len(said) > 0 {
				idle = 0
			}
		case choice < 200 && !over:
			answered = random(p.size() * (1 + p.byte()/64))
			if _, err := theirs.Write(answered); err != nil {
				t.Fatal(err)
			}
		case choice < 225 && idle < 14:
			up.data.Write(ours.UpdateKeys(nil, choice%2 == 0))
			idle += 2 // it may be two
		case choice < 248 && idle < 15:
			up.data.Write(ours.Reply(nil))
			idle++
		case choice < 250 && !gone:
			up.data.Write(ours.CloseNotify(nil))
			gone, wanted = true, io.EOF
		case choice < 252:
			over = true
			if err := theirs.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		if gone && wanted == nil { // they have heard that this was all
			up.data.Reset()
		} else if have, err := everything(theirs); !bytes.Equal(have, said) || err != wanted {
			t.Fatalf("they have %d bytes of %d, %v", len(have), len(said), err)
		}
		var have []byte
		have, in = p.feed(ours, append(in, down.data.Next(down.data.Len())...))
		if over {
			in = nil // crypto/tls answers a KeyUpdate even then
		}
		if len(in) > 0 || !bytes.Equal(have, answered) || (ours.ended == io.EOF) != over || ours.ended != nil && !over {
			t.Fatalf("we have %d bytes of %d, %v, and %d are left", len(have), len(answered), ours.ended, len(in))
		}
	}
}

// TestRefusedInPassing says why a connection ends that nobody has done wrong on.
func TestRefusedInPassing(t *testing.T) {
	const accessDenied = 49
	c := connect(t)
	ours := c.asServer(t)
	c.down.data.Write(ours.Alert(ours.Send(nil, []byte("some")), accessDenied))
	have, err := everything(c.client)
	if string(have) != "some" || err == nil || err.Error() != "remote error: "+tls.AlertError(accessDenied).Error() {
		t.Errorf("%q, %v", have, err)
	}
}
