//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// place is where the bench runs: the machine, and what was made of it.
type place struct {
	Kernel     string `json:"kernel"`
	CPU        string `json:"cpu"`
	CPUs       int    `json:"cpus"`
	ProxyCPU   int    `json:"proxyCPU"`
	LoadCPU    int    `json:"loadCPU"`
	Namespace  bool   `json:"networkNamespace"` // of its own
	Congestion string `json:"congestionControl"`
	Load       string `json:"loadAverage"` // when it began: what others did on the machine
	Go         string `json:"go"`
}

// takePlace raises the limit on open files, moves this process to the CPU of the load, and this thread to a network
// namespace of its own, if it may. It lowers the number of idle connections to what the limit allows.
func takePlace(p *pace) (place, error) {
	w := place{Kernel: kernel(), CPU: cpuModel(), Go: runtime.Version(), Load: loadAverage()}
	files, err := raiseFileLimit()
	if err != nil {
		return w, err
	}
	p.Idle = min(p.Idle, max((files-1000)/2, 100))
	if err := w.pin(); err != nil {
		return w, err
	}
	w.Namespace = os.Geteuid() == 0 && unix.Unshare(unix.CLONE_NEWNET) == nil
	if w.Namespace {
		if err := furnish(); err != nil {
			return w, err
		}
	}
	w.Congestion, err = readLine("/proc/sys/net/ipv4/tcp_congestion_control")
	return w, err
}

// raiseFileLimit takes as many open files as it may have: two for each connection, and a margin.
func raiseFileLimit() (int, error) {
	const enough = 40_000
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("read the limit on open files: %w", err)
	}
	higher := unix.Rlimit{Cur: max(l.Max, enough), Max: max(l.Max, enough)}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &higher) == nil {
		return int(min(higher.Cur, 1<<20)), nil
	}
	l.Cur = l.Max // without privileges the hard limit is the limit
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("raise the limit on open files: %w", err)
	}
	return int(min(l.Cur, 1<<20)), nil
}

// pin keeps all threads of this process on the last CPU that it may use; the first one is for the proxies. (CPUs with
// neighbouring numbers are often halves of one core.)
func (w *place) pin() error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("read which CPUs may be used: %w", err)
	}
	w.CPUs, w.ProxyCPU = allowed.Count(), -1
	for i := range len(allowed) * 64 {
		if allowed.IsSet(i) {
			if w.ProxyCPU < 0 {
				w.ProxyCPU = i
			}
			w.LoadCPU = i
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(filepath.Base(t)); err == nil {
			if err := use(id, w.LoadCPU); err != nil {
				return err
			}
		}
	}
	return nil
}

// use moves a thread (0: this one) to a CPU. What it forks inherits that.
func use(thread, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("move a thread to CPU %d: %w", cpu, err)
	}
	return nil
}

// furnish makes a new network namespace fit: loopback is up, many ports, and few sockets in TIME_WAIT, so that looking for
// a free port is no part of what is measured.
func furnish() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket in the new network namespace: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("set lo up in the new network namespace: %w", err)
	}
	for name, value := range map[string]string{"ip_local_port_range": "10000 65000", "tcp_max_tw_buckets": "4096"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0); err != nil {
			return fmt.Errorf("set up the new network namespace: %w", err)
		}
	}
	// bbr paces, which costs timers. Where cubic is not allowed in namespaces, reno always is; loopback loses nothing, so
	// that the two behave alike. Where neither can be set the machine's stays, and is printed.
	for _, name := range []string{"cubic", "reno"} {
		if os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte(name), 0) == nil {
			break
		}
	}
	return nil
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func loadAverage() string {
	line, err := readLine("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(line)[:3], " ")
}

func readLine(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}
