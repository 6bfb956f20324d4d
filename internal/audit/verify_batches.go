package audit

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// meaning checks what the entries say: that each can be read, that each batch
// of events is signed by its proxy, and that none is missing.
func (c *checker) meaning(roots verify.Roots) error {
	c.report.Kinds = map[Kind]int{}
	m := &meaning{checker: c, roots: roots, issued: map[string]string{}, proxies: map[spiffeid.ID]*sequence{}}
	if err := c.each(m.take); err != nil {
		return err
	}
	m.endBatch()
	c.report.Proxies = len(m.proxies)
	return nil
}

type meaning struct {
	*checker
	roots   verify.Roots
	issued  map[string]string // the keys of proxies' own certificates, by serial
	proxies map[spiffeid.ID]*sequence

	open  *Batch // whose events follow
	at    int64  // its entry
	file  string
	proxy spiffeid.ID
	batch api.Batch // as far as it has come
}

// sequence is what is known of a proxy's batches.
type sequence struct {
	signer *pki.Certificate
	runs   map[string]uint64 // the last batch of each run: two processes of one name have one each
}

func (m *meaning) take(n int64, raw []byte, file string) error {
	e, err := decode(raw)
	if err != nil {
		m.problem(Damaged, file, n, "", "entry %d is no entry of an audit log", n)
		return nil
	}
	m.report.Kinds[e.Kind]++
	if m.open != nil && len(m.batch.Events) == m.open.Events {
		m.endBatch()
	}
	switch e.Kind {
	case Decided, Ending, Warning, Disowned:
		if m.open == nil || e.Proxy != m.proxy {
			m.problem(BatchUnsigned, file, n, "", "entry %d is an event of no batch", n)
			return nil
		}
		m.batch.Events = append(m.batch.Events, e.Event)
		return nil
	}
	m.endBatch()
	switch {
	case e.Kind == Batched && e.Batch != nil:
		m.begin(n, file, e)
	case e.Kind == Signs:
		m.sign(n, file, e)
	case e.Kind == Issued && e.Issuance != nil && (e.Issuance.By == e.Issuance.ID || e.Issuance.By.IsZero()):
		m.issued[e.Issuance.Serial] = e.Issuance.Key
	case e.Kind == Lost:
		m.report.Losses += e.Gap
	}
	return nil
}

func (m *meaning) of(proxy spiffeid.ID) *sequence {
	if m.proxies[proxy] == nil {
		m.proxies[proxy] = &sequence{runs: map[string]uint64{}}
	}
	return m.proxies[proxy]
}

// sign notes the certificate that signs a proxy's batches from now on.
func (m *meaning) sign(n int64, file string, e Entry) {
	chain, err := parseChain(e.Signer)
	switch {
	case err != nil || chain[0].ID() != e.Proxy:
		m.problem(BatchUnsigned, file, n, "", "entry %d holds no certificate of %s", n, e.Proxy)
		return
	case m.issued[chain[0].Serial()] != "" && m.issued[chain[0].Serial()] != chain[0].PublicKey().PinText():
		m.problem(BatchUnsigned, file, n, m.issued[chain[0].Serial()], "entry %d holds a certificate with another key than the one that was issued with its serial", n)
		return
	}
	if !m.roots.IsZero() {
		if _, err := verify.Verify(chain, verify.Options{Roots: m.roots, Name: verify.ID(e.Proxy), Purpose: verify.ClientAuth, Now: e.Time}); err != nil {
			m.problem(BatchUnsigned, file, n, "", "the certificate of %s in entry %d is not of the trust domain: %s", e.Proxy, n, fault.Text(err))
			return
		}
	}
	m.of(e.Proxy).signer = chain[0]
}

func parseChain(ders [][]byte) (chain []*pki.Certificate, err error) {
	for _, der := range ders {
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, fault.New(BatchUnsigned, "there is no certificate").WithHint("run authority and proxy with the same version of signet")
	}
	return chain, nil
}

// begin takes up a batch, and holds its number against those before it. Numbers
// that are left out are in order where the proxy itself has said that events
// were lost.
func (m *meaning) begin(n int64, file string, e Entry) {
	b, s := e.Batch, m.of(e.Proxy)
	m.open, m.at, m.file, m.proxy = b, n, file, e.Proxy
	m.batch = api.Batch{Run: b.Run, Number: b.Number, Events: []json.RawMessage{}, Lost: b.Lost}
	last := s.runs[b.Run]
	next := last + 1
	switch {
	case b.Number < next:
		m.problem(BatchMissing, file, n, "", "entry %d is batch %d of %s, whose batch %d was there before", n, b.Number, e.Proxy, last)
	case b.Number > next && b.Lost == 0 && len(s.runs) > 0:
		m.problem(BatchMissing, file, n, fmt.Sprintf("batch %d of %s", next, e.Proxy), "entry %d is batch %d of %s: those from %d on are missing", n, b.Number, e.Proxy, next)
	}
	s.runs[b.Run] = max(last, b.Number)
}

// endBatch checks the signature over a batch that is complete.
func (m *meaning) endBatch() {
	if m.open == nil {
		return
	}
	b, signer := m.open, m.of(m.proxy).signer
	m.open = nil
	switch {
	case len(m.batch.Events) != b.Events:
		m.problem(BatchUnsigned, m.file, m.at, "", "entry %d is a batch of %d events, and %d follow", m.at, b.Events, len(m.batch.Events))
	case signer == nil || signer.Serial() != b.Serial:
		m.problem(BatchUnsigned, m.file, m.at, "a signer with the serial "+b.Serial, "the certificate that signed the batch in entry %d is not in the log", m.at)
	case pki.VerifyFile(signer.PublicKey(), bytes.NewReader(m.batch.Signed(m.proxy)), b.Signature) != nil:
		m.problem(BatchUnsigned, m.file, m.at, "", "the batch in entry %d is not as %s signed it", m.at, m.proxy)
	default:
		m.report.Signatures++
	}
}
