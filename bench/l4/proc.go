//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuOf returns the CPU time of all threads of the processes. It comes from schedstat, which counts nanoseconds: the
// fields of /proc/PID/stat count 10 ms. The time of threads that have ended is not in it; none of the proxies ends any.
func cpuOf(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		if len(files) == 0 {
			return 0, fmt.Errorf("read the CPU time of process %d: it has ended, or the kernel has no schedstat", pid)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
			}
			d, err := parseSchedstat(data)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			sum += d
		}
	}
	return sum, nil
}

// parseSchedstat returns the first field, the time on a CPU in ns (kernel: Documentation/scheduler/sched-stats.rst).
func parseSchedstat(data []byte) (time.Duration, error) {
	fields := bytes.Fields(data)
	if len(fields) != 3 {
		return 0, fmt.Errorf("want three fields, have %q", data)
	}
	ns, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse the time on a CPU: %w", err)
	}
	return time.Duration(ns), nil
}

// memory is what processes hold, in KiB.
type memory struct {
	rss, pss float64
	slab     float64 // of the kernel, whoever uses it
}

func memoryOf(pids []int) (m memory, err error) {
	for _, pid := range pids {
		name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		data, err := os.ReadFile(name)
		if err != nil {
			return m, fmt.Errorf("read the memory of a proxy: %w", err)
		}
		rss, err1 := parseKiB(data, "Rss:")
		pss, err2 := parseKiB(data, "Pss:")
		if err := errors.Join(err1, err2); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		m.rss += rss
		m.pss += pss
	}
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, fmt.Errorf("read the memory of the kernel: %w", err)
	}
	if m.slab, err = parseKiB(data, "Slab:"); err != nil {
		return m, fmt.Errorf("/proc/meminfo: %w", err)
	}
	return m, nil
}

// parseKiB returns the value of a line such as "Rss:    1234 kB".
func parseKiB(data []byte, key string) (float64, error) {
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != key {
			continue
		}
		if string(fields[2]) != "kB" {
			return 0, fmt.Errorf("%s is not in kB", key)
		}
		kib, err := strconv.ParseUint(string(fields[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse %s %w", key, err)
		}
		return float64(kib), nil
	}
	return 0, fmt.Errorf("there is no line %s", key)
}

// family returns a process and all its descendants.
func family(pid int) ([]int, error) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue // the thread has ended
			}
			if err != nil {
				return nil, fmt.Errorf("find the children of process %d: %w", pids[i], err)
			}
			children, err := parseChildren(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			pids = append(pids, children...)
		}
	}
	return pids, nil
}

// parseChildren reads the list of children that a thread has forked (proc(5), /proc/PID/task/TID/children).
func parseChildren(data []byte) ([]int, error) {
	var pids []int
	for _, field := range bytes.Fields(data) {
		pid, err := strconv.Atoi(string(field))
		if err != nil {
			return nil, fmt.Errorf("parse a process number: %w", err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
