package pki_test

import (
	"bytes"
	"encoding/pem"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// mutants are so many; the seed makes them the same in each run.
const mutants = 10_000

// mutantKinds have about as many mutants each.
var mutantKinds = []string{"cert", "crl", "csr", "key", "pkcs12", "pkcs7", "public"}

// TestDifferentialMutants alters the files: a bit, a byte, a length, or the end.
// A row has what both sides say, without what is peculiar to one file, and the
// numbers of the mutants of which they say it.
func TestDifferentialMutants(t *testing.T) {
	p := startPeer(t)
	bases := map[string][]input{}
	for _, f := range vectors(t) {
		if len(f.data) <= 8<<10 && !(f.kind == "pkcs12" && strings.Contains(f.name, "PKITS")) {
			bases[f.kind] = append(bases[f.kind], f)
		}
	}
	random := rand.New(rand.NewPCG(2026, 11))
	numbers := map[row][]string{}
	agreed, answers := 0, 0
	for number := range mutants {
		kind := mutantKinds[number%len(mutantKinds)]
		base := bases[kind][random.IntN(len(bases[kind]))]
		data := mutate(random, base.data)
		theirs, ours := p.ask(kind, data)
		answers += len(theirs)
		rows := compare(t, kind, theirs, ours)
		for _, r := range rows {
			if *showMutants {
				t.Logf("%d, of %s: %+v\n%x", number, base.name, r, data)
			}
			r.Peer, r.Ours = shape(r.Peer), shape(r.Ours)
			numbers[r] = append(numbers[r], fmt.Sprint(number))
		}
		if len(rows) == 0 {
			agreed++
		}
	}
	var found []row
	for r, list := range numbers {
		r.Mutants = strings.Join(list, " ")
		found = append(found, r)
	}
	t.Logf("%d mutants: %d answers; %d mutants agree in all; %d rows of differences", mutants, answers, agreed, len(found))
	checkRows(t, "mutants", found)
}

var showMutants = flag.Bool("mutants", false, "show each mutant of which the peer and we differ")

// peculiar is what differs in errors of one kind: places, numbers and digests.
var peculiar = regexp.MustCompile(`\b[0-9a-f]{16,}\b|[0-9]+`)

// shape keeps of a value that it is one, and of an error which.
func shape(value string) string {
	if strings.HasPrefix(value, `"error`) || strings.HasPrefix(value, "refuse") {
		return peculiar.ReplaceAllString(value, "N")
	}
	if value == "accept" {
		return value
	}
	return "a value"
}

// mutate returns an altered copy: PEM is altered below its base64.
func mutate(random *rand.Rand, data []byte) []byte {
	if block, _ := pem.Decode(data); block != nil && block.Headers["DEK-Info"] == "" {
		block.Bytes = mutate(random, block.Bytes)
		return pem.EncodeToMemory(block)
	}
	if len(data) == 0 {
		return data
	}
	data = bytes.Clone(data)
	at := random.IntN(len(data))
	switch random.IntN(4) {
	case 0:
		data[at] ^= 1 << random.IntN(8)
	case 1:
		data[at] = byte(random.IntN(256))
	case 2: // a small number, which lengths often are
		data[at] += byte(random.IntN(5)) - 2
	case 3:
		data = data[:at]
	}
	return data
}
