// Command gendocs writes the pages of documentation of all dialects from their tables:
//
//	go run ./internal/dialect/gendocs
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
)

func main() {
	dir := filepath.Join("docs", "annotations")
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := write(dir); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

// write writes the pages into dir, which it makes if need be.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for the pages: %w", err)
	}
	for _, t := range tables() {
		name := filepath.Join(dir, t.Name+".md")
		if err := os.WriteFile(name, []byte(dialect.Markdown(t)), 0o644); err != nil {
			return fmt.Errorf("write a page: %w", err)
		}
	}
	return nil
}

func tables() []*dialect.Table {
	return []*dialect.Table{azure.Table(), metallb.Table(), naru.Table()}
}
