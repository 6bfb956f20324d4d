package pki

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// escapeControls makes text from outside one line that a terminal can show: what
// cannot be printed becomes \u and its number.
func escapeControls(text string) string {
	if strings.IndexFunc(text, isHidden) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if isHidden(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func isHidden(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }

// hexColons writes bytes as OpenSSL does, such as 01:AB.
func hexColons(data []byte) string {
	digits := strings.ToUpper(hex.EncodeToString(data))
	var out strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			out.WriteByte(':')
		}
		out.WriteString(digits[i : i+2])
	}
	return out.String()
}
