package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Paths of enrolment. They are there for clients without a certificate, on
// connections that were made for EnrollHost, and nothing else is.
const (
	PathRoots  = "/v1/roots"  // GET → Roots
	PathEnroll = "/v1/enroll" // POST EnrollRequest → Enrolled
)

// EnrollHost is the name (SNI) by which a client without a certificate asks for
// enrolment. No authority can be reached under it: it is of RFC 2606's .invalid.
const EnrollHost = "enroll.signet.invalid"

// MaxEnroll bounds a request for enrolment, in bytes.
const MaxEnroll = 16 << 10

// Roots are the trust domain's anchors, in DER. They prove nothing to a client without
// a certificate: a token says which one is right, and Endorsements which others are.
type Roots struct {
	Roots        [][]byte `json:"roots"`
	Endorsements [][]byte `json:"endorsements,omitempty"` // roots' words for those that came after them
	// Generation grows whenever whom to believe, or who signs, has changed: whoever has
	// a certificate of an earlier one is to renew it, once these roots are believed.
	Generation int64 `json:"generation,omitempty"`
}

// EnrollRequest asks for the first certificate of a host. The request is PKCS#10 in
// DER, of which the key alone counts: whose it is, the token says.
type EnrollRequest struct {
	Secret  string `json:"secret"` // as a Token has it
	Request []byte `json:"request"`
}

// Enrolled is the chain that was issued, leaf first, and whom to believe.
type Enrolled struct {
	Chain [][]byte `json:"chain"`
	Roots [][]byte `json:"roots"`
	// Replaced counts earlier certificates of the same identity that are dead now.
	Replaced int `json:"replaced,omitempty"`
}

// TokenRequest has a token made.
type TokenRequest struct {
	Who   string        `json:"who"`             // a short name, or a SPIFFE ID
	Kind  string        `json:"kind,omitempty"`  // service, proxy or operator; "": as the name begins
	Holds []string      `json:"holds,omitempty"` // identities that a proxy may hold
	For   time.Duration `json:"for"`             // how long it is good
	Again bool          `json:"again,omitempty"` // for an identity that is there already
}

// TokenMade is a token, and what was entered for it.
type TokenMade struct {
	Token   string        `json:"token,omitempty"`
	File    string        `json:"file,omitempty"` // where the command that asked has put it
	ID      spiffeid.ID   `json:"id"`
	Kind    string        `json:"kind"`
	Expires time.Time     `json:"expires"`
	New     []spiffeid.ID `json:"new"`   // identities that there were not before
	Holds   []spiffeid.ID `json:"holds"` // what a proxy may hold once it has joined
	// Replaces says that who joins takes the place of who is there, whose certificates
	// are dead from then on.
	Replaces bool `json:"replaces,omitempty"`
}

// Token is what a host needs to join: as whom, where, how to know that it is the
// right authority, and the secret that admits it.
type Token struct {
	ID        spiffeid.ID `json:"id"`
	Authority string      `json:"at"`     // HOST:PORT
	Root      string      `json:"root"`   // SHA-256 of a root's DER, in lower-case hexadecimal
	Secret    string      `json:"secret"` // of 128 bits, in base64url without padding
}

// What a token is written as, and at most.
const (
	tokenBegin  = "signet-token-"
	secretBytes = 16
	maxToken    = 2000 // characters
)

// String writes the token in one word.
func (t Token) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic("api: " + err.Error()) // it is made of texts
	}
	return tokenBegin + base64.RawURLEncoding.EncodeToString(text)
}

// ParseToken reads what String has written.
func ParseToken(text string) (t Token, err error) {
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, tokenBegin)
	if !ok || len(text) > maxToken {
		return t, badToken()
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || json.Unmarshal(data, &t) != nil || t.ID.IsZero() {
		return Token{}, badToken()
	}
	host, port, err := net.SplitHostPort(t.Authority)
	root, notHex := hex.DecodeString(t.Root)
	_, noSecret := HashSecret(t.Secret)
	if err != nil || host == "" || port == "" || notHex != nil || len(root) != sha256.Size || strings.ToLower(t.Root) != t.Root || noSecret != nil {
		return Token{}, badToken()
	}
	return t, nil
}

// NewSecret writes 128 random bits as a token has them.
func NewSecret(random [secretBytes]byte) string {
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// HashSecret returns what a store keeps of a secret: its SHA-256 in lower-case
// hexadecimal. 128 random bits need no slower hash.
func HashSecret(secret string) (string, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(data) != secretBytes {
		return "", badToken()
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func badToken() error {
	return fault.New(TokenMalformed, "this is no token of Signet, or not a whole one").
		WithHint("give signet enroll, on its standard input, the whole line that an operator's signet token new WHO has printed")
}
