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
