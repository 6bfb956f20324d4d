package record

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadsThatStopShort has programs whose bytes no single read takes, however many
// there are: a read stops before a byte that is urgent, and behind one that a descriptor
// came with. What stands behind is carried, too, though the system tells of it once.
func TestReadsThatStopShort(t *testing.T) {
	middle := map[string]func(fd int) error{
		"tcp":  func(fd int) error { return unix.Sendto(fd, []byte("!"), unix.MSG_OOB, nil) },
		"unix": func(fd int) error { return unix.Sendmsg(fd, []byte("!"), unix.UnixRights(fd), nil, 0) },
	}
	want := map[string]string{"tcp": "before behind", "unix": "before! behind"} // an urgent byte is in no stream
	bothNetworks(t, func(t *testing.T, network string) {
		c := newRig(t).startBehind(network, func(program stream) {
			io.WriteString(program, "before")
			raw, err := program.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var failed error
			if err := raw.Control(func(fd uintptr) { failed = middle[network](int(fd)) }); err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			io.WriteString(program, " behind")
		}, nil, nil)
		if data, err := c.hear(len(want[network])); string(data) != want[network] || err != nil {
			t.Errorf("the peer hears %q, %v, want %q", data, err, want[network])
		}
	})
}

// TestKeyUpdateFlood has a peer change its keys as often as it may, at the price of a
// byte now and then: all of it is carried to its end, in turns that are bounded.
func TestKeyUpdateFlood(t *testing.T) {
	c := newRig(t).join("tcp")
	flood, want := updates(c.peer, mostSealed)
	c.say(c.peer.CloseNotify(flood))
	c.wantProgram(want, nil)
	c.program.Close()
	c.wantEnd(nil)
}

// TestLinkWipes looks for secrets behind each way in which a link ends.
func TestLinkWipes(t *testing.T) {
	ends := map[string]func(*rig, *carried){
		"both say that this was all": func(_ *rig, c *carried) {
			c.say(c.peer.CloseNotify(c.peer.UpdateKeys(nil, true)))
			c.program.CloseWrite()
		},
		"altered": func(_ *rig, c *carried) {
			c.say(append([]byte{kindData, version >> 8, version & 0xff, 0, 40}, zeros(40)...))
		},
		"cut":     func(_ *rig, c *carried) { c.wire.CloseWrite() },
		"aborted": func(_ *rig, c *carried) { c.link.Abort(49) },
		"the program is gone": func(_ *rig, c *carried) {
			c.program.(*net.TCPConn).SetLinger(0)
			c.program.Close()
		},
		"the loops end": func(r *rig, _ *carried) { r.stop() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.join("tcp")
			end(r, c)
			<-c.done
			if c.ours.in != (half{}) || c.ours.out != (half{}) || c.ours.message != nil {
				t.Error("there are secrets")
			}
		})
	}
}

// TestReceivePauses opens as many KeyUpdates as one read can bring: no call takes more
// than its share of them, and the calls together lose nothing.
func TestReceivePauses(t *testing.T) {
	peer, ours := fresh(t, 0x1301)
	in, want := updates(peer, mostSealed)
	var have []byte
	calls := 0
	for len(in) > 0 {
		before := len(in)
		data, used, err := ours.Receive(make([]byte, 0, mostSealed), in)
		if err != nil || used == 0 {
			t.Fatalf("used %d bytes of %d, %v", used, len(in), err)
		}
		have, in = append(have, data...), in[used:]
		if whole := len(in) > 0; ours.Paused() != whole && whole {
			t.Fatalf("it stopped with %d bytes left, and does not say that it pauses", len(in))
		}
		if most := maxUpdates*lead + len(data)*(Overhead+1); before-len(in) > most {
			t.Fatalf("a call used %d bytes, want at most %d", before-len(in), most)
		}
		calls++
	}
	if !bytes.Equal(have, want) || calls < 100 {
		t.Errorf("%d bytes of data came in %d calls, want %d", len(have), calls, len(want))
	}
}

// updates returns as many KeyUpdates as a peer gets into so many bytes, and the data
// between that has them not be too many in a row.
func updates(peer *Session, most int) (records, data []byte) {
	for len(records)+maxUseless*lead+Overhead+1 <= most {
		for range maxUseless {
			records = peer.UpdateKeys(records, false)
		}
		records, data = peer.Send(records, []byte("x")), append(data, 'x')
	}
	return records, data
}
