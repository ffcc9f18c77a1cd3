package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
)

// Value is one annotation that is being read.
type Value struct {
	*Reading
	Row *Row
	Key string
	// Raw is the value as it is written; Text is what counts of it, without space and quotes around it.
	Raw, Text string
	// Port is the port in the annotation's name, 0 if its row has none.
	Port uint16

	src       source
	bad       bool
	overruled bool
}

// What a refused value does to traffic.
const (
	refusedEffect        = "The Service keeps what it had; a new one gets no address."
	refusedExposesEffect = "To guess could open the Service to everybody, so it keeps what it had; a new one gets no address."
)

// Path returns the path of the annotation as findings write it.
func (v *Value) Path() string { return PathOf(v.Key) }

// Line returns the annotation with another value, to be pasted into a manifest.
func (v *Value) Line(value string) string { return line(v.Key, value) }

func line(key, value string) string { return key + ": " + strconv.Quote(value) }

// Bad says that the value cannot be used, and refuses the Service.
func (v *Value) Bad(message, fix string) { v.Refuse(finding.AnnotationInvalid, message, fix) }

// Refuse adds a finding of any rule and refuses the Service.
func (v *Value) Refuse(code finding.Code, message, fix string) {
	f := finding.New(code, message).As(finding.Error).With(refusedEffect, fix)
	if v.Row.Guards {
		f.Exposes, f.Effect = true, refusedExposesEffect
	}
	f.Effect = strings.TrimSpace(v.Row.Elsewhere + " " + f.Effect)
	v.bad = true
	v.Intent.Refused = true
	v.Add(f, v.Path())
}

// Report adds a finding that does not refuse the Service.
func (v *Value) Report(code finding.Code, message, effect, fix string) {
	f := finding.New(code, message).With(effect, fix)
	f.OnKey = code != finding.AnnotationCoerced && code != finding.AnnotationInvalid
	v.Add(f, v.Path())
}

// Ignore says that the value cannot be used and is left out, which is safe for this annotation.
func (v *Value) Ignore(message, effect, fix string) {
	v.Add(finding.New(finding.AnnotationInvalid, message).As(finding.Warning).With(effect, fix), v.Path())
}

// Coerced says that the value was understood as another one, which everybody understands.
func (v *Value) Coerced(as string) {
	v.Report(finding.AnnotationCoerced, Quoted(v.Raw)+" is read as "+Clip(as, 40), "It works here; others may read it differently.", v.Line(as))
}

// Misplaced says that the annotation does nothing, because of something else.
func (v *Value) Misplaced(message, effect, fix string) {
	v.Report(finding.MisplacedAnnotation, message, effect, fix)
}

// EditProbe changes the probe that the annotation is about: that of its port, of the health check node port, or of all
// ports.
func (v *Value) EditProbe(edit func(*ProbeIntent)) {
	with := func(p *ProbeIntent) {
		edit(p)
		if p.From == "" {
			p.From = v.Path()
		}
	}
	switch {
	case v.Port == 0:
		with(&v.Intent.Probe)
	case !v.hasPort(v.Port):
		with(&v.HealthPort)
	default:
		v.EditPort(v.Port, func(p *PortIntent) { with(&p.Probe) })
	}
}

// checkQuotes refuses a value with typographic quotes, and takes off straight ones.
func (v *Value) checkQuotes() bool {
	if i := strings.IndexFunc(v.Text, isTypographic); i >= 0 {
		q, _ := firstRune(v.Text[i:])
		v.Refuse(finding.CurlyQuotes, v.quotesMessage(q), v.Line(straighten(v.Text)))
		return false
	}
	if inner, ok := unquote(v.Text); ok {
		v.Raw, v.Text = inner, inner
		v.Report(finding.AnnotationCoerced, "the value has quotes inside its quotes, which are left out",
			"It works here; others may read it differently.", v.Line(inner))
		return inner != "" || v.Row.BlankIsValue
	}
	return true
}

// quotesMessage says what is wrong with a value that has typographic quotes.
func (v *Value) quotesMessage(quote rune) string {
	if _, isBool := parseBool(straighten(v.Text)); isBool {
		return fmt.Sprintf("the value has typographic quotes (%c), so it is neither true nor false", quote)
	}
	return fmt.Sprintf("the value has typographic quotes (%c), which are part of it", quote)
}

// Quoted shortens and quotes a value for a message.
func Quoted(text string) string {
	const most = 30
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return strconv.Quote(text)
}
