package pkcs12

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	module "software.sslmate.com/src/go-pkcs12"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

var update = flag.Bool("update", false, "write testdata/structure.txt")

// bare takes a file's code of integrity away, so that what is altered in it is
// not refused for that alone.
func bare(t *testing.T, file []byte) []byte {
	t.Helper()
	whole := cryptobyte.String(file)
	var list, safes cryptobyte.String
	if !whole.ReadASN1(&list, asn1.SEQUENCE) || !list.SkipASN1(asn1.INTEGER) || !list.ReadASN1Element(&safes, asn1.SEQUENCE) {
		t.Fatal("no PKCS#12 file")
	}
	return sequence(integer(3), safes)
}

// TestStructure alters every element of files that nothing protects: what they
// hold is refused with a code. What is taken all the same is in
// testdata/structure.txt: lists that may be shorter, and names without a value.
func TestStructure(t *testing.T) {
	name := sequence(objectID(oidFriendlyName), tagged(asn1.SET, tagged(30, []byte("\x00h\x00i"))))
	files := []struct {
		name string
		data []byte
	}{
		{"plain", bare(t, made(t, plain(certBag(oidX509), bag(bagKey, pkcs8(t), name), bag(bagBags, sequence(bag(bagKey, pkcs8(t)))))))},
		{"AES", bare(t, modern(t, module.Modern2023, 1))},
		{"RC2", bare(t, modern(t, module.LegacyRC2, 1))},
		{"PBMAC1", modern(t, module.Modern2026, 1)},
	}
	var taken []string
	for _, file := range files {
		read := func(data []byte) error {
			store, err := parse(data, secret("secret"), 100)
			for i := 0; err == nil && i < len(store.Entries); i++ {
				err = store.Entries[i].Refused
			}
			return err
		}
		if err := read(file.data); err != nil {
			t.Fatalf("%s as it is: %v", file.name, err)
		}
		for how, altered := range testpki.Alter(file.data) {
			if err := read(altered); err == nil {
				taken = append(taken, file.name+": "+how)
			} else {
				peers.WantCoded(t, err)
			}
		}
	}
	const golden = "testdata/structure.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(taken, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(strings.TrimSpace(string(testpki.Must(os.ReadFile(golden)))), "\n")
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("taken although altered (-want +have):\n%s", diff)
	}
}
