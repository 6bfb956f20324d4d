package cli

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// TestReportPage holds docs/report.md against the types that are written, key by
// key, and both against the golden report, which has every key of a report.
func TestReportPage(t *testing.T) {
	have := map[string][]string{}
	section := ""
	row := regexp.MustCompile("^\\| `([a-z0-9_]+)` \\| (always)? ?\\| .+ \\|$")
	for line := range strings.Lines(string(testpki.Must(os.ReadFile("../../docs/report.md")))) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if cells := row.FindStringSubmatch(line); cells != nil {
			have[section] = append(have[section], strings.TrimSpace(cells[1]+" "+cells[2]))
		}
	}
	types := map[string]reflect.Type{"Target": reflect.TypeFor[verdict](), "TLS": reflect.TypeFor[channel](), "Sent": reflect.TypeFor[sentCert](), "Error": reflect.TypeFor[complaintError](),
		"Report": reflect.TypeFor[verify.Report](), "Check": reflect.TypeFor[verify.Check](), "Candidate": reflect.TypeFor[verify.Candidate](),
		"Certificate": reflect.TypeFor[verify.Certificate](), "Evidence": reflect.TypeFor[verify.Evidence]()}
	want := map[string][]string{}
	for title, of := range types {
		want[title] = keysOf(of)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("docs/report.md (-the types +the page):\n%s", diff)
	}
	var golden any
	if err := json.Unmarshal(testpki.Must(os.ReadFile("../../verify/testdata/report.json")), &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	walk(t, types["Report"], golden, seen)
	for _, title := range []string{"Report", "Check", "Candidate", "Certificate", "Evidence"} {
		for _, key := range want[title] {
			if key, _, _ = strings.Cut(key, " "); !seen[title+" "+key] {
				t.Errorf("the golden report has no key %q of %s", key, title)
			}
		}
	}
}

// keysOf are the keys of a type's JSON, each with whether it is always there.
func keysOf(of reflect.Type) []string {
	var keys []string
	for field := range of.Fields() {
		key, options, found := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !found && key == "":
		case strings.HasPrefix(options, "omit"):
			keys = append(keys, key)
		default:
			keys = append(keys, key+" always")
		}
	}
	return keys
}

// walk notes the keys of a value that was written of a type, and complains of those
// that the type does not have.
func walk(t *testing.T, of reflect.Type, value any, seen map[string]bool) {
	t.Helper()
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			walk(t, of, one, seen)
		}
	case map[string]any:
		fields := map[string]reflect.Type{}
		for field := range of.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			fields[key] = field.Type
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if fields[key] == nil {
				t.Errorf("%s has no key %q", of.Name(), key)
				continue
			}
			seen[of.Name()+" "+key] = true
			walk(t, fields[key], value[key], seen)
		}
	}
}
