package audit

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
)

// FuzzEntry reads entries; what can be read can be written, and means the same.
func FuzzEntry(f *testing.F) {
	for _, seed := range []string{`{"kind":"decision","proxy":"spiffe://test.signet/proxy/one","event":{"kind":"opened","conn":"c1"}}`,
		`{"kind":"outcome","outcome":{"of":1,"by":"","event":{"kind":"changed"}}}`, `{"kind":"batch","batch":{"events":-1}}`, `null`, `{"event":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decode(raw)
		if err != nil {
			if _, ours := fault.Of(err); !ours {
				t.Errorf("the error has no code: %v", err)
			}
			return
		}
		e.ReadEvent()
		again, err := e.encode()
		if err != nil {
			return // too large, or a time that JSON does not have
		}
		second, err := decode(again)
		if err != nil {
			t.Fatalf("%s is written as %s: %v", raw, again, err)
		}
		if third, err := second.encode(); err != nil || !bytes.Equal(again, third) {
			t.Errorf("%s is written as %s, and then as %s (%v)", raw, again, third, err)
		}
	})
}

// FuzzBlock reads a segment of the journal; what can be read is written again
// in the same bytes.
func FuzzBlock(f *testing.F) {
	whole := testpki.Must(block{7, [][]byte{[]byte("an entry"), {}}, []byte("a checkpoint")}.encode(nil))
	f.Add(whole)
	f.Add(whole[:30])
	f.Add(append(bytes.Clone(whole), make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for at := 0; at < len(data); {
			b, rest, err := cutBlock(data[at:], int64(at))
			if err != nil {
				return
			}
			end := len(data) - len(rest)
			if again := testpki.Must(b.encode(nil)); !bytes.Equal(again, data[at:end]) {
				t.Errorf("%x is written again as %x", data[at:end], again)
			}
			at = end
		}
	})
}

// FuzzVerify verifies a log one of whose files is anything: it is found, unless
// it is as it was.
func FuzzVerify(f *testing.F) {
	s := newSample(f)
	for n := range 2 {
		s.connection(n)
	}
	if err := s.log.publish(); err != nil {
		f.Fatal(err)
	}
	s.connection(2)
	files := s.files()
	kept := s.log.Checkpoint()
	closeLog(f, s.log)
	for name, file := range files {
		f.Add(name, file.Data)
	}
	f.Add("tile/0/001", make([]byte, 32))
	f.Add("tile/entries/000", []byte{0, 0})
	f.Add("journal/0000000000000000001", []byte("sgnJ"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) || name == "." {
			return // no file has such a name
		}
		changed := fstest.MapFS{}
		for path, file := range files {
			if strings.HasPrefix(path, name+"/") || strings.HasPrefix(name, path+"/") {
				return // a folder is no file
			}
			changed[path] = file
		}
		before := changed[name]
		changed[name] = &fstest.MapFile{Data: data}
		r, err := Verify(changed, Question{Since: kept})
		if err != nil {
			if _, ours := fault.Of(err); !ours && !errors.Is(err, Unreadable) {
				t.Errorf("the error has no code: %v", err)
			}
			return
		}
		if before != nil && !bytes.Equal(before.Data, data) && len(r.Problems) == 0 && r.Unfinished == 0 {
			t.Errorf("%s is other than it was, and nobody notices", name)
		}
	})
}
