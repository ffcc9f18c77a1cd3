//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a proxy that runs.
type process struct {
	name  string
	at    netip.AddrPort
	cmd   *exec.Cmd
	pids  []int
	log   *os.File
	ended chan struct{} // closed when it has ended
}

// start starts a proxy on the CPU for proxies. It must be called by the thread that makes the load, and so is in the
// same network namespace. The proxy is ended with this program, however that ends.
func start(w place, r rival, dir string) (*process, error) {
	file := filepath.Join(dir, r.file)
	if err := os.WriteFile(file, []byte(r.config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(file + ".log")
	if err != nil {
		return nil, err
	}
	args := r.command(file)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	// In a group of its own, Ctrl-C reaches it only through this program. nginx's master ends its worker on SIGTERM.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := use(0, w.ProxyCPU); err != nil {
		return nil, err
	}
	err = cmd.Start()
	if back := use(0, w.LoadCPU); back != nil && err == nil {
		err = back
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", r.name, err), log.Close())
	}
	p := &process{name: r.name, at: r.at, cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		// How it ended is in its log; that it ended too early is found by whoever waits for it.
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// ready waits until the proxy serves, and finds its processes.
func (p *process) ready(ctx context.Context, l *load) error {
	for deadline := time.Now().Add(15 * time.Second); ; {
		if err := l.probe(ctx, p.at); err == nil {
			break
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case p.hasEnded():
			return fmt.Errorf("%s ended at once. It said:\n%s", p.name, p.said())
		case time.Now().After(deadline):
			return fmt.Errorf("%s does not serve %s after 15 s. It said:\n%s", p.name, p.at, p.said())
		}
		time.Sleep(20 * time.Millisecond)
	}
	var err error
	p.pids, err = family(p.cmd.Process.Pid)
	return err
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// said returns the end of what the proxy has printed.
func (p *process) said() string {
	if _, err := p.log.Seek(0, io.SeekStart); err != nil {
		return err.Error()
	}
	data, err := io.ReadAll(p.log)
	if err != nil {
		return err.Error()
	}
	const enough = 2000
	return strings.TrimSpace(string(data[max(len(data)-enough, 0):]))
}

// stop ends the proxy, by force if it takes its time.
func (p *process) stop() {
	// Errors say that it has ended already.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(3 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
	// The log is thrown away.
	_ = p.log.Close()
}
