package policy

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	gocmp "github.com/google/go-cmp/cmp"
)

// indexed is any Cedar policies, not only Signet's, with their index.
type indexed struct {
	all   *cedar.PolicySet
	rules []*rule
	index *index
}

func indexAll(all *cedar.PolicySet) indexed {
	x := indexed{all: all}
	for id, p := range all.All() {
		x.rules = append(x.rules, &rule{Rule: Rule{Name: string(id)}, tree: narrowed(p.AST()), cedar: p})
	}
	slices.SortFunc(x.rules, func(a, b *rule) int { return cmp.Compare(a.Name, b.Name) })
	var trees []*ast.Policy
	for _, r := range x.rules {
		trees = append(trees, r.tree)
	}
	x.index = newIndex(trees)
	return x
}

// answer is what Cedar says, in the order of names.
type answer struct {
	Verdict         cedar.Decision
	Reasons, Errors []string
}

func answerOf(verdict cedar.Decision, diagnostic cedar.Diagnostic) answer {
	a := answer{Verdict: verdict}
	for _, r := range diagnostic.Reasons {
		a.Reasons = append(a.Reasons, fmt.Sprint(r.PolicyID, r.Position))
	}
	for _, e := range diagnostic.Errors { // of several in one record cedar-go takes any for the message
		a.Errors = append(a.Errors, fmt.Sprint(e.PolicyID, e.Position))
	}
	slices.Sort(a.Reasons)
	slices.Sort(a.Errors)
	return a
}

// compare asks all policies, and those that the index chooses.
func (x indexed) compare(t *testing.T, entities cedar.EntityMap, request cedar.Request) (want answer, looked int) {
	t.Helper()
	want = answerOf(cedar.Authorize(x.all, entities, request))
	candidates := x.index.candidates(x.index.question(entities, request.Principal, request.Resource))
	have := answerOf(cedar.Authorize(chosen{x.rules, candidates}, entities, request))
	if want.Verdict != have.Verdict || !slices.Equal(want.Reasons, have.Reasons) || !slices.Equal(want.Errors, have.Errors) {
		t.Fatalf("%s → %s (-all +indexed):\n%s\n%s", request.Principal, request.Resource, gocmp.Diff(want, have), x.all.MarshalCedar())
	}
	return want, len(candidates)
}

// TestIndexOnCorpus asks everything that Cedar's own corpus asks.
func TestIndexOnCorpus(t *testing.T) {
	files := corpus(t)
	asked, errored, all, looked := 0, 0, 0, 0
	sets := map[string]indexed{}
	for i, name := range tests(files) {
		if i%share != 0 {
			continue
		}
		data := files[name]
		var test struct {
			Policies, Entities string
			Requests           []struct {
				Principal, Action, Resource cedar.EntityUID
				Context                     cedar.Record
			}
		}
		if err := json.Unmarshal(data, &test); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		x, ok := sets[test.Policies]
		if !ok {
			policies, err := cedar.NewPolicySetFromBytes("", files[test.Policies])
			if err != nil {
				t.Fatalf("%s: %v", test.Policies, err)
			}
			x = indexAll(policies)
			sets[test.Policies] = x
		}
		var entities cedar.EntityMap
		if err := json.Unmarshal(files[test.Entities], &entities); err != nil {
			t.Fatalf("%s: %v", test.Entities, err)
		}
		for _, r := range test.Requests {
			want, candidates := x.compare(t, entities, cedar.Request{Principal: r.Principal, Action: r.Action, Resource: r.Resource, Context: r.Context})
			asked, all, looked = asked+1, all+len(x.rules), looked+candidates
			errored += min(len(want.Errors), 1)
		}
	}
	t.Logf("%d requests (%d with errors) of %d policy sets; %d policies in all, %d looked at", asked, errored, len(sets), all, looked)
	if asked < 60_000/share || errored < 3000/share || looked >= all {
		t.Errorf("%d requests, %d with errors, %d of %d policies looked at: the corpus is not what it was", asked, errored, looked, all)
	}
}

