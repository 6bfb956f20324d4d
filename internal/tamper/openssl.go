package tamper

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
)

// openssl is the program of this name, as it comes: s_client and s_server.
type openssl struct {
	program string
	dir     folder
}

func newOpenSSL(dir folder) *stack {
	o := openssl{"openssl", dir}
	s := &stack{name: "OpenSSL", client: o.client, server: o.server}
	if _, err := exec.LookPath(o.program); err != nil {
		s.absent = "there is no program openssl"
	}
	return s
}

// version returns the flags for one version.
func (o openssl) version(version uint16) []string {
	return map[uint16][]string{tls.VersionTLS12: {"-tls1_2"}, tls.VersionTLS13: {"-tls1_3"}}[version]
}

func (o openssl) command(ctx context.Context, version uint16, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.program, append(args, o.version(version)...)...)
	cmd.WaitDelay = silence
	return cmd
}

// client is s_client: its standard output is what it received, and its exit code
// is 0 if it took that for all.
func (o openssl) client(version uint16) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		entry, err := openDoor()
		if err != nil {
			raw.Close()
			return nil, err
		}
		ctx, kill := context.WithTimeout(ctx, patience)
		cmd := o.command(ctx, version, "s_client", "-quiet", "-connect", entry.Addr().String(), "-servername", serverName,
			"-CAfile", o.dir.file("roots.pem"), "-cert", o.dir.file("client.pem"))
		var out bytes.Buffer
		cmd.Stdout = &out
		if err = cmd.Start(); err != nil {
			kill()
			entry.Close()
			raw.Close()
			return nil, err
		}
		if err = entry.admit(raw.(halfCloser), ctx.Done()); err != nil {
			kill()
			return nil, errors.Join(err, cmd.Wait())
		}
		return &heard{end: kill, wait: func() ([]byte, error) {
			err := cmd.Wait()
			return out.Bytes(), err
		}}, nil
	}
}

// server is s_server, for one connection. What it received stands between what
// it says of the handshake and of the end; its exit code says nothing.
func (o openssl) server(version uint16) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		ctx, kill := context.WithTimeout(ctx, patience)
		cmd := o.command(ctx, version, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-Verify", "1",
			"-CAfile", o.dir.file("roots.pem"), "-cert", o.dir.file("server.pem"))
		said, err := o.open(cmd, raw.(halfCloser))
		if err != nil {
			kill()
			raw.Close()
			return nil, err
		}
		return &heard{end: kill, wait: func() ([]byte, error) {
			out, err := io.ReadAll(said)
			return parseServer(out, errors.Join(err, cmd.Wait()))
		}}, nil
	}
}

// open starts the server and connects the link to it.
func (o openssl) open(cmd *exec.Cmd, near halfCloser) (*bufio.Reader, error) {
	if _, err := cmd.StdinPipe(); err != nil { // at its end the server would stop
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	said := bufio.NewReader(out)
	for {
		line, err := said.ReadString('\n')
		if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "ACCEPT "); ok {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				cmd.Process.Kill() // an error here means that it has ended
				return nil, errors.Join(err, cmd.Wait())
			}
			go bridge(near, conn.(*net.TCPConn))
			return said, nil
		}
	}
}

// parseServer finds what the server received in all that it wrote. It was told
// that this was all if it is done, and not in error.
func parseServer(out []byte, err error) ([]byte, error) {
	_, rest, shook := bytes.Cut(out, []byte("Secure Renegotiation IS "))
	if !shook {
		return nil, errors.Join(err, errors.New("no handshake"))
	}
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	const done, failed = "DONE\nshutting down SSL\n", "ERROR\nshutting down SSL\n"
	for _, end := range []string{done, failed} {
		if got, _, ok := bytes.Cut(rest, []byte(end)); ok {
			if end == failed {
				err = errors.Join(err, errors.New("an error"))
			}
			return got, err
		}
	}
	return rest, errors.Join(err, fmt.Errorf("no end"))
}
