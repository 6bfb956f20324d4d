package recognise

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// foreignLabels are PEM blocks of other programs.
var foreignLabels = map[string]string{
	"OPENSSH PRIVATE KEY":       "an OpenSSH private key; ssh-keygen -p -m PKCS8 -f COPY-OF-KEY rewrites it as PKCS#8",
	"SSH2 PUBLIC KEY":           "an SSH public key",
	"PGP PUBLIC KEY BLOCK":      "an OpenPGP public key",
	"PGP PRIVATE KEY BLOCK":     "an OpenPGP private key",
	"PGP MESSAGE":               "an OpenPGP message",
	"PGP SIGNATURE":             "an OpenPGP signature",
	"PGP SIGNED MESSAGE":        "a text with an OpenPGP signature",
	"AGE ENCRYPTED FILE":        "a file encrypted with age",
	"SSH SIGNATURE":             "an SSH signature",
	"OpenVPN Static key V1":     "OpenVPN's shared key",
	"ATTRIBUTE CERTIFICATE":     "an attribute certificate",
	"SSL SESSION PARAMETERS":    "a TLS session of OpenSSL's",
	"MINISIGN ENCRYPTED KEY":    "a minisign key",
	"TSS2 PRIVATE KEY":          "a key that never leaves its TPM",
	"ENCRYPTED COSIGN KEY":      "a cosign key",
	"ENCRYPTED SIGSTORE KEY":    "a sigstore key",
	"NEBULA CERTIFICATE":        "a certificate of Nebula's",
	"NEBULA X25519 PRIVATE KEY": "a key of Nebula's",
}

// openings are how files of other programs begin.
var openings = []struct{ begin, title string }{
	{"---- BEGIN SSH2 PUBLIC KEY", "an SSH public key"},
	{"ssh-", "an OpenSSH public key or certificate"},
	{"ecdsa-sha2-", "an OpenSSH public key or certificate"},
	{"sk-ssh-", "an OpenSSH public key or certificate on a hardware token"},
	{"sk-ecdsa-", "an OpenSSH public key or certificate on a hardware token"},
	{"PuTTY-User-Key-File-", "a private key of PuTTY's; puttygen writes it in OpenSSH's form"},
	{"SSH PRIVATE KEY FILE FORMAT", "an SSH private key of version 1"},
	{"age-encryption.org/", "a file encrypted with age"},
	{"AGE-SECRET-KEY-", "a secret key of age"},
	{"untrusted comment: ", "a key or signature of signify or minisign"},
	{"\xfe\xed\xfe\xed", "a Java keystore (JKS); keytool -importkeystore -deststoretype PKCS12 turns it into PKCS#12"},
	{"\xce\xce\xce\xce", "a Java keystore (JCEKS); keytool -importkeystore -deststoretype PKCS12 turns it into PKCS#12"},
	{"\x7fELF", "a program"},
	{"PK\x03\x04", "a ZIP archive"},
	{"\x1f\x8b", "a file compressed with gzip"},
	{"%PDF-", "a PDF document"},
	{"<!DOCTYPE html", "a web page, perhaps of a server that had an error to tell"},
	{"MIME-Version: ", "an e-mail; one of S/MIME has its certificates in PKCS#7: openssl smime -pk7out -in FILE"},
	{"<html", "a web page, perhaps of a server that had an error to tell"},
	{"\x89PNG", "a picture"},
	{"\xff\xd8\xff", "a picture"},
}

// foreign recognises a file of another program. It adds an object only for what
// holds keys or certificates of theirs.
func foreign(data []byte, r *reader) bool {
	begin := bytes.TrimLeft(data[:min(len(data), 4096)], "\r\n\t ")
	for _, o := range openings {
		if bytes.HasPrefix(begin, []byte(o.begin)) {
			r.add(&Object{Kind: Foreign, Title: o.title})
			return true
		}
	}
	if bytes.HasPrefix(begin, []byte("{")) && bytes.Contains(begin, []byte(`"kty"`)) {
		r.add(&Object{Kind: Foreign, Title: "a key in JSON (JWK)"})
		return true
	}
	return false
}

