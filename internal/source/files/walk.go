package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// tree is what the paths hold at one time.
type tree struct {
	files map[string]entry   // by path
	bad   map[string]trouble // folders and paths that cannot be read, by path
	watch map[string]*names  // what to watch in which folder, by its path without links
}

// entry is a file that is to be read.
type entry struct {
	stamp  stamp
	stream bool // can be read only once
}

// trouble says why something cannot be read.
type trouble struct {
	what    string // file, folder, link
	err     error
	missing bool // does not exist, so that nothing is kept of it
}

// names are the entries of a folder that matter.
type names struct {
	all  bool // but for those that ignored tells
	some map[string]bool
}

// stdin is the path of the standard input.
const stdin = "-"

// walk finds the files.
func (s *Source) walk() tree {
	w := walker{
		disk:    s.disk,
		tree:    tree{files: map[string]entry{}, bad: map[string]trouble{}, watch: map[string]*names{}},
		visited: map[fileID]bool{},
	}
	for _, p := range slices.Sorted(slices.Values(s.opts.Paths)) {
		w.root(p)
	}
	// Links come last, so that what is reached both directly and through a link has its own path. Each folder is visited
	// once, which also ends loops.
	for len(w.links) > 0 {
		links := w.links
		w.links = nil
		slices.Sort(links)
		for _, path := range links {
			w.link(path)
		}
	}
	return w.tree
}

type walker struct {
	disk
	tree
	visited map[fileID]bool
	links   []string // to follow
}

// root looks at a path that was asked for.
func (w *walker) root(path string) {
	if path == stdin {
		w.files[path] = entry{stream: true}
		return
	}
	w.watchWay(path)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.bad[path] = trouble{"path", err, errors.Is(err, fs.ErrNotExist)}
	case info.IsDir():
		w.dir(path, info)
	case info.Mode().IsRegular():
		w.file(path, info)
	default:
		w.files[path] = entry{stream: true}
	}
}

func (w *walker) file(path string, info fs.FileInfo) {
	st := stampOf(info)
	if !w.visit(st.id) {
		return
	}
	w.files[path] = entry{stamp: st}
}

// visit tells whether a file or folder was not visited before. Without an ID it counts as new.
func (w *walker) visit(id fileID) bool {
	if id != (fileID{}) && w.visited[id] {
		return false
	}
	w.visited[id] = true
	return true
}

func (w *walker) dir(path string, info fs.FileInfo) {
	if !w.visit(stampOf(info).id) {
		return
	}
	if real, err := realPath(path); err == nil {
		w.names(real).all = true
	}
	entries, err := w.readDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // else it is gone in between
		w.bad[path] = trouble{"folder", err, false}
	}
	for _, e := range entries {
		w.dirEntry(filepath.Join(path, e.Name()), e)
	}
}

func (w *walker) dirEntry(path string, e os.DirEntry) {
	name := e.Name()
	if ignored(name) {
		return
	}
	if e.Type()&fs.ModeSymlink != 0 {
		w.links = append(w.links, path)
		return
	}
	if !e.IsDir() && !isManifest(name) {
		return
	}
	info, err := e.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone in between
	case err != nil:
		w.bad[path] = trouble{"file", err, false}
	case info.IsDir():
		w.dir(path, info)
	case info.Mode().IsRegular():
		w.file(path, info)
	default:
		w.bad[path] = trouble{"file", errors.New("it is no regular file"), false}
	}
}

// link follows a link that stands in a folder.
func (w *walker) link(path string) {
	w.watchWay(path)
	info, err := os.Stat(path)
	switch {
	case err != nil && !isManifest(path):
	case err != nil:
		w.bad[path] = trouble{"link", err, errors.Is(err, fs.ErrNotExist)}
	case info.IsDir():
		w.dir(path, info)
	case info.Mode().IsRegular() && isManifest(path):
		w.file(path, info)
	case isManifest(path):
		w.bad[path] = trouble{"file", errors.New("it is no regular file"), false}
	}
}

func (w *walker) names(dir string) *names {
	n := w.watch[dir]
	if n == nil {
		n = &names{some: map[string]bool{}}
		w.watch[dir] = n
	}
	return n
}

// maxLinks is how many links a path may lead through, as in the kernel.
const maxLinks = 40

// watchWay watches every link on the way of a path, what it finally leads to, or where it ends if something is missing.
// A folder of a ConfigMap is changed by putting another link in the place of one in the middle of the way.
func (w *walker) watchWay(path string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return
	}
	at, rest := string(filepath.Separator), split(abs)
	for hops := 0; len(rest) > 0 && hops <= maxLinks; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		target, err := os.Readlink(next)
		switch {
		case err == nil:
			w.names(at).some[name] = true
			hops++
			if filepath.IsAbs(target) {
				at = string(filepath.Separator)
			}
			rest = append(split(target), rest...)
		case errors.Is(err, fs.ErrNotExist) || len(rest) == 0:
			w.names(at).some[name] = true
			return
		default: // no link
			at = next
		}
	}
}

// split returns the parts of a path.
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(s string) bool { return s == "" || s == "." })
}

func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

// isManifest tells whether a file in a folder is read by its name.
func isManifest(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// ignored tells whether an entry of a folder is left out whatever it is: hidden ones (.git, editors' .swp files, the
// ..data of ConfigMaps), and the backups and locks of editors.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") ||
		name == "4913" // vim tries with it whether a folder can be written
}

// reason says in plain words why something cannot be read.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	if errors.Is(err, syscall.ELOOP) {
		return "links lead in a circle"
	}
	return err.Error()
}
