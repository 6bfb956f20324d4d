package pbe

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestDerive has the vectors that implementations share for the derivation of
// PKCS#12 with SHA-1, and holds that a longer result begins with a shorter one.
func TestDerive(t *testing.T) {
	tests := []struct {
		name, passphrase, salt string
		purpose                Purpose
		rounds                 int
		want                   string
	}{
		{"a key", "smeg", "0a58cf64530d823f", Key, 1, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"},
		{"a vector", "smeg", "0a58cf64530d823f", Vector, 1, "79993dfe048d3b76"},
		{"a code", "smeg", "3d83c0e4546ac140", MAC, 1, "8d967d88f6caa9d714800ab3d48051d63f73a312"},
		{"a key of many rounds", "queeg", "1682c0fc5b3f7ec5", Key, 1000, "483dd6e919d7de2e8e648ba8f862f3fbfbdc2bcb2c02957f"},
		{"a vector of many rounds", "queeg", "1682c0fc5b3f7ec5", Vector, 1000, "9d461d1b00355c50"},
		{"a code of many rounds", "queeg", "263216fcc2fab31c", MAC, 1000, "5ec4c7a80df652294c3925b6489a7ab857c83476"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			salt, want := unhex(test.salt), unhex(test.want)
			if have := Derive(sha1.New(), test.purpose, Password([]byte(test.passphrase)), salt, test.rounds, len(want)); !bytes.Equal(have, want) {
				t.Errorf("have %x, want %x", have, want)
			}
		})
	}
	long := Derive(sha256.New(), Key, Password([]byte("a")), unhex("00"), 2, 100)
	for size := range len(long) {
		if have := Derive(sha256.New(), Key, Password([]byte("a")), unhex("00"), 2, size); !bytes.Equal(have, long[:size]) {
			t.Errorf("%d bytes are not the first of more", size)
		}
	}
	if bytes.Equal(Derive(sha1.New(), Key, nil, unhex("00"), 1, 20), Derive(sha1.New(), Key, Password([]byte{}), unhex("00"), 1, 20)) {
		t.Error("no passphrase and an empty one give the same key")
	}
}

func TestPassword(t *testing.T) {
	for passphrase, want := range map[string]string{"": "0000", "a": "00610000", "한": "d55c0000", "🔑": "d83ddd110000", "\xff\xfe": "00ff00fe0000"} {
		if have := hex.EncodeToString(Password([]byte(passphrase))); have != want {
			t.Errorf("%q: have %s, want %s", passphrase, have, want)
		}
	}
	if have := Password(nil); have != nil {
		t.Errorf("no passphrase: have %x", have)
	}
}

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}
