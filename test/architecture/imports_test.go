// Package architecture proves that the packages import one another only along the arrows of docs/architecture.md.
package architecture

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/naru-lb/naru/"

// layers lists the packages from the bottom to the top. A package may import those of the layers below its own, and
// nothing beside or above it, but for the pairs in beside.
var layers = [][]string{
	{"internal/plan", "internal/finding", "internal/nearest", "api/v1alpha1", "api/metallb/v1beta1"},
	{"internal/object", "internal/observe", "internal/ipam", "internal/proxyproto"},
	{"internal/ring", "internal/dialect", "internal/state", "internal/source/manifest", "internal/source/endpoints"},
	{"internal/dialect/azure", "internal/dialect/metallb", "internal/dialect/naru", "internal/source/files", "internal/diagnosis"},
	{"internal/compile", "internal/probe", "internal/dataplane/edge", "internal/echo"},
	{"internal/explain", "internal/measure", "internal/demo"},
	{"internal/admin"},
	{"internal/run"},
	{"cmd/naru", "internal/docs"},
}

// blind lists who must not know of whom although the layers would allow it.
var blind = map[string][]string{
	"internal/probe":          {"internal/object", "internal/ipam", "internal/dialect", "k8s.io/"},
	"internal/dataplane/edge": {"internal/object", "internal/ipam", "internal/dialect", "k8s.io/"},
	"internal/plan":           {"k8s.io/"},
	"internal/ipam":           {"k8s.io/"},
	"internal/ring":           {"k8s.io/", "internal/ipam", "internal/object"},
	"internal/explain":        {"k8s.io/", "internal/compile", "internal/dialect"},
	"internal/diagnosis":      {"k8s.io/", "internal/compile", "internal/dialect"},
	"internal/compile":        {"internal/source", "internal/observe", "internal/ring"},
}

func TestNoPackageImportsOneAboveIt(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, p := range layer {
			level[p] = i
		}
	}
	seen := map[string]bool{}
	for _, goos := range []string{"linux", "darwin"} {
		for pkg, imports := range packages(t, goos) {
			own, ok := level[pkg]
			if !ok {
				if strings.HasPrefix(pkg, "bench/") || strings.HasPrefix(pkg, "test/") || strings.HasPrefix(pkg, "examples") {
					continue
				}
				t.Errorf("%s is in no layer: add it to the table, and to docs/architecture.md", pkg)
				continue
			}
			seen[pkg] = true
			for _, imp := range imports {
				if to, ok := level[imp]; ok && to >= own {
					t.Errorf("%s (layer %d) imports %s (layer %d)", pkg, own, imp, to)
				}
				for _, hidden := range blind[pkg] {
					if strings.HasPrefix(imp, hidden) {
						t.Errorf("%s imports %s, which it must not know", pkg, imp)
					}
				}
			}
		}
	}
	for p := range level {
		if !seen[p] {
			t.Errorf("the table has %s, which does not exist", p)
		}
	}
}

// packages returns what each package of the module imports; those of the module by their path within it.
func packages(t *testing.T, goos string) map[string][]string {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for i := range fields {
			fields[i] = strings.TrimPrefix(fields[i], module)
		}
		all[fields[0]] = fields[1:]
	}
	return all
}
