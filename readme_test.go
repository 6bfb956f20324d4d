package signet_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/cli"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// snippets are the regions of Go files that the README shows, in its order.
var snippets = []struct {
	file     string
	maxLines int
}{
	{"examples/seed1/main.go", 12},
	{"examples/seed2/main.go", 12},
	{"readme_test.go", 20},
}

// Example_library is the README's piece of code about the library.
func Example_library() {
	domain := testpki.Must(spiffeid.ParseTrustDomain("shop.example"))
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Shop Root"}))
	roots := testpki.Must(verify.ForTrustDomain(domain, root.Leaf()))
	orders := testpki.Must(root.New(pki.Spec{Profile: pki.Workload, ID: testpki.Must(domain.ID("orders"))}))
	web := testpki.Must(root.New(pki.Spec{Profile: pki.Workload, ID: testpki.Must(domain.ID("web"))}))
	ctx, check := context.Background(), func(err error) { testpki.Must(0, err) }

	// region: the library
	server := &signet.Server{
		Identity: identity.Static(orders), // our own certificate; another Source may renew it
		Roots:    roots,                   // whom we believe about our clients
		Name:     verify.Member(domain),   // who they must be
		Authorize: func(_ context.Context, peer *signet.Peer) error { // can only say no
			if peer.ID.Path() != "web" {
				return errors.New("only web may ask")
			}
			return nil
		},
		ALPN: []string{"h2", "http/1.1"},
	}
	listener, err := server.Listen(ctx, "127.0.0.1:0")
	check(err)
	go server.HTTP(http.HandlerFunc(greet)).Serve(listener.TLS())

	client := &signet.Client{Roots: roots, Name: verify.ID(orders.Leaf().ID()), Identity: identity.Static(web)}
	answer, err := client.HTTP().Get("https://" + listener.Addr().String())
	check(err) // or errors.Is(err, verify.CertExpired), verify.NameMismatch, …
	// endregion

	fmt.Printf("%s\n", testpki.Must(io.ReadAll(answer.Body)))
	// Output: hello spiffe://shop.example/web
}

// greet answers with the name that the client has proved.
func greet(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s", signet.PeerOf(r.Context()).ID)
}

// TestReadmeCode holds every piece of Go in the README to the file it is from.
func TestReadmeCode(t *testing.T) {
	var want []string
	for _, snippet := range snippets {
		code := region(t, snippet.file)
		if lines := strings.Count(code, "\n"); lines > snippet.maxLines {
			t.Errorf("the region of %s has %d lines, more than %d", snippet.file, lines, snippet.maxLines)
		}
		want = append(want, code)
	}
	if diff := cmp.Diff(want, fences(t, "README.md", "go")); diff != "" {
		t.Errorf("README.md shows other code than its files have (-files +README):\n%s", diff)
	}
}

// TestGuideCode holds the Go of its guide to the example.
func TestGuideCode(t *testing.T) {
	if diff := cmp.Diff(regions(t, "examples/orders/main.go"), fences(t, "docs/guide-go.md", "go")); diff != "" {
		t.Errorf("docs/guide-go.md shows other code than the example has (-example +guide):\n%s", diff)
	}
}

// region returns the one marked part of a Go file.
func region(t *testing.T, file string) string {
	t.Helper()
	found := regions(t, file)
	if len(found) != 1 {
		t.Fatalf("%s has %d regions, want 1", file, len(found))
	}
	return found[0]
}

// regions returns the marked parts of a Go file, without their one tab.
func regions(t *testing.T, file string) (found []string) {
	t.Helper()
	for _, lines := range regexp.MustCompile(`(?ms)^\t// region: [^\n]*\n(.*?)^\t// endregion$`).FindAllStringSubmatch(read(t, file), -1) {
		found = append(found, regexp.MustCompile(`(?m)^\t`).ReplaceAllString(lines[1], ""))
	}
	return found
}

