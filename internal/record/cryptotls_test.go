package record

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"
)

// TestStandIn has a Session in the place of either end of a connection of crypto/tls.
func TestStandIn(t *testing.T) {
	c := connect(t)
	sizes := []int{1, 100, MaxData - 1, MaxData, MaxData + 1, 5 * MaxData}

	ours, theirs := c.asServer(t), c.client
	for _, size := range sizes {
		sent := random(size)
		c.down.data.Write(ours.Send(nil, sent))
		have, err := everything(theirs)
		if err != nil || !bytes.Equal(have, sent) {
			t.Fatalf("crypto/tls has %d bytes of %d, %v", len(have), size, err)
		}
		if size%2 == 0 {
			c.down.data.Write(ours.UpdateKeys(nil, true))
		}
		theirs.Write(sent)
		in := bytes.Clone(c.up.data.Bytes())
		c.up.data.Reset()
		have, used, err := ours.Receive(make([]byte, 0, len(in)), in)
		if err != nil || used != len(in) || !bytes.Equal(have, sent) {
			t.Fatalf("we have %d bytes of %d, used %d of %d, %v", len(have), size, used, len(in), err)
		}
	}
	c.down.data.Write(ours.CloseNotify(nil))
	if have, err := everything(theirs); len(have) > 0 || err != io.EOF {
		t.Fatalf("%q, %v", have, err)
	}
	theirs.Close()
	if have, used, err := ours.Receive(make([]byte, 0, MaxRecord), c.up.data.Bytes()); len(have) > 0 || used != c.up.data.Len() || err != io.EOF {
		t.Fatalf("%q, used %d, %v", have, used, err)
	}
}

func random(n int) []byte {
	p := make([]byte, n)
	rand.Read(p)
	return p
}
