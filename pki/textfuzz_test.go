package pki_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func FuzzParseOID(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		id, err := pki.ParseOID(text)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if again, err := pki.ParseOID(id.String()); err != nil || again != id {
			t.Errorf("%q is %s, and that %s, %v", text, id, again, err)
		}
		wantPlain(t, id.Name())
	})
}

func FuzzParseSubtree(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := pki.ParseSubtree(text)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if tree.Base.Kind == pki.IPName { // which is written with a mask, and read with its length
			if _, _, ok := tree.Base.Range(); !ok {
				t.Errorf("%q is no range: %s", text, tree.Base)
			}
			return
		}
		again, err := pki.ParseSubtree(tree.Base.String())
		if err != nil || again.Base.Kind != tree.Base.Kind || !bytes.Equal(again.Base.Raw, tree.Base.Raw) {
			t.Errorf("%q is %s, and that %s, %v", text, tree.Base, again.Base, err)
		}
	})
}

// FuzzBlocks holds that each block is where it is said to be.
func FuzzBlocks(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		end := 0
		for number, block := range pki.Blocks(data) {
			if number < 1 || block.Offset < end || !bytes.HasPrefix(data[block.Offset:], []byte("-----BEGIN ")) || !bytes.HasPrefix(data[block.Offset:], block.Text) {
				t.Fatalf("block %d at byte %d: %q", number, block.Offset, block.Text)
			}
			if line := 1 + bytes.Count(data[:block.Offset], []byte("\n")); block.Line != line {
				t.Errorf("block %d is at line %d, and not %d", number, line, block.Line)
			}
			end = block.Offset + 1
		}
	})
}

// FuzzHashed looks for a name in a directory with any file in its place.
func FuzzHashed(f *testing.F) {
	f.Fuzz(func(t *testing.T, file, text string, data []byte) {
		name, err := pki.ParseName(text)
		if err != nil {
			return
		}
		directory := fstest.MapFS{file: &fstest.MapFile{Data: data}}
		all, err := pki.LoadHashed(directory)
		if err != nil {
			wantAnyFault(t, err)
		}
		found, err := pki.FindHashed(directory, name)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if len(found) > 0 && len(all) == 0 {
			t.Errorf("%d certificates of %s are found where there are none", len(found), name)
		}
		for _, cert := range found {
			if !cert.Subject().Match(name) {
				t.Errorf("that of %s is found for %s", cert.Subject(), name)
			}
		}
		if _, err := pki.FindHashedLists(directory, name); err != nil {
			wantAnyFault(t, err)
		}
	})
}

// FuzzExtension reads an extension of each kind, general names among them.
func FuzzExtension(f *testing.F) {
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		kind, err := pki.ParseOID(id)
		if err != nil {
			return
		}
		decoded, err := pki.Extension{ID: kind, Value: value}.Decode()
		if err != nil {
			wantAnyFault(t, err)
		}
		names, _ := decoded.([]pki.GeneralName)
		for _, name := range names {
			wantPlain(t, name.String())
			name.Address()
			name.Range()
			name.Other()
			if directory, ok := name.Directory(); ok {
				wantPlain(t, directory.String())
			}
		}
	})
}

// FuzzAlgorithm checks a signature by any algorithm, the parameters of RSASSA-PSS
// among them.
func FuzzAlgorithm(f *testing.F) {
	keys := map[pki.KeyKind]*pki.PublicKey{}
	for _, kind := range []pki.KeyKind{pki.P256, pki.Ed25519, pki.RSA(2048)} {
		public := testpki.Must(pki.MarshalPublicKey(testpki.Must(pki.GenerateKey(kind)).Public()))
		keys[kind] = testpki.Must(pki.ParsePublicKey(public.Bytes))
	}
	f.Fuzz(func(t *testing.T, id string, parameters, signature []byte) {
		kind, err := pki.ParseOID(id)
		if err != nil {
			return
		}
		for name, key := range keys {
			if err := key.Verify(pki.Algorithm{ID: kind, Parameters: parameters}, []byte("message"), signature); err != nil {
				wantAnyFault(t, err)
			} else {
				t.Errorf("a key of the kind %s, just made, has signed", name)
			}
		}
	})
}

// FuzzPeerCert holds that the answer is JSON that can be read again.
func FuzzPeerCert(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		cert, err := pki.ParseCertificate(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		text, err := json.Marshal(cert.PeerCert())
		if err != nil {
			t.Fatal(err)
		}
		var again pki.PeerCert
		if err := json.Unmarshal(text, &again); err != nil || len(again.SubjectAltNames) != len(cert.PeerCert().SubjectAltNames) {
			t.Errorf("%s: %v", text, err)
		}
	})
}
