package engine_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/internal/peers"
)

// peer is testdata/peer.py: the other end of a connection, by pyOpenSSL.
type peer struct {
	t    testing.TB
	to   io.Writer
	from *bufio.Reader
	out  []byte // what it has for us
}

// wish is what a connection of the peer shall be.
type wish struct {
	Role    string   `json:"role"`
	Version string   `json:"version"`
	Suite   string   `json:"suite"`
	Group   string   `json:"group"`
	NoEMS   bool     `json:"no_ems"`
	Roots   string   `json:"roots"`
	Chain   string   `json:"chain"`
	Key     string   `json:"key"`
	Verify  bool     `json:"verify"`
	ALPN    []string `json:"alpn"`
	Host    string   `json:"host"`
	Resume  bool     `json:"resume"`
}

// facts are what it knows of its connection.
type facts struct {
	Error   string `json:"error"`
	Version string `json:"version"`
	Suite   string `json:"suite"`
	Group   string `json:"group"`
	ALPN    string `json:"alpn"`
	ID      string `json:"id"`
	Resumed bool   `json:"resumed"`
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peers.Python(t), "testdata/peer.py")
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		to.Close()
		cmd.Wait()
	})
	return &peer{t: t, to: to, from: bufio.NewReader(from)}
}

// ask does one operation and returns the state after it, and the answer.
func (p *peer) ask(op byte, payload []byte) (state byte, answer []byte) {
	p.t.Helper()
	request := binary.BigEndian.AppendUint32([]byte{op}, uint32(len(payload)))
	if _, err := p.to.Write(append(request, payload...)); err != nil {
		p.t.Fatal(err)
	}
	var header struct {
		State       byte
		Out, Answer uint32
	}
	if err := binary.Read(p.from, binary.BigEndian, &header); err != nil {
		p.t.Fatal("the peer has ended: ", err)
	}
	body := make([]byte, header.Out+header.Answer)
	if _, err := io.ReadFull(p.from, body); err != nil {
		p.t.Fatal(err)
	}
	p.out = append(p.out, body[:header.Out]...)
	return header.State, body[header.Out:]
}

// feed gives it bytes, in pieces of size.
func (p *peer) feed(data []byte, size int) {
	p.t.Helper()
	if len(data) > 0 {
		p.ask('F', append(binary.BigEndian.AppendUint32(nil, uint32(size)), data...))
	}
}

func (p *peer) get() (data string, state byte) {
	p.t.Helper()
	state, answer := p.ask('G', nil)
	return string(answer), state
}

func (p *peer) facts() (f facts) {
	p.t.Helper()
	_, answer := p.ask('Q', nil)
	if err := json.Unmarshal(answer, &f); err != nil {
		p.t.Fatal(err)
	}
	return f
}

// carryTo feeds to the engine what the peer has for it, in pieces of size, and
// goes on with the handshake at each. It reports whether there was any.
func (p *peer) carryTo(e *engine.Engine, size int) bool {
	p.t.Helper()
	data := p.out
	p.out = nil
	for start := 0; start < len(data); start += size {
		if err := e.Feed(data[start:min(start+size, len(data))]); err != nil {
			p.t.Fatal(err)
		}
		e.Handshake()
	}
	return len(data) > 0
}

// shake takes the engine and a new connection of the peer through the handshake.
func (p *peer) shake(e *engine.Engine, w wish, size int) error {
	p.t.Helper()
	begun, err := json.Marshal(w)
	if err != nil {
		p.t.Fatal(err)
	}
	p.out = nil
	p.ask('N', begun)
	for range 100 {
		err := e.Handshake()
		ours := e.Drain()
		p.feed(ours, size)
		if !p.carryTo(e, size) && len(ours) == 0 {
			return err
		}
	}
	p.t.Fatal("the handshake does not end")
	return nil
}
