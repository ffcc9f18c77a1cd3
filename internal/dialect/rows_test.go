package dialect_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
)

// eachRow runs a test for every row of every table, with the row's annotation for port 9999.
func eachRow(t *testing.T, test func(t *testing.T, row dialect.Row, key string)) {
	for _, table := range tables() {
		for _, row := range table.Rows {
			key := table.Prefixes[0].Text + strings.ReplaceAll(row.Name, "{port}", "9999")
			t.Run(key, func(t *testing.T) { test(t, row, key) })
		}
	}
}

// fitting makes a Service on which the row means something.
func fitting(row dialect.Row, key, value string) *corev1.Service {
	svc := service(key, value)
	svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	dual := corev1.IPFamilyPolicyPreferDualStack
	svc.Spec.IPFamilyPolicy = &dual
	switch {
	case strings.Contains(row.Name, "probe-protocol"):
		svc.Spec.Ports[0].Name = "web"
	case strings.Contains(row.Name, "path"):
		http := "http"
		svc.Spec.Ports[0].AppProtocol, svc.Spec.Ports[1].AppProtocol = &http, &http
	case strings.Contains(row.Name, "probe-service"):
		svc.Annotations["naru.dev/probe-kind"] = "grpc"
	case strings.Contains(row.Name, "subnet"):
		svc.Annotations[beta+"azure-load-balancer-internal"] = "true"
	}
	return svc
}

var env = dialect.Env{DNSZone: "lb.example.net", ServiceTags: frontDoor}

func TestEveryRowSaysAllThatItsDocumentationNeeds(t *testing.T) {
	seen := map[string]bool{}
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		if seen[key] {
			t.Error("the row is there twice")
		}
		seen[key] = true
		for what, text := range map[string]string{"Section": row.Section, "Doc": row.Doc, "Values": row.Values, "Example": row.Example} {
			if text == "" || strings.Contains(text, "\n") {
				t.Errorf("%s is %q", what, text)
			}
		}
		if !slices.Contains([]dialect.Verdict{dialect.Honour, dialect.Accept, dialect.Reject}, row.Verdict) {
			t.Errorf("the verdict is %q", row.Verdict)
		}
		if row.Read == nil && row.Verdict != dialect.Accept {
			t.Error("nothing reads a row that is not merely accepted")
		}
		if row.Verdict == dialect.Honour && !strings.HasSuffix(row.Doc, ".") {
			t.Errorf("the documentation is no sentence: %q", row.Doc)
		}
	})
}

func TestTheExampleOfEveryRowIsUnderstood(t *testing.T) {
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		without := fitting(row, key, row.Example)
		delete(without.Annotations, key)
		before, _ := dialect.Read(without, tables(), env)
		intent, fs := dialect.Read(fitting(row, key, row.Example), tables(), env)
		for _, f := range fs {
			if f.Severity != finding.Note {
				t.Errorf("%q gave %+v", row.Example, f)
			}
		}
		before.Dialects, intent.Dialects = nil, nil
		if changed := !reflect.DeepEqual(before, intent); changed != (row.Verdict == dialect.Honour) {
			t.Errorf("the intent changed: %v", changed)
		}
	})
}

func TestABlankValueCountsAsNotSetWithAWarning(t *testing.T) {
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		for _, blank := range []string{"", "  ", "\t\n"} {
			intent, fs := dialect.Read(service(key, blank), tables(), env)
			if row.Read == nil || row.BlankIsValue {
				continue
			}
			if f := only(t, fs, finding.AnnotationCoerced); f.Severity != finding.Warning {
				t.Errorf("got %+v", f)
			}
			if !reflect.DeepEqual(intent, dialect.Intent{}) {
				t.Errorf("a blank value asks for %+v", intent)
			}
		}
	})
}

func TestTypographicQuotesAreRefusedEverywhere(t *testing.T) {
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		if row.Read == nil {
			return
		}
		intent, fs := dialect.Read(service(key, "“"+row.Example+"”"), tables(), env)
		f := only(t, fs, finding.CurlyQuotes)
		if !intent.Refused || f.Exposes != row.Guards || f.Severity != finding.Error {
			t.Errorf("refused %v, %+v", intent.Refused, f)
		}
	})
}

func TestNoRowPassesOverWhatItDoesNotUnderstand(t *testing.T) {
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		if row.Read == nil {
			return
		}
		intent, fs := dialect.Read(service(key, "\x00 no such thing!"), tables(), env)
		if len(fs) == 0 {
			t.Fatal("nothing is said")
		}
		if row.Bad == "" && !intent.Refused {
			t.Errorf("the documentation says refused, but it is not: %+v", fs)
		}
		if row.Bad != "" && intent.Refused {
			t.Errorf("the documentation says %q, but it is refused: %+v", row.Bad, fs)
		}
		if row.Guards && !fs[0].Exposes {
			t.Errorf("a guard's bad value does not say that it exposes: %+v", fs[0])
		}
	})
}

func TestMessagesFitALine(t *testing.T) {
	eachRow(t, func(t *testing.T, row dialect.Row, key string) {
		for _, value := range []string{row.Example, "", "“x”", "no such thing", strings.Repeat("9", 500), "-1", "true", "False"} {
			_, fs := dialect.Read(service(key, value), tables(), dialect.Env{})
			for _, f := range fs {
				if n := len([]rune(f.Message)); n > 100 || strings.Contains(f.Message, "\n") || f.Effect == "" || f.Fix == "" && f.Severity != finding.Note {
					t.Errorf("%q gave a message of %d letters: %+v", value, n, f)
				}
			}
		}
	})
}
