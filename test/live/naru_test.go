//go:build linux

// Package live runs the real program, as people do: under load, killed, cut short, without root.
package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the program with the race detector, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "naru-live-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil { // for who runs it without root
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		program = filepath.Join(dir, "naru")
		build := exec.Command("go", "build", "-race", "-o", program, "github.com/naru-lb/naru/cmd/naru")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building naru: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// naru is a running program.
type naru struct {
	t      *testing.T
	cmd    *exec.Cmd
	admin  string
	state  string
	output *lockedBuffer
	ended  chan struct{}
	err    error // of the end
}

// start runs naru run or naru demo until the test ends, with a state file and an admin socket of its own.
func start(t *testing.T, command string, args ...string) *naru {
	t.Helper()
	dir := t.TempDir()
	return startIn(t, dir, nil, command, args...)
}

// startIn does the same with the state file and the admin socket of a folder, and as another user if attr says so.
func startIn(t *testing.T, dir string, attr *syscall.SysProcAttr, command string, args ...string) *naru {
	t.Helper()
	n := &naru{t: t, admin: filepath.Join(dir, "admin.sock"), state: filepath.Join(dir, "state"), output: &lockedBuffer{}, ended: make(chan struct{})}
	all := append([]string{command, "--admin", n.admin}, args...)
	if command == "run" {
		all = append(all, "--state", n.state)
	}
	n.cmd = exec.Command(program, all...)
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.SysProcAttr = n.output, n.output, attr
	n.cmd.Env = append(os.Environ(), "HOME="+dir)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		n.err = n.cmd.Wait()
		close(n.ended)
	}()
	t.Cleanup(n.finish)
	return n
}

// finish ends the program, if the test did not, and tells what it said if something went wrong.
func (n *naru) finish() {
	select {
	case <-n.ended:
	default:
		n.stop()
	}
	if text := n.output.String(); n.t.Failed() || strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		n.t.Errorf("naru said:\n%s", text[max(0, len(text)-8000):])
	}
}

// stop asks the program to end, and waits until it did so in good order.
func (n *naru) stop() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	n.wait()
	if n.err != nil {
		n.t.Errorf("naru ended with %v", n.err)
	}
}

func (n *naru) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Errorf("naru ended before the test did: %v", err)
	}
}

func (n *naru) wait() {
	n.t.Helper()
	select {
	case <-n.ended:
	case <-time.After(30 * time.Second):
		n.t.Error("naru does not end")
		n.signal(syscall.SIGKILL)
		<-n.ended
	}
}

// kill ends the program as a crash does.
func (n *naru) kill() {
	n.t.Helper()
	n.signal(syscall.SIGKILL)
	<-n.ended
}

// ready waits until the program says that it serves.
func (n *naru) ready() *naru {
	n.t.Helper()
	eventually(n.t, "naru is ready", func() error {
		if !strings.Contains(n.output.String(), "naru status") {
			return errors.New("it has not said so")
		}
		return nil
	})
	return n
}

// ask runs a command that asks the program, and returns what it prints.
func (n *naru) ask(args ...string) string {
	n.t.Helper()
	cmd := exec.Command(program, append(args, "--admin", n.admin)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		n.t.Fatalf("naru %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// askInto runs a command and reads the document that it prints.
func (n *naru) askInto(document any, args ...string) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(n.ask(append(args, "-o", "json")...)), document); err != nil {
		n.t.Fatalf("naru %s: %v", strings.Join(args, " "), err)
	}
}

// eventually tries until something is so.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not so within a half a minute: %s: %v", what, err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
