package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/internal/spelling"
)

// maxFile is the largest configuration that is read, in bytes; a port has a few hundred.
const maxFile = 1 << 20

// Load reads a configuration and checks all of it. Errors begin with the place,
// FILE:LINE.
func Load(path string) (*File, error) {
	data, err := read(path, "")
	if err != nil {
		return nil, err
	}
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	return file, file.check()
}

// read reads a configuration; instead is what else could be said in the place of one.
func read(path, instead string) ([]byte, error) {
	data, err := regular.ReadGuarded(path, maxFile+1)
	if exposed, is := errors.AsType[*regular.Exposed](err); is {
		return nil, fault.New(Exposed, "anybody on this host may write %s: %s", path, exposed).WithHint("chmod o-w %s      # once it says what it should", path)
	}
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than a MiB", path)
	}
	if err != nil {
		return nil, fault.Wrap(err, Unreadable, "the configuration").WithHint("name a TOML file with --config FILE%s", instead)
	}
	return data, nil
}

// Parse reads a configuration's text: its form, and that every key exists.
func Parse(path string, data []byte) (*File, error) {
	f := &File{source: newSource(path, data)}
	return f, f.decode(data, f)
}

// source is the text of a configuration, and where its keys stand.
type source struct {
	path   string
	places map[string]place // by key, such as "service[0].listen"
	text   []string         // its lines
}

func newSource(path string, data []byte) source {
	return source{path: path, text: strings.Split(string(data), "\n"), places: map[string]place{}}
}

// decode reads the text into a configuration, which is a pointer to a struct.
func (f *source) decode(data []byte, into any) error {
	if err := f.locate(data); err != nil {
		return err
	}
	decoder := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch err := decoder.Decode(into); {
	case errors.As(err, &unknown):
		first := unknown.Errors[0]
		return f.unknown(&first, reflect.TypeOf(into).Elem())
	case errors.As(err, &wrong):
		line, column := wrong.Position()
		return f.at(place{line, column, 1}, Invalid, "%s", fault.Printable(strings.TrimPrefix(wrong.Error(), "toml: "), 200))
	case err != nil:
		return f.at(place{1, 1, 0}, Invalid, "%s", fault.Printable(strings.TrimPrefix(err.Error(), "toml: "), 200))
	}
	f.fill(reflect.ValueOf(into).Elem(), "")
	return nil
}

// place is where something stands.
type place struct{ line, column, width int }

// locate notes where every key stands.
func (f *source) locate(data []byte) error {
	var parser unstable.Parser
	parser.Reset(data)
	table, counts := "", map[string]int{}
	for parser.NextExpression() {
		node := parser.Expression()
		name, at := "", place{}
		for key := node.Key(); key.Next(); {
			part := key.Node()
			shape := parser.Shape(part.Raw)
			if name == "" {
				at = place{line: shape.Start.Line, column: shape.Start.Column}
			}
			at.width = shape.End.Column - at.column
			name = join(name, string(part.Data))
		}
		switch node.Kind {
		case unstable.Table:
			table = name
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", name, counts[name])
			counts[name]++
			name = table
		default:
			name = join(table, name)
		}
		f.places[name] = at
	}
	var wrong *unstable.ParserError
	err := parser.Error()
	switch {
	case errors.As(err, &wrong):
		start := parser.Shape(parser.Range(wrong.Highlight)).Start
		return f.at(place{start.Line, start.Column, max(len(wrong.Highlight), 1)}, Invalid, "%s", fault.Printable(wrong.Message, 200))
	case err != nil:
		return f.at(place{1, 1, 0}, Invalid, "%s", fault.Printable(err.Error(), 200))
	}
	return nil
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// unknown refuses a key that does not exist.
func (f *source) unknown(wrong *toml.DecodeError, table reflect.Type) error {
	line, column := wrong.Position()
	key := wrong.Key()
	last := key[len(key)-1]
	where, known := "a configuration", keys(table)
	if len(key) > 1 {
		switch key[0] {
		case "identity":
			where, known = "an identity", keys(reflect.TypeFor[Identity]())
		case "service":
			where, known = "a service", keys(reflect.TypeFor[Service]())
		case "door":
			where, known = "a door", keys(reflect.TypeFor[Door]())
		case "write":
			where, known = "a write", keys(reflect.TypeFor[Write]())
		}
	}
	text := fmt.Sprintf("%s has no key %q", where, fault.Printable(last, 60))
	if near := spelling.Nearest(last, known); near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	return f.at(place{line, column, len(last)}, UnknownKey, "%s", text)
}

// keys are those that a table may have.
func keys(table reflect.Type) (all []string) {
	for i := range table.NumField() {
		field := table.Field(i)
		if field.Anonymous {
			all = append(all, keys(field.Type)...)
		} else if key := field.Tag.Get("toml"); key != "" {
			all = append(all, key)
		}
	}
	return all
}

// fill puts a default in the place of every key that was not written.
func (f *source) fill(table reflect.Value, prefix string) {
	for i := range table.NumField() {
		field, value := table.Type().Field(i), table.Field(i)
		key := join(prefix, field.Tag.Get("toml"))
		switch {
		case field.Anonymous:
			f.fill(value, prefix)
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			if field.IsExported() {
				for j := range value.Len() {
					f.fill(value.Index(j), fmt.Sprintf("%s[%d]", key, j))
				}
			}
		case field.Tag.Get("default") != "" && !f.has(key):
			setDefault(value, field.Tag.Get("default"))
		}
	}
}

// setDefault reads a default as the file's own text would be.
func setDefault(value reflect.Value, text string) {
	switch target := value.Addr().Interface().(type) {
	case *string:
		*target = text
	case *int:
		fmt.Sscan(text, target)
	case *Duration:
		*target = Duration(text)
	}
}

// has reports whether a key was written.
func (f *source) has(key string) bool {
	_, ok := f.places[key]
	return ok
}

// Place is where a key stands, FILE:LINE; that of its table if it was not
// written.
func (f *source) Place(key string) string { return fmt.Sprintf("%s:%d", f.path, f.placeOf(key).line) }

func (f *source) placeOf(key string) place {
	for {
		if at, ok := f.places[key]; ok {
			return at
		}
		dot := strings.LastIndex(key, ".")
		if dot < 0 {
			return place{line: 1, column: 1}
		}
		key = key[:dot]
	}
}

// Fault is an error about a key.
func (f *source) Fault(key string, code fault.Code, format string, args ...any) *fault.Error {
	return f.at(f.placeOf(key), code, format, args...)
}

// at is an error about a place. Its hint shows the line, with a caret below.
func (f *source) at(at place, code fault.Code, format string, args ...any) *fault.Error {
	if f.path == "" { // it was made of flags
		return fault.New(code, format, args...).WithHint("correct the command line")
	}
	err := fault.New(code, "%s:%d: %s", f.path, at.line, fmt.Sprintf(format, args...))
	if at.line < 1 || at.line > len(f.text) || strings.TrimSpace(f.text[at.line-1]) == "" {
		return err.WithHint("correct %s", f.path)
	}
	line := strings.TrimSuffix(strings.ReplaceAll(f.text[at.line-1], "\t", " "), "\r")
	return err.WithHint("correct line %d of %s:\n  %s\n  %s%s", at.line, f.path, line,
		strings.Repeat(" ", max(at.column-1, 0)), strings.Repeat("^", max(at.width, 1)))
}

// Resolve makes a path of the file one of this process.
func (f *source) Resolve(path string) string {
	if filepath.IsAbs(path) || f.path == "" {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}
