package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var tables = map[string][]fault.Entry{
	"spiffeid":   spiffeid.Codes(),
	"pki":        pki.Codes(),
	"pki/pkcs7":  pkcs7.Codes(),
	"pki/pkcs12": pkcs12.Codes(),
	"verify":     verify.Codes(),
}

// TestEveryCodeIsInItsTable reads the source: a constant that is missing in the
// table cannot be found in any other way.
func TestEveryCodeIsInItsTable(t *testing.T) {
	for name, table := range tables {
		t.Run(name, func(t *testing.T) {
			declared := declaredCodes(t, filepath.Join("..", name))
			if len(declared) == 0 {
				t.Fatal("no code is declared: the test looks in the wrong place")
			}
			for _, entry := range table {
				if !declared[entry.Code] {
					t.Errorf("%s is in the table, but no constant, or is there twice", entry.Code)
				}
				delete(declared, entry.Code)
			}
			for code := range declared {
				t.Errorf("%s is a constant, but in no table", code)
			}
		})
	}
}

// declaredCodes returns the values of a package's constants of type fault.Code.
func declaredCodes(t *testing.T, folder string) map[fault.Code]bool {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[fault.Code]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			if spec, ok := node.(*ast.ValueSpec); ok && isCode(spec.Type) {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes[fault.Code(text)] = true
			}
			return true
		})
	}
	return codes
}

func isCode(expr ast.Expr) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Code"
}

func TestTables(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	owner := map[fault.Code]string{}
	for name, table := range tables {
		for _, entry := range table {
			if !snake.MatchString(string(entry.Code)) {
				t.Errorf("%s: %q is not snake_case", name, entry.Code)
			}
			if other, taken := owner[entry.Code]; taken {
				t.Errorf("%s is a code of %s and of %s", entry.Code, other, name)
			}
			owner[entry.Code] = name
			for _, sentence := range []string{entry.Meaning, entry.Cause, entry.Next} {
				if sentence == "" || !strings.HasSuffix(sentence, ".") || sentence != fault.Printable(sentence, 300) {
					t.Errorf("%s: %q is not a sentence on one line", entry.Code, sentence)
				}
			}
		}
	}
}
