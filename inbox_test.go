package signet

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
)

// stream is records of all lengths at which something begins or ends, and what they are
// one behind the other.
func stream() (records [][]byte, all []byte) {
	for i, length := range []int{0, 1, 2, 512, 0, 0, 16 << 10, 16<<10 + 256, 3, 65535, 7, 100} {
		record := binary.BigEndian.AppendUint16([]byte{recordAppData, 3, 3}, uint16(length))
		record = append(record, bytes.Repeat([]byte{byte(i)}, length)...)
		records, all = append(records, record), append(all, record...)
	}
	return records, all
}

// TestInbox has records arrive in pieces of every kind, and reads them by buffers of
// every size: no read crosses the end of a record, and nothing is lost.
func TestInbox(t *testing.T) {
	records, all := stream()
	ends, at := map[int]bool{}, 0
	for _, record := range records {
		at += len(record)
		ends[at] = true
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		in, have := new(inbox), []byte(nil)
		for rest := all; len(have) < len(all); {
			if !in.ready() {
				n := min(len(rest), 1+random.IntN(1<<random.IntN(18)))
				in.data, rest = rest[:n], rest[n:]
			}
			p := make([]byte, 1+random.IntN(1<<random.IntN(18)))
			n, err := in.Read(p)
			if err != nil || n == 0 {
				t.Fatalf("read %d bytes, %v", n, err)
			}
			for i := len(have) + 1; i < len(have)+n; i++ {
				if ends[i] {
					t.Fatalf("a read of %d bytes from %d crosses the end of a record at %d", n, len(have), i)
				}
			}
			have = append(have, p[:n]...)
		}
		if !bytes.Equal(have, all) {
			t.Fatal("what was read is not what was sent")
		}
	}
}

// TestInboxAlert has an alert in the clear stand behind data: they come together.
func TestInboxAlert(t *testing.T) {
	data := []byte{recordAppData, 3, 3, 0, 1, 'x', recordAlert, 3, 3, 0, 2, 1, 0, recordAppData, 3, 3, 0, 0}
	in := &inbox{data: data}
	p := make([]byte, 100)
	if n, err := in.Read(p); n != 13 || err != nil {
		t.Errorf("read %d bytes, %v; want 13", n, err)
	}
}

// TestInboxHoldsNothing has a socket that has nothing, then something, then an end.
func TestInboxHoldsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	in := newInbox(near)
	if in == nil {
		t.Skip("a socket here is read by its own Read")
	}
	if raw := socketOf(near); raw == nil || raw.Read(func(fd uintptr) bool { in.arrived(fd); return true }) != nil || in.buffer != nil || in.ready() {
		t.Errorf("of a socket without anything there is %v, and a buffer %v", in.data, in.buffer)
	}
	far.Write([]byte{recordAppData, 3, 3, 0, 1, 'x'})
	far.Close()
	in.await(true)
	p := make([]byte, 10)
	if n, err := in.Read(p); n != 6 || err != nil || in.buffer != nil {
		t.Errorf("read %d bytes, %v; the buffer is %v", n, err, in.buffer)
	}
	in.await(true)
	if n, err := in.Read(p); n != 0 || err != io.EOF || in.buffer != nil || in.ready() {
		t.Errorf("read %d bytes, %v at the end; the buffer is %v", n, err, in.buffer)
	}
	if newInbox(struct{ net.Conn }{near}) != nil {
		t.Error("a connection of the caller's own kind is read past its Read")
	}
}

// writes keeps each write by itself.
type writes struct {
	net.Conn
	all  [][]byte
	fail error
}

func (w *writes) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.all = append(w.all, bytes.Clone(p))
	return len(p), nil
}

// TestOutbox writes records one by one, and looks what leaves together.
func TestOutbox(t *testing.T) {
	full := bytes.Repeat([]byte{'f'}, maxRecord+22)
	short := []byte("short")
	sizes := func(all [][]byte) (sizes []int) {
		for _, p := range all {
			sizes = append(sizes, len(p))
		}
		return sizes
	}
	for _, test := range []struct {
		name    string
		expect  int // bytes of a Write
		records [][]byte
		want    []int
		behind  []int // with settle
	}{
		{"one by itself", 0, [][]byte{short, full}, []int{len(short), len(full)}, nil},
		{"two of a Write", maxRecord + 1, [][]byte{full, short}, []int{len(full) + len(short)}, nil},
		{"more than have room", 34 * maxRecord, slices.Repeat([][]byte{full}, 34), []int{32 * len(full), 2 * len(full)}, nil},
		{"another's in between", 2 * maxRecord, [][]byte{short, full, full}, []int{len(short) + len(full), len(full)}, nil},
		{"one that no buffer holds", 2 * maxRecord, [][]byte{short, bytes.Repeat(full, 33)}, []int{len(short), 33 * len(full)}, nil},
		{"a Write that ends early", 3 * maxRecord, [][]byte{short}, nil, []int{len(short)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o outbox
			conn := new(writes)
			if test.expect > 0 {
				o.expect(test.expect)
			}
			for _, record := range test.records {
				if n, err := o.Write(conn, record); n != len(record) || err != nil {
					t.Fatalf("wrote %d bytes, %v", n, err)
				}
			}
			if have := sizes(conn.all); !slices.Equal(have, test.want) {
				t.Errorf("have writes of %v, want %v", have, test.want)
			}
			conn.all = nil
			o.settle(conn)
			if have := sizes(conn.all); !slices.Equal(have, test.behind) || o.buffer != nil {
				t.Errorf("with settle %v leaves, want %v; the buffer is %v", have, test.behind, o.buffer)
			}
		})
	}
	var o outbox
	o.expect(2 * maxRecord)
	conn := new(writes)
	o.Write(conn, full)
	conn.fail = net.ErrClosed
	if _, err := o.Write(conn, full); err != net.ErrClosed || o.buffer != nil {
		t.Errorf("a failing connection is %v; the buffer is %v", err, o.buffer)
	}
}
