// Command docs writes the pages that are printed from tables: docs/findings.md from the rules of findings, and
// docs/annotations/*.md from the dialects. With -check it writes nothing, and fails if a page is stale or has no table.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
)

func main() {
	checkOnly := flag.Bool("check", false, "fail if a page is not as it would be written")
	dir := flag.String("dir", "docs", "folder of the pages")
	flag.Parse()
	do := write
	if *checkOnly {
		do = check
	}
	if err := do(*dir, pages()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// annotations is the folder of the dialects' pages. Nothing else is in it.
const annotations = "annotations"

// pages returns the text of each page by its path.
func pages() map[string]string {
	all := map[string]string{"findings.md": findings()}
	for _, t := range []*dialect.Table{naru.Table(), metallb.Table(), azure.Table()} {
		all[filepath.Join(annotations, t.Name+".md")] = dialect.Markdown(t)
	}
	return all
}

func write(dir string, pages map[string]string) error {
	for name, text := range pages {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the folder of %s: %w", path, err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a page: %w", err)
		}
	}
	return nil
}

// check tells of every page that is not as it would be written, and of every page of annotations that has no table.
func check(dir string, pages map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		path := filepath.Join(dir, name)
		switch text, err := os.ReadFile(path); {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("read a page: %w: run make generate", err))
		case !bytes.Equal(text, []byte(pages[name])):
			wrong = append(wrong, fmt.Errorf("%s is stale: run make generate", path))
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, annotations))
	if err != nil {
		wrong = append(wrong, fmt.Errorf("list the pages of annotations: %w", err))
	}
	for _, e := range entries {
		if name := filepath.Join(annotations, e.Name()); pages[name] == "" {
			wrong = append(wrong, fmt.Errorf("%s has no table: remove it", filepath.Join(dir, name)))
		}
	}
	return errors.Join(wrong...)
}
