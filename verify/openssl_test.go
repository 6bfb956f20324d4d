package verify_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// The differential proof: OpenSSL's verdict and number for a chain, asked through
// pyOpenSSL or recorded, are ours, or the difference is a row of
// testdata/openssl.json with its reason. A row without its difference fails too.

const (
	opensslRows   = "testdata/openssl.json"
	opensslRecord = "testdata/openssl.answers.json.gz"
)

// OpenSSL's flags (openssl/x509_vfy.h, X509_V_FLAG_*).
const (
	crlCheck        = 0x4
	crlCheckAll     = 0x8
	strict          = 0x20
	policyCheck     = 0x80
	requireExplicit = 0x100
	inhibitAny      = 0x200
	inhibitMap      = 0x400
	extendedCRL     = 0x1000
	useDeltas       = 0x2000
	partialChain    = 0x80000 // an anchor need not be self-signed
)

// asked is a chain, with what is asked of it, for tools/verify.py.
type asked struct {
	Chain    [][]byte `json:"chain"`
	Anchors  [][]byte `json:"anchors"`
	Lists    [][]byte `json:"lists"`
	Time     int64    `json:"time"`
	Host     string   `json:"host"`
	Purpose  string   `json:"purpose"`
	Flags    int      `json:"flags"`
	Policies []string `json:"policies"` // the caller's: the program openssl is asked
}

// difference is one kind of difference that is known.
type difference struct {
	Expected int      `json:"expected"` // OpenSSL's number, 0 if it accepts, -1 if it reads no such certificate
	Actual   int      `json:"actual"`   // ours, 1 if we refuse and have none
	Reason   string   `json:"reason"`
	IDs      []string `json:"ids"` // of the chains, every one of them
}

// opensslJudge asks OpenSSL, and remembers what it said.
type opensslJudge struct {
	t       *testing.T
	in      *bufio.Writer
	out     *bufio.Scanner
	answers map[string]int // by ID; -1 if OpenSSL does not read a certificate
	found   []string       // the differences, "ID: ours, not theirs"
	agreed  int
}

// newOpenSSLJudge asks the running peer; where that is absent, what it said before
// is read from the record.
func newOpenSSLJudge(t *testing.T) *opensslJudge {
	t.Helper()
	if testing.Short() {
		t.Skip("thousands of chains, which take their time; run without -short")
	}
	j := &opensslJudge{t: t, answers: map[string]int{}}
	if !peers.HasPython(t) {
		j.answers = readRecord(t)
		t.Log("the peer is absent, its record is read; next: make peers")
		return j
	}
	cmd := exec.Command(peers.Python(t), "../tools/verify.py")
	cmd.Stderr = os.Stderr
	in, out := testpki.Must(cmd.StdinPipe()), testpki.Must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	j.in, j.out = bufio.NewWriter(in), bufio.NewScanner(out)
	j.out.Scan()
	t.Logf("the peer is %s", j.out.Text())
	return j
}

// ask returns OpenSSL's number.
func (j *opensslJudge) ask(id string, question asked) int {
	j.t.Helper()
	if j.in == nil {
		number, known := j.answers[id]
		if !known {
			j.t.Errorf("%s: no answer is recorded; next: go test ./verify -run TestOpenSSL -update", id)
		}
		return number
	}
	var said struct {
		Error      int
		Unreadable string
	}
	j.in.Write(append(testpki.Must(json.Marshal(question)), '\n'))
	if err := j.in.Flush(); err != nil || !j.out.Scan() {
		j.t.Fatalf("the peer does not answer: %v, %v", err, j.out.Err())
	}
	if err := json.Unmarshal(j.out.Bytes(), &said); err != nil {
		j.t.Fatal(err)
	}
	if said.Unreadable != "" {
		said.Error = -1
	}
	j.answers[id] = said.Error
	return said.Error
}

// compare holds our verdict and number against OpenSSL's. Where both refuse, and
// there is no number for our code, they agree.
func (j *opensslJudge) compare(id string, question asked, code fault.Code, check *verify.Check) {
	j.t.Helper()
	ours := 0
	if check != nil {
		ours = check.OpenSSL
	}
	theirs := j.ask(id, question)
	if (code == "") == (theirs == 0) && (ours == 0 || ours == theirs) {
		j.agreed++
		return
	}
	if code != "" && ours == 0 {
		ours = 1 // X509_V_ERR_UNSPECIFIED
	}
	j.found = append(j.found, fmt.Sprintf("%s: %d, not %d", id, ours, theirs))
}

func ders(certs []*pki.Certificate) (all [][]byte) {
	for _, cert := range certs {
		all = append(all, cert.Raw())
	}
	return all
}

// bitIf returns a flag of OpenSSL's if it is wanted.
func bitIf(wanted bool, bit int) int {
	if wanted {
		return bit
	}
	return 0
}

// opensslQuestion is what a case asks; false if pyOpenSSL cannot be asked it:
// it has no profiles, lengths of paths, or OCSP, and its budgets are others.
func opensslQuestion(c testpki.Case) (asked, bool) {
	if c.Profile != "" || c.MaxIntermediates != nil || c.Code == verify.BudgetExceeded || c.Responses != nil || len(c.Credential.Chain) == 0 {
		return asked{}, false
	}
	question := asked{Chain: ders(c.Credential.Chain), Anchors: ders(c.Roots), Time: now.Unix(), Host: c.Host, Purpose: "server",
		Flags: strict | partialChain | policyCheck | bitIf(c.RequirePolicy, requireExplicit) | bitIf(c.InhibitMapping, inhibitMap) |
			bitIf(c.InhibitAnyPolicy, inhibitAny) | bitIf(c.Revocation, crlCheck|crlCheckAll|extendedCRL)}
	for _, list := range c.Lists {
		question.Lists = append(question.Lists, list.Raw())
	}
	if question.Policies = texts(c.Policies); c.RequirePolicy && c.Policies == nil {
		question.Policies = texts([]pki.OID{pki.OIDAnyPolicy})
	}
	if c.Client {
		question.Purpose = "client"
	}
	return question, true
}

