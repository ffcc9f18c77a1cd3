package manifest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/finding"
)

// service is a Service whose lines from "spec" on are given.
func service(rest string) string {
	return "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n" + rest
}

const seed000 = `apiVersion: v1
kind: Service
metadata:
  name: kimmap-backend-tcp
  namespace: kimmap
spec:
  type: LoadBalancer
  externalTrafficPolicy: Cluster
  ports:
    - protocol: TCP
    port: 9999
    targetPort: 8888
    name: tcp-client
`

// mistakes are documents with something wrong, and what is to be found.
var mistakes = []struct {
	name, body string
	want       []string // line:column-end severity code path: message
}{
	{"keys that fall out of their list item", seed000, []string{
		"11:5-9 error NR0102 spec.ports[0].port: 'port' stands left of its list item"}},
	{"keys that fall out of a list in its parent's column", service("spec:\n  ports:\n  - protocol: TCP\n  port: 80\n  targetPort: 8080\n"), []string{
		"8:3-7 error NR0102 spec.ports[0].port: 'port' stands left of its list item"}},
	{"a key one column too deep", service("  labels:\n    a: b\n   namespace: x\nspec:\n  ports:\n  - port: 80\n"), []string{
		"7:4-13 error NR0102 metadata.namespace: 'namespace' stands 1 column too far right"}},
	{"a key one column too shallow", service("spec:\n  ports:\n  - port: 80\n   name: x\n"), []string{
		"8:4-8 error NR0102 spec.ports[0].name: 'name' stands left of its list item"}},
	{"a list item one column too shallow", service("spec:\n  ports:\n    - port: 80\n      name: x\n   - port: 81\n     name: z\n"), []string{
		"9:4-5 error NR0102 spec.ports[1]: '-' stands 1 column too far left"}},
	{"entries in the column of their mapping", service("  labels:\n  app: web\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:3-6 error NR0102 metadata.labels.app: 'app' stands left of 'labels', which it belongs to"}},
	{"two indentation mistakes", service("   namespace: x\nspec:\n  ports:\n    - port: 80\n    name: x\n"), []string{
		"5:4-13 error NR0102 metadata.namespace: 'namespace' stands 1 column too far right",
		"9:5-9 error NR0102 spec.ports[0].name: 'name' stands left of its list item"}},
	{"an indentation mistake and another one", service("   namespace: x\nspec:\n  typ: NodePort\n  ports:\n  - port: 80\n"), []string{
		"5:4-13 error NR0102 metadata.namespace: 'namespace' stands 1 column too far right",
		"7:3-6 error NR0105 spec.typ: spec has no field 'typ'; did you mean 'type'?"}},
	{"tabs", "apiVersion: v1\nkind: Service\nmetadata:\n\tname: web\nspec:\n\tports:\n\t- port: 0\n", []string{
		"4:1-2 error NR0104 metadata.name: tabs indent this line and 2 more, where YAML wants blanks",
		"7:10-11 error NR1302 spec.ports[0].port: 'port' must be from 1 to 65535, not 0"}},
	{"a dash of a word processor", service("spec:\n  ports:\n  – port: 80\n"), []string{
		"7:3-9 error NR1103 spec[\"– port\"]: the dash U+2013 stands where YAML wants a plain dash (-)"}},
	{"a dash of a word processor that is no YAML", service("spec:\n  ports:\n  – port: 80\n    name: x\n"), []string{
		"7:3-4 error NR1103 spec.ports[0]: the dash U+2013 stands where YAML wants a plain dash (-)"}},
	{"quotes of a word processor as syntax", service("  annotations:\n    a: “b: c”\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:8-9 error NR1103 metadata.annotations.a: the quote U+201C stands where YAML wants a straight quote"}},
	{"quotes of a word processor round a number", service("spec:\n  ports:\n  - port: “80”\n"), []string{
		"7:11-15 error NR1103 spec.ports[0].port: 'port' has typographic quotes, which are part of the value"}},
	{"quotes of a word processor round one of few values", service("spec:\n  type: “NodePort”\n  ports:\n  - port: 80\n"), []string{
		"6:9-19 error NR1103 spec.type: 'type' has typographic quotes, which are part of the value"}},
	{"no-break spaces in front of a key", "apiVersion: v1\nkind: Service\nmetadata:\n\u00a0\u00a0name: web\nspec:\n  ports:\n  - port: 80\n", []string{
		"4:1-7 error NR1103 [\"\u00a0\u00a0name\"]: the key has the blank U+00A0, which is part of it"}},
	{"a colon in a value", service("  annotations:\n    note: a: b\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:11-15 error NR0101 metadata.annotations.note: the value of 'note' has a colon in it, so it needs quotes"}},
	{"a quote that is not closed", service("  annotations:\n    note: \"a\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:11-12 error NR0101 metadata.annotations.note: the quote \" is not closed"}},
	{"a bracket that is not closed", service("spec:\n  ports: [{port: 80}\n"), []string{
		"6:10-11 error NR0101 : the bracket [ is not closed, or something in it is not right"}},
	{"an alias without anchor", service("spec:\n  ports: *all\n"), []string{
		"6:10-14 error NR0101 : the alias *all has no anchor &all before it"}},
	{"a value that starts with @", service("  labels:\n    a: @b\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:8-9 error NR0101 metadata.labels.a: a value cannot start with @ unless it is in quotes",
		"6:8-10 error NR1302 metadata.labels.a: the label must be letters, digits, -, _ and ., 63 at most, not \"@b\""}},
	{"a blank missing behind a colon", service("spec:\n  type:NodePort\n  ports:\n  - port: 80\n"), []string{
		"6:7-8 error NR0101 spec.type: a blank is missing after 'type:'"}},
	{"a blank missing behind the only colon", "apiVersion: v1\nkind: Service\nmetadata:\n  name:web\nspec:\n  ports:\n  - port: 80\n", []string{
		"4:3-11 error NR0101 metadata: a blank is missing after 'name:'"}},
	{"a template", service("spec:\n  ports:\n  {{- range .Values.ports }}\n  - port: {{ . }}\n  {{- end }}\n"), []string{
		"7:3-5 error NR0101 : '{{' is a template that was not rendered"}},
	{"a template that is YAML", "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  type: {{ .Values.type }}\n  ports:\n  - port: 80\n", []string{
		"4:9-11 error NR0101 metadata.name: '{{' is a template that was not rendered"}},
	{"a template in quotes", service("spec:\n  type: \"{{ .Values.type }}\"\n  ports:\n  - port: 80\n"), []string{
		"6:10-12 error NR0101 spec.type: '{{' is a template that was not rendered"}},
	{"braces that are meant", service("  annotations:\n    note: \"{{ x }}\"\nspec:\n  ports:\n  - port: 80\n"), nil},
	{"a control character", service("spec:\n  type: Node\x01Port\n"), []string{
		"6:13-14 error NR0101 : the character U+0001 is not allowed in YAML"}},
	{"bytes that are not UTF-8", service("spec:\n  type: Node\xffPort\n"), []string{
		"6:13-14 error NR0101 : a byte is not UTF-8"}},
	{"a key given twice", service("spec:\n  type: NodePort\n  type: NodePort\n  ports:\n  - port: 80\n"), []string{
		"7:3-7 error NR0103 spec.type: 'type' is given twice; the first is on line 6"}},
	{"an unknown field", service("spec:\n  colour: red\n  ports:\n  - port: 80\n"), []string{
		"6:3-9 error NR0105 spec.colour: spec of a Service has no field 'colour'"}},
	{"a field in the wrong case", service("spec:\n  Type: NodePort\n  ports:\n  - port: 80\n"), []string{
		"6:3-7 error NR0105 spec.Type: spec has no field 'Type'; did you mean 'type'?"}},
	{"a field one level too high", service("externalTrafficPolicy: Local\nspec:\n  type: NodePort\n  ports:\n  - port: 80\n"), []string{
		"5:1-22 error NR0106 externalTrafficPolicy: 'externalTrafficPolicy' belongs in spec, not in the top level"}},
	{"a field of an item in spec", service("spec:\n  targetPort: 8080\n  ports:\n  - port: 80\n"), []string{
		"6:3-13 error NR0106 spec.targetPort: 'targetPort' belongs in spec.ports[], not in spec"}},
	{"annotations in spec", service("spec:\n  annotations: {a: b}\n  ports:\n  - port: 80\n"), []string{
		"6:3-14 error NR0106 spec.annotations: 'annotations' belongs in metadata, not in spec"}},
	{"a name left of metadata", "apiVersion: v1\nkind: Namespace\nmetadata:\nname: x\n", []string{
		"4:1-5 error NR0102 metadata.name: 'name' stands left of 'metadata', which it belongs to"}},
	{"everything left of what it belongs to", "apiVersion: v1\nkind: Service\nmetadata:\nname: web\nlabels:\n  a: b\nspec:\nports:\n- port: 80\n", []string{
		"4:1-5 error NR0102 metadata.name: 'name' stands left of 'metadata', which it belongs to",
		"8:1-6 error NR0102 spec.ports: 'ports' stands left of 'spec', which it belongs to"}},
	{"keys that fall out of each item of a list in its parent's column", service("spec:\n  ports:\n  - name: http\n  port: 80\n  - name: https\n  port: 443\n"), []string{
		"8:3-7 error NR0102 spec.ports[0].port: 'port' stands left of its list item",
		"10:3-7 error NR0102 spec.ports[1].port: 'port' stands left of its list item"}},
	{"a list without its dash, in its parent's column", service("spec:\n  ports:\n  name: http\n  port: 80\n"), []string{
		"7:3-7 error NR0102 spec.ports[0].name: 'ports' is a list, so a dash is missing before 'name'"}},
	{"a dash without a blank", service("spec:\n  ports:\n  -port: 80\n"), []string{
		"7:3-8 error NR0101 spec.-port: a blank is missing after the dash"}},
	{"a section one column too deep", service(" spec:\n  ports:\n  - port: 80\n"), []string{
		"5:2-6 error NR0102 spec: 'spec' stands 1 column too far right"}},
	{"a kind in typographic quotes", "apiVersion: v1\nkind: “Service”\nmetadata: {name: x}\n", []string{
		"2:7-16 error NR1103 kind: 'kind' has typographic quotes or blanks, which are part of the value"}},
	{"a group with a slip", "apiVersion: naru.dv/v1alpha1\nkind: AddressPool\nmetadata: {name: x}\n", []string{
		"1:13-29 error NR0112 apiVersion: AddressPool has apiVersion naru.dev/v1alpha1, not \"naru.dv/v1alpha1\""}},
	{"a group that Kubernetes keeps for itself", "apiVersion: networking.k8s.io/v1\nkind: Service\nmetadata: {name: x}\n", []string{
		"1:13-33 error NR0112 apiVersion: Service has apiVersion v1, not \"networking.k8s.io/v1\""}},
	{"somebody else's kind of the same name", "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\n", []string{
		"2:1-5 note NR0107 kind: Naru does not read Service (serving.knative.dev/v1)"}},
	{"a list of objects with a slip", "apiVersion: v1\nkind: List\nitem:\n- apiVersion: v1\n", []string{
		"3:1-5 error NR0105 item: a List has no field 'item'; did you mean 'items'?"}},
	{"typographic quotes in what is not read", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: x\n  annotations:\n    a/redirect: “false”\n    a/title: “A b”\n    a/said: he said “no”\n", []string{
		"2:1-5 note NR0107 kind: Naru does not read Ingress (networking.k8s.io/v1)",
		"6:17-24 error NR1103 metadata.annotations[\"a/redirect\"]: the value has typographic quotes, so it is not false",
		"7:14-19 warning NR1103 metadata.annotations[\"a/title\"]: the value has typographic quotes, which are part of it"}},
	{"JSON without a comma", "{\"apiVersion\": \"v1\",\n\"kind\": \"Namespace\"\n\"metadata\": {\"name\": \"a\"}}\n", []string{
		"3:1-2 error NR0101 : the JSON is broken here: invalid character '\"' after object key:value pair"}},
	{"JSON that ends too early", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"a\"}\n", []string{
		"1:67-68 error NR0101 : the JSON ends too early: a bracket or a quote is not closed"}},
	{"annotations that are not text", service("  annotations:\n    a: true\n    b: 5\n    c:\n    d: \"yes\"\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:8-12 error NR1104 metadata.annotations.a: the value of the annotation is true or false, not text: it needs quotes",
		"7:8-9 error NR1104 metadata.annotations.b: the value of the annotation is the number 5, not text: it needs quotes",
		"8:5-6 warning NR1104 metadata.annotations.c: the annotation has no value"}},
	{"a label that YAML 1.1 reads as true", service("  labels:\n    a: yes\nspec:\n  ports:\n  - port: 80\n"), []string{
		"6:8-11 error NR1104 metadata.labels.a: the value of the label is true or false, not text: it needs quotes"}},
	{"a number in quotes", service("spec:\n  ports:\n  - port: \"80\"\n"), []string{
		"7:11-15 error NR0109 spec.ports[0].port: 'port' must be a whole number, not the text \"80\""}},
	{"a fraction", service("spec:\n  ports:\n  - port: 80.5\n"), []string{
		"7:11-15 error NR0109 spec.ports[0].port: 'port' must be a whole number, and 80.5 is not"}},
	{"a mapping for a list", service("spec:\n  ports:\n    port: 80\n"), []string{
		"7:5-13 error NR0109 spec.ports: 'ports' must be a list: a dash is missing before 'port'"}},
	{"a value that is none of the few", service("spec:\n  type: Loadbalancer\n  ports:\n  - port: 80\n    protocol: tcp\n"), []string{
		"6:9-21 error NR1302 spec.type: 'type' cannot be \"Loadbalancer\"; did you mean LoadBalancer?",
		"9:15-18 error NR1302 spec.ports[0].protocol: 'protocol' cannot be \"tcp\"; did you mean TCP?"}},
	{"a port out of range", service("spec:\n  ports:\n  - port: 70000\n    targetPort: Web\n"), []string{
		"7:11-16 error NR1302 spec.ports[0].port: 'port' must be from 1 to 65535, not 70000",
		"8:17-20 error NR1302 spec.ports[0].targetPort: 'targetPort' must be a-z, 0-9, -, at most 15, a letter within, not \"Web\""}},
	{"ports without number", service("spec:\n  ports:\n  - name: x\n"), []string{
		"7:5-12 error NR1302 spec.ports[0].port: spec.ports[] has no 'port', which is required"}},
	{"no ports", service("spec:\n  type: NodePort\n"), []string{
		"5:1-5 error NR1302 spec.ports: spec has no 'ports', which is required"}},
	{"several ports without names", service("spec:\n  ports:\n  - port: 80\n    name: x\n  - port: 81\n"), []string{
		"9:5-13 error NR1302 spec.ports[1].name: port 81 needs a name: the Service has several ports"}},
	{"the same port twice", service("spec:\n  ports:\n  - {port: 80, name: x}\n  - {port: 80, name: z}\n"), []string{
		"8:12-14 error NR1302 spec.ports[1].port: 80/TCP is spec.ports[0] too"}},
	{"a policy on a Service that nobody reaches from outside", service("spec:\n  externalTrafficPolicy: Local\n  ports:\n  - port: 80\n"), []string{
		"6:26-31 error NR1302 spec.externalTrafficPolicy: 'externalTrafficPolicy' needs a Service that is reached from outside"}},
	{"a bad name", "apiVersion: v1\nkind: Service\nmetadata: {name: 1st}\nspec: {ports: [{port: 80}]}\n", []string{
		"3:18-21 error NR1302 metadata.name: the name \"1st\" must be a-z, 0-9, -, at most 63, a letter first"}},
	{"no name", "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels: {a: b}\n", []string{
		"3:1-9 error NR0112 metadata.name: the object has no metadata.name"}},
	{"no kind", "apiVersion: v1\nmetadata: {name: x}\n", []string{"1:1-15 error NR0112 kind: the object has no kind"}},
	{"neither kind nor version", "replicas: 3\n", []string{"1:1-12 error NR0112 apiVersion: the object has no apiVersion and kind"}},
	{"a list of objects", "- apiVersion: v1\n  kind: Service\n", []string{
		"1:1-17 error NR0112 : an object is a mapping with apiVersion and kind, not a list"}},
	{"plain text", "hello\n", []string{"1:1-6 error NR0112 : an object is a mapping with apiVersion and kind, not the text \"hello\""}},
	{"a kind in lower case", "apiVersion: v1\nkind: service\nmetadata: {name: x}\n", []string{
		"2:7-14 error NR0107 kind: there is no kind \"service\"; did you mean Service?"}},
	{"a kind in the plural", "apiVersion: v1\nkind: Services\nmetadata: {name: x}\n", []string{
		"2:7-15 error NR0107 kind: there is no kind \"Services\"; did you mean Service?"}},
	{"a version that there is not", "apiVersion: v2\nkind: Service\nmetadata: {name: x}\n", []string{
		"1:13-15 error NR0112 apiVersion: Service has apiVersion v1, not \"v2\""}},
	{"a version that is gone", "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: x}\n", []string{
		"1:13-37 error NR0108 apiVersion: EndpointSlice discovery.k8s.io/v1beta1 is not served since Kubernetes 1.25"}},
	{"MetalLB's old pool", "apiVersion: metallb.io/v1beta1\nkind: AddressPool\nmetadata: {name: x}\n", []string{
		"1:13-31 error NR0108 apiVersion: AddressPool metallb.io/v1beta1 is not served since MetalLB 0.14"}},
	{"a kind that is not read", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: z}\n", []string{
		"2:1-5 note NR0107 kind: Naru does not read Deployment (apps/v1); the file has 2 of them"}},
	{"data that is not base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: \"***\"}\n", []string{
		"4:11-16 error NR0109 data.a: 'a' is not base64"}},
	{"an endpoint that is no address", "apiVersion: v1\nkind: Endpoints\nmetadata: {name: x}\nsubsets:\n- addresses: [{ip: 10.0.0.300}]\n  ports: [{port: 80}]\n", []string{
		"5:20-30 error NR1302 subsets[0].addresses[0].ip: 'ip' must be an address, IPv4 or IPv6, not \"10.0.0.300\""}},
	{"a namespace where there is none", "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: x, namespace: z}\nspec: {addresses: [192.0.2.0/24]}\n", []string{
		"3:21-30 note NR1301 metadata.namespace: AddressPool is in no namespace: the field has no effect"}},
	{"an alias in what it stands for", service("spec: &s\n  selector: *s\n  ports: [{port: 80}]\n"), []string{
		"6:13-15 error NR0101 spec.selector: the alias *s stands for something that holds itself"}},
	{"the second document of three", service("spec: {ports: [{port: 80}]}\n") + "---\nkind: [\n---\n" + service("spec: {ports: [{port: 0}]}\n"), []string{
		"7:7-8 error NR0101 : the bracket [ is not closed, or something in it is not right",
		"13:23-24 error NR1302 spec.ports[0].port: 'port' must be from 1 to 65535, not 0"}},
	{"JSON", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Service\",\n\t\"metadata\": {\"name\": \"x\"},\n\t\"spec\": {\"prots\": []}\n}\n", []string{
		"5:11-18 error NR0105 spec.prots: spec has no field 'prots'; did you mean 'ports'?"}},
	{"Windows line ends", strings.ReplaceAll(service("spec:\n  typ: NodePort\n  ports:\n  - port: 80\n"), "\n", "\r\n"), []string{
		"6:3-6 error NR0105 spec.typ: spec has no field 'typ'; did you mean 'type'?"}},
	{"characters of several bytes before the mistake", "apiVersion: v1\nkind: Service\nmetadata: {name: x, labels: {}, annotations: {한글: é}}\nspec: {ports: [{port: 80}], typ: é}\n", []string{
		"3:47-49 error NR1302 metadata.annotations[\"한글\"]: the key \"한글\" must be prefix/name, of letters, digits, -, _ and .",
		"4:29-32 error NR0105 spec.typ: spec has no field 'typ'; did you mean 'type'?"}},
}

