package verify

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-tls/signet/pki"
)

// hasMailbox reports whether a leaf has an e-mail address among its alternative
// names: the local part is the same character by character, the host but for the
// case of letters. The subject is not looked at (RFC 5280, section 4.1.2.6; RFC
// 9598, section 5).
func hasMailbox(leaf *node, address string) bool {
	local, host, _ := splitMail(address)
	return slices.ContainsFunc(leaf.names, func(name pki.GeneralName) bool {
		text, ok := string(name.Raw), name.Kind == pki.EmailName
		if !ok {
			text, ok = name.UTF8Mailbox()
			ok = ok && !isASCII(text) // others belong into an rfc822Name (RFC 9598, section 3)
		}
		haveLocal, haveHost, isMail := splitMail(text)
		return ok && isMail && haveLocal == local && strings.EqualFold(haveHost, host)
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// isMailbox reports whether an address can be asked for.
func isMailbox(address string) bool {
	local, _, ok := splitMail(address)
	return ok && len(local) <= 64 && utf8.ValidString(local) && !strings.ContainsFunc(local, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

// splitMail cuts an address at its only @. The host is ASCII.
func splitMail(address string) (local, host string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 || strings.IndexByte(address, '@') != at || !pki.IsHostname(address[at+1:]) {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}