// texts are the policies as OpenSSL takes them, which means by none that none is
// accepted, not any.
func texts(policies []pki.OID) (all []string) {
	for _, policy := range policies {
		all = append(all, policy.String())
	}
	return all
}

// TestOpenSSLKinds: every kind, at every place of chains of two to five
// certificates, and of three with other kinds of keys.
func TestOpenSSLKinds(t *testing.T) {
	t.Parallel()
	j := newOpenSSLJudge(t)
	bench := testpki.NewWorkbench(now)
	for _, kind := range testpki.Kinds() {
		for _, key := range []pki.KeyKind{pki.P256, pki.P384, pki.Ed25519, pki.RSA(2048)} {
			for length := 2; length <= 5; length++ {
				for at := range length {
					if !kind.Fits(key, length, at) || key != pki.P256 && length != 3 {
						continue
					}
					c := testpki.Must(bench.Make(kind, key, length, at))
					question, ok := opensslQuestion(c)
					if !ok {
						continue
					}
					code, check := judge(t, c)
					j.compare(fmt.Sprintf("%s | %s, %d of %d", kind.Name, key, at, length), question, code, check)
				}
			}
		}
	}
	if count := len(j.answers); count < 2000 {
		t.Errorf("%d chains are too few", count)
	}
	j.conclude("kinds")
}

// TestOpenSSLPKITS: every test of NIST's suite.
func TestOpenSSLPKITS(t *testing.T) {
	j := newOpenSSLJudge(t)
	tests, files := loadPKITS(t)
	for _, test := range tests {
		chain, lists, opts := test.question(files)
		question := asked{Chain: ders(chain), Anchors: [][]byte{files[test.Anchor]}, Time: opts.Now.Unix(), Purpose: "any", Policies: texts(opts.Policies),
			Flags: crlCheck | crlCheckAll | extendedCRL | useDeltas | policyCheck | bitIf(opts.RequirePolicy, requireExplicit) |
				bitIf(opts.InhibitMapping, inhibitMap) | bitIf(opts.InhibitAnyPolicy, inhibitAny)}
		for _, list := range lists {
			question.Lists = append(question.Lists, list.Raw())
		}
		code, check := headline(verify.Verify(chain, opts))
		j.compare("PKITS "+test.ID, question, code, check)
	}
	j.conclude("pkits")
}

// conclude holds the differences against the rows of one part of the file.
func (j *opensslJudge) conclude(part string) {
	t := j.t
	t.Helper()
	t.Logf("%s: %d agree, %d differ", part, j.agreed, len(j.found))
	parts := map[string][]difference{}
	if err := json.Unmarshal(testpki.Must(os.ReadFile(opensslRows)), &parts); err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, row := range parts[part] {
		for _, id := range row.IDs {
			reasons[fmt.Sprintf("%s: %d, not %d", id, row.Actual, row.Expected)] = row.Reason
		}
	}
	if *update {
		parts[part] = j.rows(reasons)
		writeJSON(t, opensslRows, parts)
		j.record()
		return
	}
	for _, found := range j.found {
		if reasons[found] == "" {
			t.Errorf("a difference without a row, or a row without a reason: %s", found)
		}
		delete(reasons, found)
	}
	for missing := range reasons {
		t.Errorf("a row without its difference: %s", missing)
	}
}

// rows are the differences that were found, with the reasons that are known.
func (j *opensslJudge) rows(reasons map[string]string) (rows []difference) {
	for _, found := range j.found {
		id, numbers, _ := strings.Cut(found, ": ")
		row := difference{Reason: reasons[found], IDs: []string{id}}
		fmt.Sscanf(numbers, "%d, not %d", &row.Actual, &row.Expected)
		same := slices.IndexFunc(rows, func(other difference) bool {
			return other.Expected == row.Expected && other.Actual == row.Actual && other.Reason == row.Reason && (row.Reason != "" || family(other.IDs[0]) == family(id))
		})
		if same < 0 {
			rows = append(rows, row)
		} else {
			rows[same].IDs = append(rows[same].IDs, id)
		}
	}
	return rows
}

// family is the kind of a chain: its ID without keys and place.
func family(id string) string {
	kind, _, _ := strings.Cut(id, " | ")
	return kind
}

func writeJSON(t *testing.T, name string, value any) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// record keeps what the peer has said.
func (j *opensslJudge) record() {
	recorded := readRecord(j.t)
	maps.Copy(recorded, j.answers)
	var out bytes.Buffer
	packer := testpki.Must(gzip.NewWriterLevel(&out, gzip.BestCompression))
	if err := cmp.Or(json.NewEncoder(packer).Encode(recorded), packer.Close(), os.WriteFile(opensslRecord, out.Bytes(), 0o644)); err != nil {
		j.t.Fatal(err)
	}
}

func readRecord(t *testing.T) map[string]int {
	t.Helper()
	recorded := map[string]int{}
	if _, err := os.Stat(opensslRecord); err != nil && *update {
		return recorded
	}
	if err := json.Unmarshal(unzip(t, opensslRecord), &recorded); err != nil {
		t.Fatal(err)
	}
	return recorded
}
