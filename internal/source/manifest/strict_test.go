package manifest

import (
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/naru-lb/naru/internal/finding"
)

// apiServer returns the decoder that the API server uses with fieldValidation=Strict.
func apiServer(t testing.TB) runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, discoveryv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
}

// decoding are the codes of what is wrong before an object is validated.
var decoding = map[finding.Code]bool{
	finding.NotYAML: true, finding.Indentation: true, finding.DuplicateKey: true, finding.Tab: true, finding.UnknownField: true,
	finding.WrongLevel: true, finding.WrongType: true, finding.NotAString: true,
}

// compareWithAPIServer fails unless a document is read as the API server reads it: refused by both, or by both
// understood as the same object. What only validation refuses does not count.
func compareWithAPIServer(t *testing.T, body string) {
	t.Helper()
	if len(split("f", body)) != 1 {
		return // the API server gets documents one by one
	}
	r := Parse("f", []byte(body))
	want, _, err := apiServer(t).Decode([]byte(body), nil, nil)
	if runtime.IsNotRegisteredError(err) || runtime.IsMissingKind(err) || runtime.IsMissingVersion(err) || len(r.Ignored) > 0 {
		return
	}
	if err != nil && strings.Contains(body, "<<") && strings.Contains(err.Error(), "already set in map") {
		return // a key that overrides a merged one is what merge keys are for; kubectl takes it
	}
	errors, undecoded := 0, 0
	for _, f := range r.Findings {
		if f.Severity == finding.Error {
			errors++
			if decoding[f.Code] {
				undecoded++
			}
		}
	}
	switch {
	case err != nil && errors == 0:
		t.Errorf("the API server refuses it, and nothing is found: %v\n%s", err, body)
	case err == nil && undecoded > 0:
		t.Errorf("the API server can read it, but not so here: %v\n%s", r.Findings, body)
	case err == nil && len(r.Objects) == 1:
		applyDefaults(want)
		if m := want.(metav1.Object); m.GetNamespace() == "" && r.Objects[0].Namespace == "default" {
			m.SetNamespace("default")
		} else {
			m.SetNamespace(r.Objects[0].Namespace)
		}
		if !reflect.DeepEqual(r.Objects[0].Value, want) {
			t.Errorf("read as\n%+v\nand by the API server as\n%+v\n%s", r.Objects[0].Value, want, body)
		}
	}
}

