package ciphers_test

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
)

// leftOut are what builds of OpenSSL do not have any more.
var leftOut = []string{"ECDHE-RSA-DES-CBC3-SHA", "DES-CBC3-SHA", "RC4-SHA", "ECDHE-ECDSA-RC4-SHA", "ECDHE-RSA-RC4-SHA"}

// words are those of the language, and a suite's name.
var words = strings.Fields(`ALL COMPLEMENTOFALL COMPLEMENTOFDEFAULT HIGH FIPS CBC eNULL NULL aNULL
	kRSA aRSA RSA kDHE kEDH DH DHE EDH ADH kECDHE kEECDH ECDH ECDHE EECDH AECDH aDSS DSS aECDSA ECDSA
	PSK aPSK kPSK kRSAPSK kECDHEPSK kDHEPSK SRP kSRP aSRP TLSv1.2 TLSv1.0 TLSv1 SSLv3
	AES AES128 AES256 AESGCM AESCCM AESCCM8 ARIA ARIA128 ARIA256 CAMELLIA CAMELLIA128 CAMELLIA256 CHACHA20
	SHA SHA1 SHA256 SHA384 ECDHE-RSA-AES128-GCM-SHA256`)

// openssl returns what OpenSSL chooses, or nil for nothing.
func openssl(t *testing.T, text string, options ...string) []string {
	t.Helper()
	if strings.HasPrefix(text, "-") {
		text = ":" + text // lest it looks like an option
	}
	args := slices.Concat([]string{"ciphers"}, options, []string{text})
	out, err := exec.Command(peers.OpenSSL(t), args...).Output()
	if err != nil {
		return nil
	}
	names := strings.Split(strings.TrimSpace(string(out)), ":")
	return sorted(slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "TLS_") || name == "" }))
}

// ours returns what Parse chooses, of what OpenSSL can have.
func ours(t *testing.T, text string) []string {
	t.Helper()
	list, err := ciphers.Parse(text)
	names := list.Names()
	if errors.Is(err, ciphers.Unavailable) {
		e, _ := fault.Of(err)
		names = e.Detail.(ciphers.List).Names()
	} else if err != nil && !strings.Contains(err.Error(), "chooses nothing") {
		t.Fatalf("%q: %v", text, err)
	}
	return sorted(slices.DeleteFunc(names, func(name string) bool { return slices.Contains(leftOut, name) }))
}

func sorted(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return names
}

// TestParseAsOpenSSL compares each word, and strings of several, with what
// OpenSSL makes of them.
func TestParseAsOpenSSL(t *testing.T) {
	texts := slices.Concat(words, []string{
		"DEFAULT", "DEFAULT:!RSA", "DEFAULT@SECLEVEL=0", "HIGH:!aNULL", "HIGH:!aNULL:!MD5", "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM",
		"EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH", "ALL:!RSA:RSA", "ALL:-RSA:RSA", "ALL:!EXPORT:!LOW:!DES:!RC2:!IDEA:!SEED",
		"ALL:+RSA", "HIGH:@STRENGTH", "SUITEB128", "SUITEB192", "SUITEB128ONLY", "AES128,AES256 ARIA;CHACHA20", "!ALL", "HIGH:!kRSA+AESGCM",
	})
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var parts []string
		for range 1 + random.IntN(5) {
			part := words[random.IntN(len(words))]
			if random.IntN(3) == 0 {
				part += "+" + words[random.IntN(len(words))]
			}
			parts = append(parts, []string{"", "", "-", "!", "+"}[random.IntN(5)]+part)
		}
		texts = append(texts, strings.Join(parts, ":"))
	}
	for _, text := range texts {
		if diff := cmp.Diff(openssl(t, text), ours(t, text)); diff != "" {
			t.Errorf("%q (-OpenSSL +ours):\n%s", text, diff)
		}
	}
}

