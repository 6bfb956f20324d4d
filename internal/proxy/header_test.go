package proxy_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/proxy"
)

// TestProxyHeader reads what a program hears before its client's first byte.
func TestProxyHeader(t *testing.T) {
	type heard struct {
		fixed, body []byte
		line        string
	}
	got := make(chan heard, 1)
	backend := program(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		h := heard{fixed: make([]byte, 16)}
		io.ReadFull(conn, h.fixed)
		h.body = make([]byte, binary.BigEndian.Uint16(h.fixed[14:]))
		io.ReadFull(conn, h.body)
		h.line, _ = bufio.NewReader(conn).ReadString('\n')
		got <- h
		conn.Write([]byte(h.line))
		io.Copy(io.Discard, conn)
	})
	w := newFileWorld(t, fileSetup{names: []string{"ann"}, service: func(s *proxy.Service) { s.Backend, s.Header = backend, true }})
	w.join(w.doors[0], "ann")
	h := <-got
	if string(h.fixed[:14]) != "\r\n\r\n\x00\r\nQUIT\n\x21\x11" || h.line != "ann\n" {
		t.Errorf("the header begins with %q, and behind it comes %q", h.fixed, h.line)
	}
	_, port, _ := net.SplitHostPort(w.service)
	if to := net.JoinHostPort(net.IP(h.body[4:8]).String(), ""); to != "127.0.0.1:" || port == "" {
		t.Errorf("the connection is to %s", to)
	}
	var opened api.Event
	w.events.count(func(e api.Event) bool {
		if e.Kind == api.Opened {
			opened = e
		}
		return false
	})
	values := map[byte]string{}
	for rest := h.body[12:]; len(rest) >= 3; {
		size := binary.BigEndian.Uint16(rest[1:])
		values[rest[0]], rest = string(rest[3:3+size]), rest[3+size:]
	}
	want := map[byte]string{0x05: opened.Conn, 0x20: "\x03\x00\x00\x00\x00\x21\x00\x07TLSv1.3", 0xE0: "spiffe://test.signet/ann"}
	if len(values) != len(want) || strings.HasPrefix(opened.Conn, "c") == false {
		t.Errorf("it says %q", values)
	}
	for kind, value := range want {
		if values[kind] != value {
			t.Errorf("TLV %#x is %q, want %q", kind, values[kind], value)
		}
	}
}
