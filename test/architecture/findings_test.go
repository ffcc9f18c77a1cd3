package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/finding"
)

const root = "../.."

func TestEveryCodeThatIsWrittenAnywhereHasARule(t *testing.T) {
	code := regexp.MustCompile(`\bNR[0-9]{4}\b`)
	eachFile(t, func(path, text string) {
		if strings.HasSuffix(path, "_test.go") {
			return // tests look for codes that there are not
		}
		for _, c := range code.FindAllString(text, -1) {
			if _, ok := finding.Lookup(finding.Code(c)); !ok {
				t.Errorf("%s names %s, which has no rule", path, c)
			}
		}
	})
}

func TestEveryRuleIsUsedAndEveryNameOfACodeHasARule(t *testing.T) {
	names := codeNames(t)
	used := map[string]bool{}
	use := regexp.MustCompile(`\bfinding\.([A-Z]\w*)`)
	eachFile(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, m := range use.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	})
	for name, code := range names {
		if _, ok := finding.Lookup(code); !ok {
			t.Errorf("finding.%s (%s) has no rule", name, code)
		}
		if !used[name] {
			t.Errorf("nothing makes a finding of finding.%s (%s)", name, code)
		}
	}
	if n := len(finding.Rules()); n != len(names) {
		t.Errorf("there are %d rules and %d names of codes", n, len(names))
	}
}

// codeNames returns the codes by the names that Go has for them.
func codeNames(t *testing.T) map[string]finding.Code {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal/finding/rules.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]finding.Code{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Code" {
			names[v.Names[0].Name] = finding.Code(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	return names
}

// eachFile hands over the Go files and the pages of the project.
func eachFile(t *testing.T, look func(path, text string)) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			look(strings.TrimPrefix(path, root+"/"), string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