// opening describes the first bytes of what is not known.
func opening(data []byte) string {
	if text := firstLine(data); text != "" {
		return fmt.Sprintf("it begins with the text %q", text)
	}
	return fmt.Sprintf("it begins with the bytes % x", data[:min(len(data), 16)])
}

// firstLine returns the beginning of a text, or "" of what is none.
func firstLine(data []byte) string {
	begin := strings.TrimSpace(string(data[:min(len(data), 48)]))
	line, _, _ := strings.Cut(begin, "\n")
	if flat := strings.Map(flatten, begin); !utf8.ValidString(begin) || flat != fault.Printable(flat, 48) {
		return ""
	}
	return strings.TrimSpace(line)
}

// flatten makes blanks of the control characters of texts.
func flatten(r rune) rune {
	if strings.ContainsRune("\r\n\t", r) {
		return ' '
	}
	return r
}

// nothing says that a file holds nothing that is known.
func nothing(data []byte) error {
	switch len(data) {
	case 0:
		return fault.New(Unrecognised, "the file is empty").WithHint("copy it again from where it was made")
	case 64, 128, 256, 384, 512, 1024: // of Ed25519, and of RSA
		if !utf8.Valid(data) {
			return fault.New(Unrecognised, "nothing that is known; %d bytes without a structure may be a signature by an RSA or Ed25519 key", len(data)).
				WithHint("signet file verify FILE --sig SIGNATURE --key PUBLIC.pem    # says whether it is")
		}
	}
	if data[0] == tagSequence && firstLine(data) == "" {
		return fault.New(Unrecognised, "nothing that is known: %s, which could be DER, but for the length at offset 1", opening(data)).
			WithHint("copy it again from where it was made, as a binary file")
	}
	return fault.New(Unrecognised, "nothing that is known: at offset 0 %s", opening(data)).
		WithHint("name a file with a -----BEGIN line, or one in DER")
}

// badArmour says what is wrong with a PEM block.
func badArmour(block pki.Block) error {
	problem, hint := "", "copy the block again, with both of its lines and all between them"
	begin, end := []byte("-----BEGIN "+block.Label+"-----"), []byte("-----END "+block.Label+"-----")
	body, _, ended := bytes.Cut(bytes.TrimPrefix(block.Text, begin), end)
	switch {
	case !bytes.Contains(block.Text, []byte("-----END ")):
		problem = "it has no -----END line: it was cut short"
	case !ended:
		problem = "its -----END line is of another kind than its -----BEGIN line"
	case bytes.Contains(body, []byte(`\n`)):
		problem, hint = `its line ends are written as \n`, `printf '%b' "$(cat FILE)" > NEW.pem`
	case !bytes.Contains(body, []byte("\n")):
		problem, hint = "it stands in one line", "write -----BEGIN … and -----END … in lines of their own"
	default:
		problem = "what stands between its -----BEGIN and -----END lines is not base64" + notBase64(body, block.Line, block.Offset+len(begin))
	}
	return fault.New(BadPEM, "no valid PEM: %s", problem).WithHint("%s", hint)
}

// notBase64 says which is the first character that is none of base64 in the body of
// a block, from this line and byte on.
func notBase64(body []byte, line, offset int) string {
	if bytes.Contains(body, []byte(": ")) { // headers (RFC 1421, section 4.6)
		return ""
	}
	rest := bytes.TrimLeft(body, base64Letters)
	if len(rest) == 0 {
		return ": it lacks a part"
	}
	good := body[:len(body)-len(rest)]
	letter, _ := utf8.DecodeRune(rest)
	return fmt.Sprintf(": %q in line %d, byte %d", letter, line+bytes.Count(good, []byte("\n")), offset+len(good))
}

// base64Letters are those of RFC 4648, section 4, and what ends lines.
const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"
