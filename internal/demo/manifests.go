package demo

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// mark is how each manifest begins. A file that begins in another way is somebody else's and not written over.
const mark = "# Part of naru demo"

// write writes the manifests into a folder.
func (l layout) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	templates, err := template.ParseFS(manifests, "manifests/*.yaml")
	if err != nil {
		return err
	}
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Base(file)
		var text bytes.Buffer
		if err := templates.ExecuteTemplate(&text, name, l); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if err := replace(filepath.Join(dir, name), text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func replace(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && !bytes.HasPrefix(old, []byte(mark)) {
		return fmt.Errorf("%s is there already, and not from a demo: choose another folder", path)
	}
	return os.WriteFile(path, text, 0o644)
}