func TestEveryMistakeHasOneFindingAtItsPlace(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			got := Parse("f.yaml", []byte(c.body)).Findings
			var lines []string
			for _, f := range got {
				lines = append(lines, fmt.Sprintf("%d:%d-%d %s %s %s: %s", f.Line, f.Column, f.EndColumn, f.Severity, f.Code, f.Path, f.Message))
				if n := utf8.RuneCountInString(f.Message); n > 110 {
					t.Errorf("message of %d characters: %s", n, f.Message)
				}
				if f.File != "f.yaml" || f.Effect == "" || f.Fix == "" && f.Severity != finding.Note {
					t.Errorf("file %q, effect %q, fix %q of %s", f.File, f.Effect, f.Fix, f.Message)
				}
			}
			if a, b := strings.Join(lines, "\n"), strings.Join(c.want, "\n"); a != b {
				t.Errorf("findings\n%s\nwant\n%s", a, b)
			}
		})
	}
}

func TestFixOfFallenKeysCanBePasted(t *testing.T) {
	f := Parse("f", []byte(seed000)).Findings[0]
	if want := "      port: 9999\n      targetPort: 8888\n      name: tcp-client"; f.Fix != want {
		t.Errorf("fix %q, want %q", f.Fix, want)
	}
	if want := "The document is not applied. 'port' belongs to the item that starts on line 10, so it must start in column 7."; f.Effect != want {
		t.Errorf("effect %q, want %q", f.Effect, want)
	}
	if f.Object != (finding.Object{Kind: "Service", Namespace: "kimmap", Name: "kimmap-backend-tcp"}) {
		t.Errorf("object %v", f.Object)
	}
}
