package verify_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
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
			if block == nil {
				return errors.New("a certificate is no PEM")
			}
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
	names := c.Names
	if c.Name != nil {
		names = append(names, *c.Name)
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
	chain := append(parsed[2], parsed[1]...)
	for _, name := range names {
		opts.Name = name.asked()
		if _, err := verify.Verify(chain, opts); err != nil {
			return err
		}
	}
	_, err = verify.Verify(chain, opts)
	return err
}

// asked is the name as we ask for it.
func (n limboName) asked() verify.Name {
	if n.Kind == "RFC822" {
		return verify.Email(n.Value)
	}
	return verify.Host(n.Value)
}

// wantedCodes reads the code that each must-fail case of a suite must have for its
// headline. It was set from what the suite says of the case, not from our verdict.
func wantedCodes(t *testing.T, name string) map[string]fault.Code {
	t.Helper()
	var codes map[string]fault.Code
	if err := json.Unmarshal(testpki.Must(os.ReadFile(name)), &codes); err != nil {
		t.Fatal(err)
	}
	return codes
}

// limboTally counts the cases of one namespace.
type limboTally struct{ agreed, accepts, rejects, codes, otherCodes, unknown int }

// TestLimbo holds our verdicts against those of the x509-limbo suite, and our
// headlines against testdata/limbo-codes.json. SIGNET_LIMBO names another file of
// the suite's form: of cases that are not in ours the verdict alone is compared.
func TestLimbo(t *testing.T) {
	t.Parallel()
	codes := wantedCodes(t, "testdata/limbo-codes.json")
	tallies, others := map[string]*limboTally{}, map[fault.Code]int{}
	for _, c := range loadLimbo(t) {
		namespace, _, _ := strings.Cut(c.ID, "::")
		sum := tallies[namespace]
		if sum == nil {
			sum = new(limboTally)
			tallies[namespace] = sum
		}
		if problem := sum.count(c, codes[c.ID], others); problem != "" && sum.accepts+sum.rejects+sum.otherCodes <= 100 {
			t.Errorf("%s: %s", c.ID, problem)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(others)) {
		t.Logf("of the refusals of which none is known %d have %s", others[code], code)
	}
	for _, namespace := range slices.Sorted(maps.Keys(tallies)) {
		sum := tallies[namespace]
		t.Logf("%-14s %5d agreed, %d falsely accepted, %d falsely rejected; of the refusals %d have the code that is wanted, %d another, %d none is known of",
			namespace, sum.agreed, sum.accepts, sum.rejects, sum.codes, sum.otherCodes, sum.unknown)
	}
}

// count judges a case, and says what is wrong with that, or "". Refusals of which
// no code is known are counted in others.
func (sum *limboTally) count(c limboCase, want fault.Code, others map[fault.Code]int) string {
	err := c.judge()
	have, _ := fault.Of(err)
	switch {
	case err == nil && c.Expected != "SUCCESS":
		sum.accepts++
		return "accepted, must fail"
	case err != nil && c.Expected == "SUCCESS":
		sum.rejects++
		return "must pass, have " + err.Error()
	}
	sum.agreed++
	switch {
	case err == nil:
	case want == "":
		sum.unknown++
		if have != nil {
			others[have.Code]++
		}
	case errors.Is(err, want):
		sum.codes++
	default:
		sum.otherCodes++
		return fmt.Sprintf("want %s, have %v", want, err)
	}
	return ""
}
