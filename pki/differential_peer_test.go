package pki_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// peer is a running tools/facts.py.
type peer struct {
	t   *testing.T
	in  *bufio.Writer
	out *bufio.Scanner
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	cmd := exec.Command(peers.Python(t), "../tools/facts.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 16<<20)
	return &peer{t, bufio.NewWriter(in), scanner}
}

// ask returns what the peer reads in data, and what is read here meanwhile.
func (p *peer) ask(kind string, data []byte) (theirs, ours readings) {
	p.t.Helper()
	p.send(kind, data)
	ours = ourFacts(p.t, kind, data)
	return p.receive(), ours
}

func (p *peer) send(kind string, data []byte) {
	p.t.Helper()
	request, err := json.Marshal(map[string]string{"kind": kind, "data": base64.StdEncoding.EncodeToString(data)})
	if err != nil {
		p.t.Fatal(err)
	}
	p.in.Write(append(request, '\n'))
	if err := p.in.Flush(); err != nil {
		p.t.Fatalf("the peer does not listen: %v", err)
	}
}

func (p *peer) receive() (answer readings) {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the peer does not answer: %v", p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		p.t.Fatal(err)
	}
	return answer
}
