package cli

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/signet-tls/signet/fault"
)

func TestTypedLine(t *testing.T) {
	tests := []struct {
		name, keys, want string
		err              error
	}{
		{"a line", "correct horse\rmore", "correct horse", nil},
		{"typed ahead", "correct\n", "correct", nil},
		{"corrected", "cof\x7frr\x08rect\r", "correct", nil},
		{"corrected in Hangul", "한글\x7f국\r", "한국", nil},
		{"nothing to correct", "\x7f\x08a\r", "a", nil},
		{"cleared", "wrong\x15right\r", "right", nil},
		{"Enter alone", "\r", "", nil},
		{"Ctrl-D", "\x04", "", io.EOF},
		{"Ctrl-D behind a beginning", "abc\x04", "", io.EOF},
		{"Ctrl-C", "abc\x03", "", io.EOF},
		{"hung up", "abc", "", io.EOF},
		{"too long", strings.Repeat("a", maxPassphrase+1), "", PassphraseMissing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			line, err := typedLine(iotest.OneByteReader(strings.NewReader(test.keys)))
			if code, ok := test.err.(fault.Code); string(line) != test.want || !ok && err != test.err || ok && !errors.Is(err, code) {
				t.Errorf("have %q, %v; want %q, %v", line, err, test.want, test.err)
			}
		})
	}
}