// TestLevelsAsOpenSSL compares the levels of security.
func TestLevelsAsOpenSSL(t *testing.T) {
	for _, level := range []string{"1", "2", "3", "4", "5"} {
		text := "ALL:COMPLEMENTOFALL:@SECLEVEL=" + level
		if diff := cmp.Diff(openssl(t, text, "-s", "-tls1_2", "-psk", "-srp"), ours(t, text)); diff != "" {
			t.Errorf("%s (-OpenSSL +ours):\n%s", text, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		text string
		want fault.Code
		says string
	}{
		{"", ciphers.StringInvalid, "chooses nothing"},
		{"!ALL", ciphers.StringInvalid, "chooses nothing"},
		{"HIHG", ciphers.StringInvalid, `"HIHG"`},
		{"HIGH:!aNUL", ciphers.StringInvalid, `"aNUL"`},
		{"ECDHE+", ciphers.StringInvalid, `""`},
		{"HIGH:!!aNULL", ciphers.StringInvalid, "sign"},
		{"HIGH:DEFAULT", ciphers.StringInvalid, "DEFAULT"},
		{"SUITEB64", ciphers.StringInvalid, "SUITEB64"},
		{"HIGH:@SPEED", ciphers.StringInvalid, "@SPEED"},
		{"HIGH@SECLEVEL=6", ciphers.StringInvalid, "0 to 5"},
		{"HIGH@SECLEVEL=-1", ciphers.StringInvalid, "0 to 5"},
		{"\x1b[2J", ciphers.StringInvalid, "?[2J"},
		{strings.Repeat("A", 5000), ciphers.StringInvalid, "5000 bytes"},
		{"TLS_AES_128_GCM_SHA256", ciphers.NotConfigurable, "TLS 1.3"},
		{"TLSv1.3", ciphers.NotConfigurable, "TLS 1.3"},
		{"DHE-RSA-AES128-GCM-SHA256", ciphers.Unavailable, "DHE-RSA-AES128-GCM-SHA256"},
		{"PSK", ciphers.Unavailable, "more"},
		{"eNULL", ciphers.Unavailable, "NULL"},
		{"CAMELLIA", ciphers.Unavailable, "CAMELLIA"},
	}
	for _, test := range tests {
		_, err := ciphers.Parse(test.text)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: have %v, want %s with %q", test.text, err, test.want, test.says)
		}
		peers.WantCoded(t, err)
	}
}

func TestList(t *testing.T) {
	list, err := ciphers.Parse("ECDHE+AESGCM+aRSA:DHE-RSA-AES128-GCM-SHA256")
	if err != nil {
		t.Fatal(err)
	}
	suites := list.Suites()
	slices.Sort(suites)
	if want := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}; !slices.Equal(suites, want) {
		t.Errorf("have %x, want %x", suites, want)
	}
	if have := list.Lacking(); !slices.Equal(have, []string{"DHE-RSA-AES128-GCM-SHA256"}) {
		t.Errorf("lacking: have %q", have)
	}
	if len(list.Names()) != 3 || list.IsZero() || !(ciphers.List{}).IsZero() {
		t.Errorf("have %q", list.Names())
	}
}

// TestNames holds that all of crypto/tls has a name of OpenSSL's.
func TestNames(t *testing.T) {
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if ciphers.Name(suite.ID) == "" || ciphers.Bits(suite.ID) < 128 {
			t.Errorf("%s: have %q of %d bits", suite.Name, ciphers.Name(suite.ID), ciphers.Bits(suite.ID))
		}
	}
	if ciphers.Name(0xfefe) != "" || ciphers.Bits(0xfefe) != 0 || ciphers.Group(0xfefe) != "" {
		t.Error("a number that means nothing has a name")
	}
	for version, want := range map[uint16]string{tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"} {
		if have := ciphers.Version(version); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range append(words, "DEFAULT:!RSA", "HIGH:!aNULL:+AES:-DH:@STRENGTH@SECLEVEL=2") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ciphers.Parse(text)
		if err != nil {
			peers.WantCoded(t, err)
			return
		}
		again, err := ciphers.Parse(strings.Join(list.Names(), ":"))
		if diff := cmp.Diff(list.Names(), again.Names()); diff != "" || err != nil {
			t.Errorf("%q does not survive being named: %v\n%s", text, err, diff)
		}
	})
}
