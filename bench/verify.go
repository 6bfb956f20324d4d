package main

import (
	"bufio"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// chains is how many chains of three certificates a pass verifies: the same root
// and intermediate, each with another leaf.
const chains = 300

const host = "www.example.com"

// verifyChains measures how long it takes from the DER of a chain to the
// verdict: with nothing known before; with the intermediate parsed, and its
// signature remembered; and again for what was verified already.
func verifyChains(out io.Writer, rounds int, _ []string) error {
	folder, err := os.MkdirTemp("", "bench-verify-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	peers := buildPeers(out, folder)
	for _, kind := range []pki.KeyKind{pki.P256, pki.RSA(2048)} {
		made, err := makeChains(kind)
		if err != nil {
			return err
		}
		contenders, err := made.contenders()
		if err != nil {
			return err
		}
		for _, peer := range peers {
			running, err := peer.start(made, folder)
			if err != nil {
				return err
			}
			defer running.stop()
			contenders = append(contenders, contender{peer.name, running.pass})
		}
		fmt.Fprintf(out, "\n%s, %d rounds\n", kind, rounds)
		results, err := compare(rounds, contenders)
		if err != nil {
			return err
		}
		if err := table(out, results, "crypto/x509, cold", chains, "chain"); err != nil {
			return err
		}
	}
	return nil
}

// made are chains for one kind of key, in DER.
type made struct {
	now                time.Time
	leaves             [][]byte
	intermediate, root []byte
}

func makeChains(kind pki.KeyKind) (*made, error) {
	m := &made{now: time.Now()}
	var keys [3]crypto.Signer
	for i := range keys {
		key, err := pki.GenerateKey(kind)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	root, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Bench Root", Key: keys[0], Now: m.now})
	if err != nil {
		return nil, err
	}
	intermediate, err := root.New(pki.Spec{Profile: pki.Intermediate, Name: "Bench Intermediate", Key: keys[1], Now: m.now})
	if err != nil {
		return nil, err
	}
	m.root, m.intermediate = root.Leaf().Raw(), intermediate.Leaf().Raw()
	for range chains {
		leaf, err := intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{host}, Key: keys[2], Now: m.now})
		if err != nil {
			return nil, err
		}
		m.leaves = append(m.leaves, leaf.Leaf().Raw())
	}
	return m, nil
}

func (m *made) contenders() ([]contender, error) {
	intermediate, err := pki.ParseCertificate(m.intermediate)
	if err != nil {
		return nil, err
	}
	roots, err := m.roots()
	if err != nil {
		return nil, err
	}
	others, err := m.roots()
	if err != nil {
		return nil, err
	}
	asked := verify.Options{Roots: roots, Name: verify.Host(host), Now: m.now}
	var parsed [][]*pki.Certificate
	for _, der := range m.leaves {
		leaf, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, []*pki.Certificate{leaf, intermediate})
	}
	var seen verify.Verifier // all chains
	for _, chain := range parsed {
		if _, err := seen.Verify(chain, asked); err != nil {
			return nil, err
		}
	}
	again := func(asked verify.Options) func(i int) error {
		return func(i int) error {
			_, err := seen.Verify(parsed[i], asked)
			return err
		}
	}
	later, otherwise := asked, asked
	later.Now = asked.Now.Add(time.Hour)
	return []contender{
		{"crypto/x509, cold", m.pass(m.x509)},
		{"signet, cold", m.pass(m.cold)},
		{"signet, intermediate known", func() (time.Duration, error) {
			var some verify.Verifier
			if _, err := some.Verify(parsed[0], asked); err != nil {
				return 0, err
			}
			return m.pass(func(i int) error {
				leaf, err := pki.ParseCertificate(m.leaves[i])
				if err == nil && i > 0 {
					_, err = some.Verify([]*pki.Certificate{leaf, intermediate}, asked)
				}
				return err
			})()
		}},
		{"signet, again an hour later", m.pass(again(later))},
		{"signet, again with new roots", func() (time.Duration, error) {
			otherwise.Roots = others
			var err error
			others, err = m.roots() // the next round asks for others again
			if err != nil {
				return 0, err
			}
			return m.pass(again(otherwise))()
		}},
	}, nil
}

func (m *made) roots() (verify.Roots, error) {
	root, err := pki.ParseCertificate(m.root)
	if err != nil {
		return verify.Roots{}, err
	}
	return verify.NewRoots("bench", root)
}

// pass does the work for each of the leaves.
func (m *made) pass(do func(i int) error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		runtime.GC() // what others have left behind is not this one's work
		before := cpuTime()
		for i := range m.leaves {
			if err := do(i); err != nil {
				return 0, err
			}
		}
		return cpuTime() - before, nil
	}
}

// cold knows nothing beforehand but three certificates in DER.
func (m *made) cold(i int) error {
	roots, err := m.roots()
	if err != nil {
		return err
	}
	var chain []*pki.Certificate
	for _, der := range [][]byte{m.leaves[i], m.intermediate} {
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			return err
		}
		chain = append(chain, cert)
	}
	_, err = verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Host(host), Now: m.now})
	return err
}

func (m *made) x509(i int) error {
	var certs [3]*x509.Certificate
	for j, der := range [][]byte{m.leaves[i], m.intermediate, m.root} {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certs[j] = cert
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	others.AddCert(certs[1])
	roots.AddCert(certs[2])
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: host, CurrentTime: m.now})
	return err
}

// peer is a program of another library, made from source in bench/peers.
type peer struct{ name, path string }

// buildPeers makes the programs of other libraries, as far as their compilers
// are here.
func buildPeers(out io.Writer, folder string) []peer {
	var built []peer
	for _, p := range []struct {
		name    string
		command []string
		path    string
		next    string
	}{
		{"OpenSSL, cold", []string{"cc", "-O2", "-o", filepath.Join(folder, "openssl"), "bench/peers/openssl.c", "-lcrypto"},
			filepath.Join(folder, "openssl"), "install gcc and libssl-dev"},
		{"rustls-webpki, cold", []string{"cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", "bench/peers/webpki/Cargo.toml", "--target-dir", ".cache/webpki"},
			".cache/webpki/release/webpki-peer", "install Rust"},
	} {
		if text, err := exec.Command(p.command[0], p.command[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(out, "%s is not measured: %v %s; next: %s\n", p.name, err, firstLine(text), p.next)
			continue
		}
		built = append(built, peer{p.name, p.path})
	}
	return built
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// running is a started peer: it verifies its chain as often as it is told, and
// answers with the CPU time in nanoseconds.
type running struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (p peer) start(m *made, folder string) (*running, error) {
	args := make([]string, 0, 5)
	for name, der := range map[string][]byte{"0.der": m.leaves[0], "1.der": m.intermediate, "2.der": m.root} {
		if err := os.WriteFile(filepath.Join(folder, name), der, 0o600); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"0.der", "1.der", "2.der"} {
		args = append(args, filepath.Join(folder, name))
	}
	path, err := filepath.Abs(p.path)
	if err != nil {
		return nil, err
	}
	r := &running{cmd: exec.Command(path, append(args, host, strconv.FormatInt(m.now.Unix(), 10))...)}
	r.cmd.Stderr = os.Stderr
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(output)
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = r.pass() // it has read its files when it answers
	return r, err
}

func (r *running) pass() (time.Duration, error) {
	if _, err := fmt.Fprintln(r.in, chains); err != nil {
		return 0, err
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("it does not answer: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return time.Duration(nanoseconds), err
}

func (r *running) stop() {
	r.in.Close()
	r.cmd.Wait()
}
