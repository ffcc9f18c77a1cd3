// Command docs writes the pages that are printed from tables: docs/findings.md from the rules of findings, and
// docs/annotations/*.md from the dialects. With -check it writes nothing, and fails if a page is stale.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
)

func main() {
	check := flag.Bool("check", false, "fail if a page is not as it would be written")
	dir := flag.String("dir", "docs", "folder of the pages")
	flag.Parse()
	pages := map[string]string{"findings.md": findings()}
	for _, t := range []*dialect.Table{naru.Table(), metallb.Table(), azure.Table()} {
		pages["annotations/"+t.Name+".md"] = dialect.Markdown(t)
	}
	stale := false
	for name, text := range pages {
		path := filepath.Join(*dir, name)
		if err := put(path, []byte(text), *check); err != nil {
			fmt.Fprintln(os.Stderr, err)
			stale = true
		}
	}
	if stale {
		os.Exit(1)
	}
}

func put(path string, text []byte, check bool) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, text) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is stale: run make generate", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
