package api

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/signet-tls/signet/spiffeid"
)

func newToken(t testing.TB) Token {
	t.Helper()
	id, err := spiffeid.Parse("spiffe://prod.example/web")
	if err != nil {
		t.Fatal(err)
	}
	return Token{id, "authority.prod.example:7400", strings.Repeat("0a", 32), NewSecret([secretBytes]byte{1, 2, 3})}
}

func TestToken(t *testing.T) {
	token := newToken(t)
	for _, text := range []string{token.String(), " " + token.String() + "\r\n"} {
		if have, err := ParseToken(text); err != nil || have != token {
			t.Errorf("%q is %+v (%v), want %+v", text, have, err, token)
		}
	}
	other, err := HashSecret(NewSecret([secretBytes]byte{1, 2, 4}))
	own, err2 := HashSecret(token.Secret)
	if err != nil || err2 != nil || own == other || len(own) != 64 {
		t.Errorf("the hashes are %s (%v) and %s (%v)", own, err2, other, err)
	}
}

func TestTokenRefused(t *testing.T) {
	whole := newToken(t)
	written := func(change func(*Token)) string {
		token := whole
		change(&token)
		return token.String()
	}
	for name, text := range map[string]string{
		"nothing":             "",
		"another word":        "hello",
		"no base64":           tokenBegin + "§",
		"no JSON":             tokenBegin + base64.RawURLEncoding.EncodeToString([]byte("{")),
		"cut short":           whole.String()[:100],
		"two lines":           whole.String() + "\n" + whole.String(),
		"too long":            written(func(t *Token) { t.Authority = strings.Repeat("a", maxToken) + ":1" }),
		"nobody":              written(func(t *Token) { t.ID = spiffeid.ID{} }),
		"no port":             written(func(t *Token) { t.Authority = "authority" }),
		"no host":             written(func(t *Token) { t.Authority = ":7400" }),
		"a short fingerprint": written(func(t *Token) { t.Root = "0a" }),
		"capital letters":     written(func(t *Token) { t.Root = strings.ToUpper(t.Root) }),
		"a short secret":      written(func(t *Token) { t.Secret = "AAAA" }),
		"no secret":           written(func(t *Token) { t.Secret = "" }),
	} {
		if token, err := ParseToken(text); !errors.Is(err, TokenMalformed) || token != (Token{}) {
			t.Errorf("%s: %+v (%v), want [%s]", name, token, err, TokenMalformed)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(newToken(f).String())
	f.Add(tokenBegin + base64.RawURLEncoding.EncodeToString([]byte(`{"id":"spiffe://a/b","at":"b:1"}`)))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		if again, err := ParseToken(token.String()); err != nil || again != token {
			t.Errorf("%q is %+v, and that again %+v (%v)", text, token, again, err)
		}
	})
}
