//go:build linux

package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestSchedstatIsReadInNanoseconds(t *testing.T) {
	got, err := parseSchedstat([]byte("1500000000 78437 12\n"))
	if err != nil || got != 1500*time.Millisecond {
		t.Errorf("got %v, %v; want 1.5 s", got, err)
	}
	for _, bad := range []string{"", "1", "1 2", "x 2 3", "1 2 3 4", "99999999999999999999 1 1"} {
		if d, err := parseSchedstat([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v, want an error", bad, d)
		}
	}
}

func TestMemoryIsReadFromTheLineOfItsName(t *testing.T) {
	const rollup = "55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:    1808 kB\nPss:     264 kB\nPss_Dirty:   92 kB\nOdd:  5 MB\nBad: -1 kB\n"
	for key, want := range map[string]float64{"Rss:": 1808, "Pss:": 264} {
		if got, err := parseKiB([]byte(rollup), key); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", key, got, err, want)
		}
	}
	for _, key := range []string{"Pss", "Slab:", "Odd:", "Bad:"} {
		if got, err := parseKiB([]byte(rollup), key); err == nil {
			t.Errorf("%s is %v, want an error", key, got)
		}
	}
}

func TestChildrenAreListed(t *testing.T) {
	for text, want := range map[string][]int{"": nil, "12 345 ": {12, 345}} {
		if got, err := parseChildren([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is read as %v, %v; want %v", text, got, err, want)
		}
	}
	if got, err := parseChildren([]byte("12 x")); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

func TestAFamilyHasTheChildrenOfItsChildren(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "/bin/sh -c 'read x; true' <&0; true")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	var pids []int
	for deadline := time.Now().Add(10 * time.Second); len(pids) < 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if pids, err = family(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	if len(pids) < 2 || pids[0] != cmd.Process.Pid {
		t.Errorf("the family of %d is %v, want it and its child", cmd.Process.Pid, pids)
	}
}

func TestOwnFiguresCanBeRead(t *testing.T) {
	self := []int{os.Getpid()}
	if d, err := cpuOf(self); err != nil || d <= 0 {
		t.Errorf("CPU time is %v, %v", d, err)
	}
	m, err := memoryOf(self)
	if err != nil || m.rss <= 0 || m.pss <= 0 || m.slab <= 0 {
		t.Errorf("memory is %+v, %v", m, err)
	}
	if _, err := cpuOf([]int{1 << 30}); err == nil {
		t.Error("a process that does not exist has CPU time, want an error")
	}
}
