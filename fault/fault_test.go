package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
)

const (
	outer fault.Code = "outer"
	inner fault.Code = "inner"
)

func TestError(t *testing.T) {
	plain := errors.New("the disk is full")
	deep := fault.New(inner, "bad %s", "thing").WithHint("mend %s", "it")
	tests := []struct {
		name          string
		err           error
		message, text string
		hint          string
		is, isNot     []error
	}{
		{"new", fault.New(outer, "%d of %d", 1, 2), "1 of 2", "1 of 2 [outer]", "",
			[]error{outer}, []error{inner}},
		{"wrapped foreign error", fault.Wrap(plain, outer, "writing %s", "a file"), "writing a file: the disk is full", "writing a file: the disk is full [outer]", "",
			[]error{outer, plain}, []error{inner}},
		{"wrapped fault names one code and keeps the next step", fault.Wrap(deep, outer, "block %d", 2), "block 2: bad thing", "block 2: bad thing [outer]", "mend it",
			[]error{outer, inner, deep}, []error{fs.ErrNotExist}},
		{"wrapped fault with a next step of its own", fault.Wrap(deep, outer, "block").WithHint("copy it again"), "block: bad thing", "block: bad thing [outer]", "copy it again",
			[]error{outer, inner}, nil},
		{"next step through a foreign error", fault.Wrap(fmt.Errorf("reading: %w", deep), outer, "start"), "start: reading: bad thing [inner]", "start: reading: bad thing [inner] [outer]", "mend it",
			[]error{outer, inner, deep}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, ok := fault.Of(fmt.Errorf("context: %w", test.err))
			if !ok {
				t.Fatal("Of finds no fault")
			}
			if e.Message != test.message || e.Error() != test.text || e.Hint != test.hint || fault.Text(e) != test.message {
				t.Errorf("have %q, %q, hint %q; want %q, %q, hint %q", e.Message, e.Error(), e.Hint, test.message, test.text, test.hint)
			}
			for _, target := range test.is {
				if !errors.Is(test.err, target) {
					t.Errorf("it is not %v", target)
				}
			}
			for _, target := range test.isNot {
				if errors.Is(test.err, target) {
					t.Errorf("it is %v", target)
				}
			}
		})
	}
}

func TestDetail(t *testing.T) {
	type detail struct{ depth int }
	err := fmt.Errorf("context: %w", fault.New(outer, "no").WithDetail(detail{3}))
	e, _ := fault.Of(err)
	if got, ok := e.Detail.(detail); !ok || got.depth != 3 {
		t.Errorf("have %#v, want the detail with depth 3", e.Detail)
	}
}

func TestForeign(t *testing.T) {
	if e, ok := fault.Of(errors.New("foreign")); ok || e != nil {
		t.Errorf("have %v, %v for a foreign error, want none", e, ok)
	}
	if got := fault.Text(errors.New("foreign")); got != "foreign" {
		t.Errorf("have %q, want foreign", got)
	}
	if got := outer.Error(); got != "outer" {
		t.Errorf("a code's text is %q, want outer", got)
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "api.example.com", "api.example.com"},
		{"letters of any script", "한국어 Ünï", "한국어 Ünï"},
		{"line end", "a\nb\r\n", "a?b??"},
		{"NUL", "good\x00.example", "good?.example"},
		{"terminal escape", "\x1b[31mred", "?[31mred"},
		{"C1 control", "a\u009bb", "a?b"},
		{"bidirectional override", "abc\u202egpj.exe", "abc?gpj.exe"},
		{"bidirectional isolate", "a\u2066b\u2069", "a?b?"},
		{"Arabic letter mark", "a\u061cb", "a?b"},
		{"zero width", "a\u200bb\ufeffc", "a?b?c"},
		{"tag characters", "a\U000e0041b", "a?b"},
		{"soft hyphen", "a\u00adb", "a?b"},
		{"not UTF-8", "a\xffb", "a\ufffdb"},
		{"at the bound", strings.Repeat("é", 20), strings.Repeat("é", 20)},
		{"beyond the bound", strings.Repeat("é", 21), strings.Repeat("é", 20) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := fault.Printable(test.text, 20); got != test.want {
				t.Errorf("have %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("api.example.com", 5)
	f.Add("a\u202eb\x1b", 80)
	f.Fuzz(func(t *testing.T, text string, most int) {
		got := fault.Printable(text, most)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is not printable", got)
		}
		if have := utf8.RuneCountInString(got); have > max(most, 0)+1 {
			t.Errorf("have %d characters, want at most %d and the sign that it was cut", have, most)
		}
	})
}