// strange are documents that have to be read exactly as the API server reads them.
var strange = []string{
	service("spec: {ports: [{port: 80}], selector: {a: b}}\n"),
	service("spec: {ports: [{port: 0x50}]}\n"),
	service("spec: {ports: [{port: 0o120}]}\n"),
	service("spec: {ports: [{port: 0120}]}\n"),
	service("spec: {ports: [{port: 80.0}]}\n"),
	service("spec: {ports: [{port: 8e1}]}\n"),
	service("spec: {ports: [{port: 8_0}]}\n"),
	service("spec: {ports: [{port: 1:20}]}\n"),
	service("spec: {ports: [{port: 99999999999}]}\n"),
	service("spec: {ports: [{port: -1}]}\n"),
	service("spec: {ports: [{port: .inf}]}\n"),
	service("spec: {ports: [{port: ~}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: 0x1F90}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: \"8080\"}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: 80.5}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: true}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: 99999999999}]}\n"),
	service("spec: {ports: [{port: 80, targetPort: http}]}\n"),
	service("spec: {ports: [{port: 80, appProtocol: null}]}\n"),
	service("spec: {ports: [{port: 80}], publishNotReadyAddresses: yes}\n"),
	service("spec: {ports: [{port: 80}], publishNotReadyAddresses: \"true\"}\n"),
	service("spec: {ports: [{port: 80}], publishNotReadyAddresses: 1}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: on}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: 1}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: ~}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: 2026-01-31}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: !!str 1}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: !!str true}}\n"),
	service("spec: {ports: [{port: !!int \"80\"}]}\n"),
	service("spec: {ports: [{port: !!int x}]}\n"),
	service("spec: {ports: [{port: !!float 80}]}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: !!binary aGk=}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: !mine b}}\n"),
	service("spec: {ports: [{port: 80}], selector: {1: b, 2.5: c, yes: d, .5: e}}\n"),
	service("spec: {ports: [{port: 80}], selector: {? a : b}}\n"),
	service("spec: {ports: [{port: 80}], selector: {[a]: b}}\n"),
	service("spec: {ports: [{port: 80}], selector: {~: b}}\n"),
	service("spec: {ports: [{port: 80}], selector: {a: {b: c}}}\n"),
	service("spec: {ports: [{port: 80}], selector: [a]}\n"),
	service("spec: {ports: [{port: 80}], selector: \"\"}\n"),
	service("spec: {ports: [{port: 80}], clusterIPs: [~, a]}\n"),
	service("spec: {ports: [~]}\n"),
	service("spec: {ports: {port: 80}}\n"),
	service("spec: {ports: [80]}\n"),
	service("spec: {ports: [], ports: []}\n"),
	service("spec: {ports: [{port: 80}], Selector: {a: b}}\n"),
	service("spec: {ports: [{port: 80}]}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n"),
	service("spec: {ports: [{port: 80}]}\nstatus: {conditions: [{type: a, lastTransitionTime: 2026-01-31T12:00:00Z}]}\n"),
	service("spec: {ports: [{port: 80}]}\nstatus: {conditions: [{type: a, lastTransitionTime: yesterday}]}\n"),
	service("spec: {ports: [{port: 80}]}\nstatus: {conditions: [{type: a, lastTransitionTime: 5}]}\n"),
	service("spec: &s\n  ports: &p [{port: 80}]\n  selector: {<<: {a: b}, c: d}\n"),
	service("spec:\n  ports: [{<<: &m {port: 80, name: a}, name: b}, {<<: *m, port: 81}]\n"),
	service("spec:\n  ports: [{<<: [{port: 80}, {port: 81, name: c}]}]\n"),
	service("spec:\n  ports: [{<<: 5}]\n"),
	service("spec:\n  selector: &a {x: y}\n  ports: [{port: 80}]\nstatus: {conditions: []}\n"),
	service("spec: &s\n  selector: *s\n  ports: [{port: 80}]\n"),
	service("spec: {ports: [{port: 80}]}\nextra: {deep: [1, {a: b}]}\n"),
	"apiVersion: v1\nkind: Service\nmetadata: {name: web, creationTimestamp: null}\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: web, generation: 5, ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]}\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: web, managedFields: [{manager: m, fieldsV1: {\"f:a\": {}}}]}\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: 5}\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Service\nmetadata: []\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {a: 1, b: true, c: x}}\nspec: {ports: [{port: 80}]}\n",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aGk=, b: \"aG k=\"}\nstringData: {c: d}\n",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: |\n    aGVs\n    bG8=\n",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 5}\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: |\n    x\n    ---x\n  b: >-\n    folded\n    text\nimmutable: false\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: i\n    resources: {limits: {cpu: 1, memory: 1Gi, x: 500m}}\n    env: [{name: a, value: \"1\"}]\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    resources: {limits: {cpu: much}}\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    livenessProbe: {httpGet: {port: http, path: /}, periodSeconds: 5.5}\n",
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\naddressType: IPv4\nendpoints:\n- addresses: [10.0.0.1]\n  conditions: {ready: true, serving: null}\n  nodeName: n\nports: [{port: 80, name: \"\"}]\n",
	"apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets:\n- addresses: [{ip: 10.0.0.1}]\n  ports: [{port: 80}]\n",
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {a: b}}\n",
	"apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {addresses: [{type: InternalIP, address: 10.0.0.1}], capacity: {cpu: \"4\"}}\n",
	"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"x\"}, \"spec\": {\"ports\": [{\"port\": 80, \"targetPort\": \"\\u0061\"}]}}\n",
}

func TestDocumentsAreReadAsTheAPIServerReadsThem(t *testing.T) {
	for _, body := range strange {
		compareWithAPIServer(t, body)
	}
}

// FuzzStrict looks for documents that the API server reads in another way.
func FuzzStrict(f *testing.F) {
	for _, body := range strange {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if root, err := parseYAML(body); err != nil || root == nil || root.Kind != yaml.MappingNode {
			return // how broken text, and what is no object, is told is not compared
		}
		if strings.ContainsAny(body, "\r\u0085\u2028\u2029\ufeff") {
			return // the parsers of YAML 1.1 and 1.2 do not agree on line breaks
		}
		compareWithAPIServer(t, body)
	})
}
