package verify_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// limboCase is a case of the x509-limbo suite.
type limboCase struct {
	ID          string      `json:"id"`
	Description string      `json:"description"`
	Kind        string      `json:"validation_kind"`
	Trusted     []string    `json:"trusted_certs"`
	Untrusted   []string    `json:"untrusted_intermediates"`
	Leaf        string      `json:"peer_certificate"`
	Time        string      `json:"validation_time"`
	Usages      []string    `json:"extended_key_usage"`
	Expected    string      `json:"expected_result"`
	Name        *limboName  `json:"expected_peer_name"`
	Names       []limboName `json:"expected_peer_names"`
	MaxDepth    *int        `json:"max_chain_depth"`
	CRLs        []string    `json:"crls"`
}

type limboName struct{ Kind, Value string }

func loadLimbo(t *testing.T) []limboCase {
	t.Helper()
	path := os.Getenv("SIGNET_LIMBO")
	if path == "" {
		path = peers.Conformance(t, "limbo.json.gz")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(unpacked); err != nil {
			t.Fatal(err)
		}
	}
	var suite struct {
		Cases []limboCase `json:"testcases"`
	}
	if err := json.Unmarshal(data, &suite); err != nil {
		t.Fatal(err)
	}
	return suite.Cases
}

// judge returns what Verify says of the case.
func (c limboCase) judge() error {
	var parsed [][]*pki.Certificate
	for _, list := range [][]string{c.Trusted, c.Untrusted, {c.Leaf}} {
		var certs []*pki.Certificate
		for _, text := range list {
			block, _ := pem.Decode([]byte(text))
			cert, err := pki.ParseCertificate(block.Bytes)
			if err != nil {
				return err
			}
			certs = append(certs, cert)
		}
		parsed = append(parsed, certs)
	}
	roots, err := verify.NewRoots("limbo", parsed[0]...)
	if err != nil {
		return err
	}
	opts := verify.Options{Roots: roots, Name: verify.Any("the case asks for no name"), Now: time.Now(), Profile: verify.RFC5280, MaxIntermediates: c.MaxDepth}
	if strings.HasPrefix(c.ID, "webpki::") {
		opts.Profile = verify.WebPKI
	}
	if c.Time != "" {
		if opts.Now, err = time.Parse(time.RFC3339, c.Time); err != nil {
			return err
		}
	}
	if c.Kind == "CLIENT" {
		opts.Purpose = verify.ClientAuth
	}
	if c.Name != nil {
		opts.Name = verify.Host(c.Name.Value)
	}
	if len(c.CRLs) > 0 {
		lists, err := pki.ParseRevocationLists([]byte(strings.Join(c.CRLs, "\n")))
		if err != nil {
			return err
		}
		evidence, err := revocation.New(lists, nil)
		if err != nil {
			return err
		}
		opts.Revocation = &verify.Revocation{Evidence: evidence}
	}
	_, err = verify.Verify(append(parsed[2], parsed[1]...), opts)
	return err
}

func TestLimbo(t *testing.T) {
	type tally struct{ agreed, accepts, rejects int }
	tallies := map[string]*tally{}
	for _, c := range loadLimbo(t) {
		namespace, _, _ := strings.Cut(c.ID, "::")
		sum := tallies[namespace]
		if sum == nil {
			sum = new(tally)
			tallies[namespace] = sum
		}
		err := c.judge()
		switch {
		case (err == nil) == (c.Expected == "SUCCESS"):
			sum.agreed++
			continue
		case err == nil:
			sum.accepts++
		default:
			sum.rejects++
		}
		if !strings.HasPrefix(c.ID, "bettertls") || sum.accepts+sum.rejects < 10 {
			code := ""
			if e, ok := fault.Of(err); ok {
				code = string(e.Code)
			}
			t.Errorf("%s: want %s, have %s %v", c.ID, c.Expected, code, err)
		}
	}
	for namespace, sum := range tallies {
		t.Logf("%-14s %5d agreed, %d falsely accepted, %d falsely rejected", namespace, sum.agreed, sum.accepts, sum.rejects)
	}
}
