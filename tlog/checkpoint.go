package tlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/signet-tls/signet/fault"
)

// Checkpoint is a tree head that a log stands by
// (https://c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string // names the log
	Size   int64
	Root   Hash
}

// MaxCheckpoint is the most bytes that a signed checkpoint may have.
const MaxCheckpoint = 16 << 10

// String returns the text that is signed.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// parseCheckpoint reads the text that is signed. Lines of extensions, which
// nobody has to understand, are passed over.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, invalid("it has no three lines: origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, invalid("its size is no number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(Hash{}) {
		return Checkpoint{}, invalid("its root is no hash")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: Hash(root)}, nil
}

func invalid(what string) error {
	return fault.New(CheckpointInvalid, "this is no checkpoint: %s", what).
		WithHint("name a checkpoint of a log, as in its file checkpoint")
}

// Signer signs checkpoints with Ed25519 (https://c2sp.org/signed-note).
type Signer struct {
	key    note.Signer
	public string
}

// Verifier knows a log's key.
type Verifier struct{ key note.Verifier }

// NewKey makes a private key for the log of that name.
func NewKey(origin string) (private string, err error) {
	private, _, err = note.GenerateKey(rand.Reader, origin)
	if err == nil {
		_, err = ParseSigner(private) // which looks at the name
	}
	if err != nil {
		return "", keyInvalid(err)
	}
	return private, nil
}

// ParseSigner reads a private key that NewKey made.
func ParseSigner(private string) (Signer, error) {
	private = strings.TrimSpace(private)
	key, err := note.NewSigner(private)
	if err != nil {
		return Signer{}, keyInvalid(err)
	}
	parts := strings.SplitN(private, "+", 5) // PRIVATE, KEY, the name, its hash, and the key, which may have a + too
	secret, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(secret) != 1+ed25519.SeedSize { // a byte for the algorithm, and the seed
		return Signer{}, keyInvalid(errors.New("it is not of Ed25519"))
	}
	own := ed25519.NewKeyFromSeed(secret[1:]).Public().(ed25519.PublicKey)
	public, err := note.NewEd25519VerifierKey(key.Name(), own)
	if err == nil {
		_, err = ParseVerifier(public)
	}
	if err != nil {
		return Signer{}, keyInvalid(err)
	}
	return Signer{key, public}, nil
}

// Public returns the public key, for everybody who verifies.
func (s Signer) Public() string { return s.public }

// ParseVerifier reads a public key, in exactly its letters: a
// file in which one was changed is not as it was written.
func ParseVerifier(public string) (Verifier, error) {
	public = strings.TrimSuffix(public, "\n")
	key, err := note.NewVerifier(public)
	if err != nil {
		return Verifier{}, keyInvalid(err)
	}
	if !strings.HasPrefix(public, fmt.Sprintf("%s+%08x+", key.Name(), key.KeyHash())) {
		return Verifier{}, keyInvalid(errors.New("its hash is not written as usual"))
	}
	return Verifier{key}, nil
}

func keyInvalid(err error) error {
	return fault.Wrap(err, KeyInvalid, "the key of a log cannot be used").
		WithHint("bring the log's key back from a backup")
}

// Origin returns the name of the log whose key it is.
func (v Verifier) Origin() string { return v.key.Name() }

// Sign returns the signed checkpoint.
func (s Signer) Sign(c Checkpoint) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.String()}, s.key)
	if err != nil {
		return nil, invalid("it cannot be signed: " + err.Error())
	}
	return signed, nil
}

// Open returns the checkpoint in a message, if the log has signed it.
func (v Verifier) Open(message []byte) (Checkpoint, error) {
	if len(message) > MaxCheckpoint {
		return Checkpoint{}, invalid(fmt.Sprintf("it has more than %d bytes", MaxCheckpoint))
	}
	signed, err := note.Open(message, note.VerifierList(v.key))
	if err != nil {
		return Checkpoint{}, fault.Wrap(err, CheckpointUnsigned, "the checkpoint is not signed by %s", v.key.Name()).
			WithHint("name a checkpoint of this log, as it was kept")
	}
	// The last letter of base64 has bits that mean nothing, and must be 0.
	if _, err := base64.StdEncoding.Strict().DecodeString(signed.Sigs[0].Base64); err != nil {
		return Checkpoint{}, fault.Wrap(err, CheckpointUnsigned, "the signature of %s is not written as usual", v.key.Name()).
			WithHint("name a checkpoint of this log, as it was kept")
	}
	c, err := parseCheckpoint(signed.Text)
	if err == nil && c.Origin != v.key.Name() {
		return c, invalid("it is of " + fault.Printable(c.Origin, 100) + ", and signed by " + v.key.Name())
	}
	return c, err
}
