package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheLastGoodVersionStays(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		has, found          []string
	}{
		{"of a document that tells its name", svc("a", 1) + svc("b", 2) + svc("c", 3), brokenSvc("a") + svc("b", 4),
			[]string{"a:1", "b:4"}, []string{"NR0109 f.yaml", "NR0113 f.yaml"}},
		{"of all that may be in a document without a name", svc("a", 1) + svc("b", 2), garbage + svc("b", 4),
			[]string{"a:1", "b:4"}, []string{"NR0101 f.yaml", "NR0113 f.yaml"}},
		{"but not of what was not there before", svc("a", 1), svc("a", 1) + brokenSvc("b"),
			[]string{"a:1"}, []string{"NR0109 f.yaml"}},
		{"but not of what was deleted", svc("a", 1) + svc("b", 2), svc("a", 1),
			[]string{"a:1"}, nil},
		{"when the whole file is garbage", svc("a", 1) + svc("b", 2), "\x00\x01 nothing\n",
			[]string{"a:1", "b:2"}, []string{"NR0101 f.yaml", "NR0113 f.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFolder(t)
			f.write("f.yaml", c.before)
			f.look()
			f.write("f.yaml", c.after)
			f.settle()
			f.has(c.has...)
			f.found(c.found...)
			f.write("f.yaml", c.before)
			f.settle()
			f.has(services(f.objects)...)
			f.found()
		})
	}
}

func TestWhatIsKeptGoesWhenItsDocumentIsDeleted(t *testing.T) {
	f := newFolder(t)
	f.write("f.yaml", svc("a", 1)+svc("b", 2))
	f.look()
	f.write("f.yaml", garbage+svc("b", 2))
	f.settle()
	f.write("f.yaml", garbage+garbage+svc("b", 2))
	f.settle()
	f.has("a:1", "b:2")
	f.write("f.yaml", svc("b", 2))
	f.settle()
	f.has("b:2")
	f.write("f.yaml", garbage)
	f.settle()
	f.has("b:2")
	f.remove("f.yaml")
	f.settle()
	f.has()
	f.found()
}

func TestWhatIsMissingGoesOnlyAfterAWhile(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("a", 1)+svc("b", 2))
	f.write("c.yaml", svc("c", 3))
	f.look()
	f.write("a.yaml", svc("a", 1))
	f.remove("c.yaml")
	f.look()
	f.has("a:1", "b:2", "c:3")
	if due := f.state.settles(); !due.Equal(f.clock.Add(f.source.opts.Settle)) {
		t.Errorf("to be looked at again in %s", due.Sub(f.clock))
	}
	f.settle()
	f.has("a:1")
	if due := f.state.settles(); !due.IsZero() {
		t.Errorf("still to be looked at in %s", due.Sub(f.clock))
	}
}

func TestAnObjectThatMovesToAnotherFileIsNotADuplicate(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("x", 1)+svc("a", 1))
	f.look()
	f.write("a.yaml", svc("a", 1))
	f.write("b.yaml", svc("x", 2))
	f.look()
	f.has("a:1", "x:2")
	f.found()
	f.settle()
	f.has("a:1", "x:2")
}

func TestAHalfWrittenTextIsNotTaken(t *testing.T) {
	full := svc("a", 1) + svc("b", 2)
	f := newFolder(t)
	f.write("f.yaml", full)
	f.look()
	changed := svc("a", 11) + svc("b", 12)
	for i := range len(changed) {
		f.write("f.yaml", changed[:i])
		b := f.look()
		if len(b.Update.Gone) > 0 {
			t.Fatalf("after %d bytes, %v is gone", i, b.Update.Gone)
		}
		if i < 10 || changed[i-1] != '\n' {
			if len(b.Update.Set) > 0 {
				t.Fatalf("after %d bytes, %v was taken", i, b.Update.Set)
			}
		}
		f.clock = f.clock.Add(f.source.opts.Settle / 2)
	}
	f.write("f.yaml", changed)
	f.settle()
	f.has("a:11", "b:12")
	f.found()
}

func TestATextWithoutItsLastLineEndIsTakenWhenItStays(t *testing.T) {
	f := newFolder(t)
	f.write("f.yaml", svc("a", 1))
	f.look()
	f.write("f.yaml", strings.TrimSuffix(svc("a", 2), "\n"))
	f.write("g.yaml", strings.TrimSuffix(svc("b", 2), "\n"))
	f.look()
	f.has("a:1")
	f.settle()
	f.has("a:2", "b:2")
	f.write("f.yaml", "")
	f.settle()
	f.has("b:2")
}

func TestAFileThatBecomesUnreadableKeepsWhatItHad(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("a", 1))
	f.write("b.yaml", svc("b", 2))
	f.look()
	denied := ""
	f.source.disk.open = func(path string) (*os.File, error) {
		if filepath.Base(path) == denied {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
		}
		return openFile(path)
	}
	denied = "a.yaml"
	f.write("a.yaml", svc("a", 7))
	f.settle()
	f.has("a:1", "b:2")
	f.found("NR0110 a.yaml", "NR0113 a.yaml")
	if f.last.Unreadable != 1 {
		t.Errorf("%d are unreadable", f.last.Unreadable)
	}
	if fix := f.findings["file/"+f.path("a.yaml")][0].Fix; fix != "chmod a+r "+f.path("a.yaml") {
		t.Errorf("the fix is %q", fix)
	}
	denied = ""
	f.settle()
	f.has("a:7", "b:2")
	f.found()
	denied = "a.yaml"
	f.remove("a.yaml")
	f.settle()
	f.has("b:2")
	f.found()
}

func TestAFolderThatBecomesUnreadableKeepsWhatItHad(t *testing.T) {
	f := newFolder(t)
	f.write("sub/deep/a.yaml", svc("a", 1))
	f.write("subway.yaml", svc("s", 1))
	f.look()
	f.source.disk.readDir = func(path string) ([]os.DirEntry, error) {
		if filepath.Base(path) == "sub" {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
		}
		return os.ReadDir(path)
	}
	f.remove("subway.yaml")
	f.settle()
	f.has("a:1")
	f.found("NR0110 sub")
	f.source.disk.readDir = os.ReadDir
	f.settle()
	f.has("a:1")
	f.found()
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(f *folder) error
		message string
	}{
		{"a file that is too large", func(f *folder) error {
			f.write("x.yaml", "")
			return os.Truncate(f.path("x.yaml"), maxFile+1)
		}, "the file is larger than 100 MiB"},
		{"a link to nothing", func(f *folder) error { return os.Symlink("nowhere.yaml", f.path("x.yaml")) },
			"the link leads to a file that does not exist"},
		{"a link to itself", func(f *folder) error { return os.Symlink("x.yaml", f.path("x.yaml")) },
			"the link cannot be read: links lead in a circle"},
		{"a file that fails", func(f *folder) error {
			f.write("x.yaml", svc("a", 1))
			f.source.disk.open = func(string) (*os.File, error) { return nil, errors.New("input/output error") }
			return nil
		}, "the file cannot be read: input/output error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFolder(t)
			if err := c.prepare(f); err != nil {
				t.Fatal(err)
			}
			f.look()
			f.found("NR0110 x.yaml")
			if got := f.findings["file/"+f.path("x.yaml")][0].Message; got != c.message {
				t.Errorf("the message is %q, want %q", got, c.message)
			}
			if f.last.Unreadable != 1 {
				t.Errorf("%d are unreadable", f.last.Unreadable)
			}
			f.remove("x.yaml")
			f.settle()
			f.found()
		})
	}
}
