package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/naru-lb/naru/internal/dialect"
)

const refresh = "refresh it with: go run ./internal/dialect/gendocs"

func TestPagesSayWhatTheTablesSay(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "docs", "annotations")
	known := map[string]bool{}
	for _, table := range tables() {
		name := table.Name + ".md"
		known[name] = true
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v; %s", err, refresh)
		} else if string(page) != dialect.Markdown(table) {
			t.Errorf("docs/annotations/%s is stale; %s", name, refresh)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("docs/annotations/%s has no table", e.Name())
		}
	}
}

func TestPagesAreWrittenIntoAFolderThatIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "pages")
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables() {
		if _, err := os.Stat(filepath.Join(dir, table.Name+".md")); err != nil {
			t.Error(err)
		}
	}
}