// fences returns a document's blocks of a language.
func fences(t *testing.T, document, language string) []string {
	t.Helper()
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(read(t, document), -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

// TestExamplesAreShort measures the programs that show how little is needed.
func TestExamplesAreShort(t *testing.T) {
	const most = 25
	for _, file := range []string{"examples/certificates/main.go", "examples/download/main.go", "examples/seed1/main.go", "examples/seed2/main.go"} {
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		object := parsed.Scope.Lookup("main")
		if object == nil {
			t.Fatalf("%s has no main", file)
		}
		main := object.Decl.(*ast.FuncDecl)
		if lines := files.Position(main.End()).Line - files.Position(main.Pos()).Line + 1; lines > most {
			t.Errorf("main of %s has %d lines, more than %d", file, lines, most)
		}
	}
}

// TestReadmeCommands compares the commands that the README names with those
// that there are.
func TestReadmeCommands(t *testing.T) {
	var help, complaint strings.Builder
	if status := cli.Main(t.Context(), []string{"--help"}, strings.NewReader(""), &help, &complaint); status != 0 {
		t.Fatalf("signet --help exits with %d: %s", status, complaint.String())
	}
	have := words(`(?m)^  ([a-z]+) `, help.String())
	code := strings.Join(words("`([^`\n]+)`", read(t, "README.md")), "\n") + "\n" + strings.Join(fences(t, "README.md", "(?:sh|console)"), "\n")
	named := words(`(?m)(?:^|\$ |&& )(?:go run \./cmd/)?signet ([a-z]+)`, code)
	if diff := cmp.Diff(have, named); diff != "" {
		t.Errorf("the README names other commands than there are (-help +README):\n%s", diff)
	}
}

// words returns what the one group of the pattern matches in text, sorted,
// each once.
func words(pattern, text string) []string {
	var all []string
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestReadmeTranscript holds the README's transcript to the golden one, which
// the tests run: every command and every line of output occurs there.
func TestReadmeTranscript(t *testing.T) {
	const golden = "cmd/signet/testdata/quickstart.txtar"
	script, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("the README's transcript has nothing to be compared with: %v", err)
	}
	shown := fences(t, "README.md", "console")
	if len(shown) != 1 || strings.Count(shown[0], "\n") != 8 {
		t.Fatalf("the README has the transcripts %q, want 1 of eight lines", shown)
	}
	known := masked(string(script))
	for line := range strings.Lines(uncommented(shown[0])) {
		for part := range strings.SplitSeq(strings.TrimPrefix(line, "$ "), " && ") {
			if part := masked(part); !strings.Contains(known, part) {
				t.Errorf("%s has nothing like the README's %q", golden, part)
			}
		}
	}
}

// TestTranslation holds the commands of the Korean README, and what they say, to
// those of the English one.
func TestTranslation(t *testing.T) {
	const language = "(?:sh|console)"
	var want, have []string
	for _, block := range fences(t, "README.md", language) {
		want = append(want, uncommented(block))
	}
	for _, block := range fences(t, "README.ko.md", language) {
		have = append(have, uncommented(block))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("README.ko.md shows other commands than README.md (-README.md +README.ko.md):\n%s", diff)
	}
}

// uncommented leaves the comments out of commands.
func uncommented(text string) string {
	return regexp.MustCompile(`(?m) +# .*$`).ReplaceAllString(text, "")
}

// masks hide what differs between the README and the script: the door's port,
// and how wide a column is.
var masks = []struct{ pattern, by string }{
	{`http://\S+/ticks`, "URL"},
	{`[ \t]+`, " "},
}

func masked(text string) string {
	for _, mask := range masks {
		text = regexp.MustCompile(mask.pattern).ReplaceAllString(text, mask.by)
	}
	return strings.TrimSpace(text)
}

// TestLinks follows every relative link of the documents.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range append(documents, "README.md", "README.ko.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md") {
		text := read(t, document)
		for _, target := range words(`\]\(([^)\s]+)\)`, text) {
			path, anchor, _ := strings.Cut(target, "#")
			switch {
			case strings.Contains(target, "://"):
			case path == "":
				if heading := regexp.MustCompile(`(?mi)^#+ ` + strings.ReplaceAll(regexp.QuoteMeta(anchor), "-", " ") + `$`); !heading.MatchString(text) {
					t.Errorf("%s has no heading for its link #%s", document, anchor)
				}
			default:
				if _, err := os.Stat(filepath.Join(filepath.Dir(document), path)); err != nil {
					t.Errorf("%s links to %s: %v", document, target, err)
				}
			}
		}
	}
}

// TestArchitecture holds ARCHITECTURE.md to the tree: it names every room, and
// nothing that is not there.
func TestArchitecture(t *testing.T) {
	named := words("`([^`\n]+)`", read(t, "ARCHITECTURE.md"))
	for _, room := range rooms {
		if !slices.Contains(named, room.path) && room.path != "." {
			t.Errorf("ARCHITECTURE.md does not name `%s`", room.path)
		}
	}
	path := regexp.MustCompile(`^[\w./-]+(/|\.go|\.md)[\w./-]*$`)
	for _, name := range named {
		if _, err := os.Stat(name); err != nil && path.MatchString(name) {
			t.Errorf("ARCHITECTURE.md names `%s`: %v", name, err)
		}
	}
}

// TestModulesHaveReasons compares the table of modules in docs/decisions.md
// with what the program links.
func TestModulesHaveReasons(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/signet").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := slices.DeleteFunc(words(`(?m)^(\S+)$`, string(out)), func(path string) bool { return path == module })
	if diff := cmp.Diff(linked, words("(?m)^\\| `([^`]+)` \\|", read(t, "docs/decisions.md"))); diff != "" {
		t.Errorf("docs/decisions.md has other modules than signet links (-linked +table):\n%s", diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
