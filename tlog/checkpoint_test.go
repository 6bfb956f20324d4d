package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// TestCheckpointText has the example of C2SP's tlog-checkpoint.
func TestCheckpointText(t *testing.T) {
	const text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	c, err := parseCheckpoint(text)
	if err != nil || c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.String() != text {
		t.Errorf("the example is read as %+v (%v)", c, err)
	}
	if extended, err := parseCheckpoint(text + "an extension\n"); err != nil || extended != c {
		t.Errorf("with an extension it is read as %+v (%v)", extended, err)
	}
	for name, bad := range map[string]string{
		"empty": "", "no origin": "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "negative": strings.Replace(text, "208", "-208", 1),
		"leading zero": strings.Replace(text, "208", "0208", 1), "no number": strings.Replace(text, "208", "x208", 1),
		"short root": strings.Replace(text, "CsUY", "", 1), "no base64": strings.Replace(text, "CsUY", "!!!!", 1), "two lines": "a\n1\n",
	} {
		if _, err := parseCheckpoint(bad); !errors.Is(err, CheckpointInvalid) {
			t.Errorf("%s: %v, want %s", name, err, CheckpointInvalid)
		}
	}
}

// TestKnownNote opens the note of x/mod's own tests, whose key is published
// there: what it says is no checkpoint, but its signature is right.
func TestKnownNote(t *testing.T) {
	const note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
		"— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
	peter, err := ParseVerifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peter.Open([]byte(note)); !errors.Is(err, CheckpointInvalid) {
		t.Errorf("the note: %v, want %s", err, CheckpointInvalid)
	}
	if _, err := peter.Open([]byte(strings.Replace(note, "think", "thank", 1))); !errors.Is(err, CheckpointUnsigned) {
		t.Errorf("the note, changed: %v, want %s", err, CheckpointUnsigned)
	}
}

func key(t testing.TB) (Signer, Verifier, string) {
	t.Helper()
	private, err := NewKey("test.signet/audit")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParseSigner(private + "\n")
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ParseVerifier(signer.Public() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier, signer.Public()
}

// TestEveryBit changes each bit of a signed checkpoint, and of the key that
// verifies it.
func TestEveryBit(t *testing.T) {
	signer, verifier, public := key(t)
	want := Checkpoint{"test.signet/audit", 17, LeafHash(nil)}
	signed, err := signer.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := verifier.Open(signed); err != nil || have != want {
		t.Fatalf("the checkpoint is read as %+v (%v)", have, err)
	}
	for i := range len(signed) * 8 {
		changed := bytes.Clone(signed)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := verifier.Open(changed); err == nil {
			t.Errorf("bit %d is changed, and nobody notices: %q", i, changed)
		}
	}
	for i := range len(public) * 8 {
		changed := []byte(public)
		changed[i/8] ^= 1 << (i % 8)
		if other, err := ParseVerifier(string(changed)); err == nil {
			if _, err := other.Open(signed); err == nil {
				t.Errorf("bit %d of the key is changed, and nobody notices: %s", i, changed)
			}
		}
	}
}

func TestWrongKeys(t *testing.T) {
	signer, verifier, _ := key(t)
	_, stranger, _ := key(t)
	if verifier.Origin() != "test.signet/audit" {
		t.Errorf("the key is of %s", verifier.Origin())
	}
	signed, err := signer.Sign(Checkpoint{"test.signet/audit", 1, Hash{}})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := signer.Sign(Checkpoint{"other.signet/audit", 1, Hash{}})
	if err != nil {
		t.Fatal(err)
	}
	_, stolen := stranger.Open(signed)
	_, renamed := verifier.Open(foreign)
	_, large := verifier.Open(make([]byte, MaxCheckpoint+1))
	_, private := ParseSigner("PRIVATE+KEY+nobody")
	_, public := ParseVerifier(base64.StdEncoding.EncodeToString([]byte("nobody")))
	_, unnamed := NewKey("a name with + and spaces")
	for name, test := range map[string]struct {
		err  error
		want fault.Code
	}{
		"another key": {stolen, CheckpointUnsigned}, "another origin": {renamed, CheckpointInvalid}, "too large": {large, CheckpointInvalid},
		"private": {private, KeyInvalid}, "public": {public, KeyInvalid}, "name": {unnamed, KeyInvalid},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %s", name, test.err, test.want)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	signer, verifier, _ := key(f)
	signed, err := signer.Sign(Checkpoint{"test.signet/audit", 17, LeafHash(nil)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("a\n1\nAAAA\n\n— a AAAA\n"))
	f.Fuzz(func(t *testing.T, message []byte) {
		verifier.Open(message)
		if c, err := parseCheckpoint(string(message)); err == nil && !strings.HasPrefix(string(message), c.String()) {
			t.Errorf("%q is written again as %q", message, c)
		}
	})
}
