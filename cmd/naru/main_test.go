package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// naru runs a command and returns its exit code and what it printed.
func naru(t *testing.T, stdin string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// folder writes files and returns where they are.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	pool = "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [192.0.2.0/28]}\n"
	web  = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\n"
	pods = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n" +
		"addressType: IPv4\nports: [{port: 8080}]\nendpoints: [{addresses: [10.0.0.1], nodeName: w1}]\n"
)

func TestExitCodesTellHowItWent(t *testing.T) {
	good := folder(t, map[string]string{"pool.yaml": pool, "web.yaml": web, "pods.yaml": pods})
	warning := folder(t, map[string]string{"pool.yaml": pool, "web.yaml": strings.Replace(web, "web\n", "web\n  annotations: {naru.dev/idle-timeot: 5m}\n", 1), "pods.yaml": pods})
	bad := folder(t, map[string]string{"web.yaml": strings.Replace(web, "type", "typ", 1)})
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"clean", []string{"check", "-f", good}, 0, "3 files, 3 objects, no findings", ""},
		{"clean, as an argument", []string{"check", good}, 0, "no findings", ""},
		{"a warning", []string{"check", "-f", warning}, 0, "1 warning", ""},
		{"a warning that counts", []string{"check", "-f", warning, "--fail-on", "warning"}, 1, "NR1101", ""},
		{"an error", []string{"check", "-f", bad}, 1, "NR0105", ""},
		{"an error that does not count", []string{"check", "-f", bad, "--fail-on", "never"}, 0, "NR0105", ""},
		{"the format does not change the code", []string{"check", "-f", bad, "-o", "json"}, 1, `"code": "NR0105"`, ""},
		{"nothing to read", []string{"check", "-f", filepath.Join(good, "nowhere")}, 2, "NR0110", "1 path could not be read"},
		{"nothing is named", []string{"check"}, 2, "", "name a file or a folder"},
		{"an unknown flag", []string{"check", "--colour"}, 2, "", "unknown flag"},
		{"an unknown format", []string{"check", "-o", "xml", good}, 2, "", "the formats are text, json, yaml"},
		{"a bad service tag", []string{"check", good, "--service-tag", "A=10.0.0.1/8"}, 2, "", "not an address range"},
		{"explain from files", []string{"explain", "svc/web", "-f", good}, 0, "192.0.2.", ""},
		{"explain nothing", []string{"explain", "svc/wep", "-f", good}, 2, "", "naru explain svc/web -n default"},
		{"explain what is no Service", []string{"explain", "pod/web", "-f", good}, 2, "", "neither a Service"},
		{"explain a code", []string{"explain", "nr3101"}, 0, "ProbeMismatch", ""},
		{"explain a code to a program", []string{"explain", "NR3101", "-o", "json"}, 0, `"reason": "ProbeMismatch"`, ""},
		{"a client", []string{"explain", "svc/web", "-f", good, "--from", "192.0.2.77"}, 0, "192.0.2.77", ""},
		{"no client", []string{"explain", "svc/web", "-f", good, "--from", "me"}, 2, "", "neither an address"},
		{"what if", []string{"explain", "svc/web", "-f", good, "--if", "externalTrafficPolicy=Local"}, 0, "WHAT IF", ""},
		{"no what if", []string{"explain", "svc/web", "-f", good, "--if", "externalTrafficPolicy"}, 2, "", "not FIELD=VALUE"},
		{"measure what is not served", []string{"explain", "svc/web", "-f", good, "--measure", "5"}, 2, "", "needs a running naru"},
		{"nobody answers", []string{"status", "--admin", filepath.Join(t.TempDir(), "none.sock")}, 2, "", "naru run -f PATH"},
		{"nobody answers over TCP", []string{"explain", "svc/web", "--admin", "127.0.0.1:1"}, 2, "", "no naru run answers at 127.0.0.1:1"},
		{"run without manifests", []string{"run"}, 2, "", `required flag(s) "filename"`},
		{"version", []string{"version"}, 0, "naru ", ""},
		{"an unknown command", []string{"chekc"}, 2, "", `unknown command "chekc"`},
	} {
		code, out, errOut := naru(t, "", c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) || c.err == "" && errOut != "" {
			t.Errorf("%s: naru %s: exit code %d, want %d\nstdout: %s\nstderr: %s", c.name, strings.Join(c.args, " "), code, c.code, out, errOut)
		}
		if strings.Contains(errOut, "Usage:") {
			t.Errorf("%s: the error drowns in the usage:\n%s", c.name, errOut)
		}
	}
}

func TestTheShellCompletesServices(t *testing.T) {
	dir := folder(t, map[string]string{"pool.yaml": pool, "web.yaml": web + "---\n" + strings.Replace(web, "name: web", "name: far\n  namespace: other", 1)})
	for _, c := range []struct{ args, want []string }{
		{[]string{"-f", dir, ""}, []string{"svc/web", ":4"}},
		{[]string{"-f", dir, "-n", "other", ""}, []string{"svc/far", ":4"}},
		{[]string{"-f", dir, "svc/web", ""}, []string{":4"}},
		{[]string{"--admin", filepath.Join(t.TempDir(), "none.sock"), ""}, []string{":4"}},
	} {
		code, out, _ := naru(t, "", append([]string{"__complete", "explain"}, c.args...)...)
		if got := strings.Fields(out); code != 0 || !slices.Equal(got, c.want) {
			t.Errorf("%v: exit code %d, got %v, want %v", c.args, code, got, c.want)
		}
	}
}

func TestCheckPrintsOneDocument(t *testing.T) {
	dir := folder(t, map[string]string{"pool.yaml": pool, "web.yaml": web})
	code, out, _ := naru(t, "", "check", "-o", "json", dir)
	var d checkResult
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != 0 || d.Kind != "CheckResult" || d.Files != 2 || d.Objects != 2 || d.Findings == nil {
		t.Errorf("exit code %d, %v:\n%s", code, err, out)
	}
}

func TestEveryExampleCanBePasted(t *testing.T) {
	commands := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			_, line, found := strings.Cut(line, "naru ")
			if !found {
				continue
			}
			commands++
			args := strings.Fields(line)
			root := newRoot()
			called, rest, err := root.Find(args)
			if err == nil {
				err = called.ParseFlags(rest)
			}
			if err == nil {
				err = called.ValidateRequiredFlags()
			}
			if err == nil {
				err = called.ValidateArgs(called.Flags().Args())
			}
			if err != nil || called == root {
				t.Errorf("naru %s: example of %q does not parse: %v", line, c.CommandPath(), err)
			}
			for i, a := range args {
				if a == "-f" && args[i+1] != "-" {
					if _, err := os.Stat(filepath.Join("../..", args[i+1])); err != nil {
						t.Errorf("naru %s: %v", line, err)
					}
				}
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
	if commands < 10 {
		t.Errorf("only %d examples were found", commands)
	}
}

func TestTheExamplesAreWithoutMistakes(t *testing.T) {
	folders, err := filepath.Glob("../../examples/*")
	if err != nil || len(folders) < 3 {
		t.Fatalf("found %v, %v", folders, err)
	}
	for _, dir := range folders {
		if code, out, errOut := naru(t, "", "check", "--fail-on", "warning", dir); code != 0 {
			t.Errorf("%s:\n%s%s", dir, out, errOut)
		}
	}
}
