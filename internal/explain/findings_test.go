package explain_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
)

const indented = `apiVersion: v1
kind: Service
metadata:
  name: kimmap-backend-tcp
  namespace: kimmap
spec:
  type: LoadBalancer
  selector: {app: kimmap-backend-tcp}
  ports:
    - protocol: TCP
    port: 9999
    targetPort: 8888
    name: tcp-client
---
kind: Pod
`

const quotes = `kind: Service
metadata:
  annotations:
    # 서비스는 내부에만 있어야 한다
    비고: "내부 전용"  # 내부
    service.beta.kubernetes.io/azure-load-balancer-internal: “true”
`

func findingAt(code finding.Code, message, file string, line, column, end int) finding.Finding {
	f := finding.New(code, message)
	f.Place = finding.Place{File: file, Line: line, Column: column, EndColumn: end}
	return f
}

func TestScreenOfFindings(t *testing.T) {
	service := finding.Object{Kind: "Service", Namespace: "kimmap", Name: "kimmap-backend-tcp"}
	files := map[string]string{
		"a-indent.yaml": indented,
		"b-quotes.yaml": quotes,
		"tabs.yaml":     "spec:\n\tports:\n\t- port: 80\n",
		"one-line.json": `{"kind":"Service","metadata":{"annotations":{` + strings.Repeat(`"a/b":"c",`, 40) + `"x":3}}}`,
		"crlf.yaml":     "\uFEFFkind: Service\r\nspec: {type: Loadbalancer}\r\n",
		"nasty.yaml":    "kind: \x1b[2JService\nname: \u202Eevil\n\xff\xfe: x\n",
	}
	exposes := findingAt(finding.CurlyQuotes, "the value has curly quotes, so it is not true or false", "b-quotes.yaml", 6, 62, 68)
	exposes.Exposes = true
	for name, fs := range map[string][]finding.Finding{
		"findings_indent": {
			findingAt(finding.Indentation, "'port' stands left of its list item", "a-indent.yaml", 11, 5, 9).
				At(service, "spec.ports[0].port").
				With("nothing is applied. kubectl blames line 10: \"did not find expected '-' indicator\".", "naru check --fix a-indent.yaml"),
		},
		"findings_quotes": {exposes.With("on AKS this Service becomes PUBLIC, without a word. Naru refuses to guess: no address is assigned until the value is a boolean.",
			`service.beta.kubernetes.io/azure-load-balancer-internal: "true"`)},
		"findings_wide": {findingAt(finding.CurlyQuotes, "'비고' is no annotation", "b-quotes.yaml", 5, 9, 16)},
		"findings_tab":  {findingAt(finding.Tab, "a tab is used for indentation", "tabs.yaml", 3, 4, 8)},
		"findings_long_line": {
			findingAt(finding.NotAString, "the value of x is not a string", "one-line.json", 1, 450, 451),
		},
		"findings_crlf":  {findingAt(finding.FieldInvalid, `type "Loadbalancer" is not known`, "crlf.yaml", 2, 14, 26)},
		"findings_nasty": {findingAt(finding.NotYAML, "control characters \x1b]0;x\x07 here", "nasty.yaml", 1, 7, 18), findingAt(finding.NotYAML, "right to left", "nasty.yaml", 2, 7, 12), findingAt(finding.NotYAML, "not UTF-8", "nasty.yaml", 3, 1, 3)},
		"findings_places": {
			finding.New(finding.NoFreeAddress, "no pool has a free address").At(service, ""),
			finding.New(finding.StateFileBroken, "state.json is cut short"),
			findingAt(finding.Unreadable, "permission denied", "secret.yaml", 0, 0, 0),
			findingAt(finding.NotYAML, "the file is gone meanwhile", "gone.yaml", 7, 3, 4),
			findingAt(finding.NotYAML, "the line is gone meanwhile", "a-indent.yaml", 700, 3, 4),
			findingAt(finding.NotYAML, "the column is beyond the line", "a-indent.yaml", 2, 30, 33),
			findingAt(finding.NotYAML, "the end stands before the column", "a-indent.yaml", 2, 3, 1),
			findingAt(finding.NotYAML, "the whole line is meant", "a-indent.yaml", 14, 0, 0),
		},
		"findings_notes": {
			findingAt(finding.AnnotationIgnored, "azure-pls-create has no meaning outside Azure", "a-indent.yaml", 3, 1, 9),
			findingAt(finding.AnnotationIgnored, "azure-pls-name has no meaning outside Azure", "a-indent.yaml", 4, 3, 7),
			findingAt(finding.AnnotationUnknown, "nobody reads x", "a-indent.yaml", 5, 3, 12),
			findingAt(finding.UnknownKind, "Naru does not read Deployment", "a-indent.yaml", 15, 7, 10),
		},
		"findings_none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := explain.FindingsText(&b, fs, func(file string) []byte {
				if text, ok := files[file]; ok {
					return []byte(text)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.String())
		})
	}
}

func TestFindingsCanBeShownWithoutTheirFiles(t *testing.T) {
	var b bytes.Buffer
	f := findingAt(finding.NotYAML, "no", "a.yaml", 1, 1, 2)
	if err := explain.FindingsText(&b, []finding.Finding{f}, nil); err != nil || !strings.HasPrefix(b.String(), "a.yaml:1:1: error NR0101: no\n") {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func FuzzFindingsText(f *testing.F) {
	f.Add(indented, 11, 5, 9)
	f.Add("\t가\u0301\n---\n", 1, 200, 100_000_000)
	f.Add("", -1, -1, -1)
	f.Fuzz(func(t *testing.T, text string, line, column, end int) {
		var b bytes.Buffer
		fs := []finding.Finding{findingAt(finding.NotYAML, text, "a.yaml", line, column, end)}
		if err := explain.FindingsText(&b, fs, func(string) []byte { return []byte(text) }); err != nil {
			t.Fatal(err)
		}
		if n := b.Len(); n > 20*len(text)+20_000 {
			t.Errorf("%d bytes of text become a screen of %d", len(text), n)
		}
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
			t.Errorf("control character in %q", b.String()[max(0, i-20):i+1])
		}
	})
}
