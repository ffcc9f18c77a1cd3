package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPagesSayWhatTheTablesSay(t *testing.T) {
	if err := check(filepath.Join("..", "..", "docs"), pages()); err != nil {
		t.Error(err)
	}
}

func TestWrittenPagesAreFreshUntilOneIsChangedLostOrAdded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "docs")
	if err := write(dir, pages()); err != nil {
		t.Fatal(err)
	}
	if err := check(dir, pages()); err != nil {
		t.Errorf("fresh pages: %v", err)
	}
	page := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(page("findings.md"), []byte("# Findings\n"), 0o644),
		os.Remove(page("annotations/azure.md")),
		os.WriteFile(page("annotations/gone.md"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := check(dir, pages())
	if err == nil {
		t.Fatal("nothing is stale")
	}
	for _, want := range []string{"findings.md is stale", "annotations/azure.md: no such file", "gone.md has no table"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "metallb") {
		t.Errorf("a fresh page is called stale: %v", err)
	}
}

func TestEveryRowOfTheFindingsHasSixCells(t *testing.T) {
	for line := range strings.Lines(findings()) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 7 {
			t.Errorf("the row has another number of cells: %s", line)
		}
	}
}