// tests lists the corpus's tests, in an order of its own.
func tests(files map[string][]byte) (names []string) {
	for name := range files {
		if strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".entities.json") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// corpus reads Cedar's integration tests out of the module that we build with.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cedar-policy/cedar-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "corpus-tests.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, header.Size)
		if _, err := io.ReadFull(archive, data); err != nil {
			t.Fatal(err)
		}
		files[header.Name] = data
	}
}

// TestIndexOnRandomPolicies asks what no corpus thought of: deep and cyclic
// hierarchies, every kind of scope, conditions that fail.
func TestIndexOnRandomPolicies(t *testing.T) {
	const sets, requests = 2000, 52
	random := rand.New(rand.NewPCG(7, 7))
	seen := map[string]int{}
	for range sets / share {
		entities := randomEntities(random)
		policies := cedar.NewPolicySet()
		for i := range random.IntN(12) {
			var p cedar.Policy
			if text := randomPolicy(random); p.UnmarshalCedar([]byte(text)) != nil {
				t.Fatal(text)
			}
			policies.Add(cedar.PolicyID(fmt.Sprint("p", i)), &p)
		}
		x := indexAll(policies)
		for range requests {
			want, looked := x.compare(t, entities, cedar.Request{Principal: randomUID(random), Action: randomAction(random), Resource: randomUID(random)})
			seen["asked"]++
			seen[fmt.Sprint(want.Verdict)]++
			seen["errors"] += min(len(want.Errors), 1)
			seen["forbidden"] += min(len(want.Reasons), 1)
			seen["left out"] += len(x.rules) - looked
		}
	}
	t.Log(seen)
	if seen["asked"] < 100_000/share || seen["allow"] < 5000/share || seen["errors"] < 5000/share || seen["left out"] < 100_000/share {
		t.Errorf("%v: too little of something to show much", seen)
	}
}

var randomTypes = []cedar.EntityType{"User", "Team", "Doc", "NS::Folder"}

func randomUID(random *rand.Rand) cedar.EntityUID {
	return cedar.NewEntityUID(randomTypes[random.IntN(len(randomTypes))], cedar.String("abc"[random.IntN(3)]))
}

func randomAction(random *rand.Rand) cedar.EntityUID {
	return cedar.NewEntityUID("Action", []cedar.String{"view", "edit"}[random.IntN(2)])
}

// randomEntities leaves some out, and has parents anywhere, in circles too.
func randomEntities(random *rand.Rand) cedar.EntityMap {
	entities := cedar.EntityMap{}
	for _, kind := range randomTypes {
		for _, name := range "abc" {
			var parents []cedar.EntityUID
			for range random.IntN(3) {
				parents = append(parents, randomUID(random))
			}
			uid := cedar.NewEntityUID(kind, cedar.String(name))
			if random.IntN(5) > 0 {
				entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(parents...)}
			}
		}
	}
	return entities
}

func randomPolicy(random *rand.Rand) string {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	uid := func() string { return randomUID(random).String() }
	kind := func() string { return string(randomTypes[random.IntN(len(randomTypes))]) }
	scope := func(variable string) string {
		return variable + pick("", " == "+uid(), " == "+uid(), " in "+uid(), " in "+uid(), " is "+kind(), " is "+kind()+" in "+uid())
	}
	return fmt.Sprintf("%s (%s, %s, %s) %s;", pick("permit", "permit", "forbid"), scope("principal"),
		pick("action", `action == Action::"view"`, `action in [Action::"view", Action::"edit"]`, "action in []"), scope("resource"),
		pick("", "", "", "when { principal in "+uid()+" }", "unless { resource in ["+uid()+", "+uid()+"] }",
			"when { principal.missing }", "unless { 9223372036854775807 + 1 == 0 }", "when { 1 }",
			"when { principal is "+kind()+" in "+uid()+" } unless { resource.missing == 1 }",
			"when { if principal == "+uid()+" then context.missing else true }"))
}
