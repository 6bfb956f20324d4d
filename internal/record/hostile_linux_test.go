package record

import (
	"io"
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
