package manifest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// errSecondDocument is the error of a text that goes on behind the end of its document.
var errSecondDocument = errors.New("the text goes on behind the end of the document")

// tryEffort is how many bytes are parsed for one file to find out how broken documents were meant.
const tryEffort = 4 << 20

// try parses a body that may be what t was meant to be; ok is false if too much was tried already.
func (t *text) try(body string) (root *yaml.Node, err error, ok bool) {
	if t.effort == nil || *t.effort < len(body) || len(body) > maxMendable {
		return nil, nil, false
	}
	*t.effort -= len(body) + 100
	root, err = parseYAML(body)
	return root, err, true
}

// progress tells whether a body has less wrong with it than t, which gave an error.
func (t *text) progress(body string, err error) bool {
	_, next, ok := t.try(body)
	return ok && (next == nil || next.Error() != err.Error())
}

// parseYAML returns the node of the one document in body, nil if it holds nothing.
func parseYAML(body string) (root *yaml.Node, err error) {
	defer func() {
		// The parser reports errors that it did not expect by panicking; whoever wrote the file must not be able to
		// stop the process by it.
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	if len(body) > maxDocument {
		return nil, fmt.Errorf("yaml: the document is longer than %d MiB", maxDocument>>20)
	}
	d := yaml.NewDecoder(strings.NewReader(body))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var second yaml.Node
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errSecondDocument
		}
		return nil, err
	}
	if len(doc.Content) == 0 || target(doc.Content[0]).Kind == yaml.ScalarNode && resolve(target(doc.Content[0])).value == nil {
		return nil, nil
	}
	return doc.Content[0], nil
}
