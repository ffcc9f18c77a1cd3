//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// programs is where the programs to compare with are.
type programs struct {
	haproxy, nginx string
	stream         string // nginx's module; empty if it is built in
}

// streamModule is where Debian and its descendants have it.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// findRivals finds HAProxy and nginx, after installing what is missing if it may.
func findRivals(ctx context.Context, install bool) (programs, error) {
	f, missing, err := look(ctx)
	if err != nil || len(missing) == 0 {
		return f, err
	}
	command := "apt-get install --no-install-recommends " + strings.Join(missing, " ")
	switch {
	case !install:
		return f, fmt.Errorf("missing on this machine: %s. Add -install, or run: %s", strings.Join(missing, ", "), command)
	case os.Geteuid() != 0:
		return f, fmt.Errorf("-install needs root. Run: sudo %s", command)
	}
	if err := aptInstall(ctx, missing); err != nil {
		return f, err
	}
	if f, missing, err = look(ctx); err == nil && len(missing) > 0 {
		err = fmt.Errorf("installed, and still missing: %s", strings.Join(missing, ", "))
	}
	return f, err
}

// look returns which packages are missing.
func look(ctx context.Context) (f programs, missing []string, err error) {
	if f.haproxy = lookPath("haproxy"); f.haproxy == "" {
		missing = append(missing, "haproxy")
	}
	if f.nginx = lookPath("nginx"); f.nginx == "" {
		return f, append(missing, "nginx-light", "libnginx-mod-stream"), nil
	}
	options, err := exec.CommandContext(ctx, f.nginx, "-V").CombinedOutput()
	if err != nil {
		return f, nil, fmt.Errorf("ask nginx how it was built: %w", err)
	}
	if slices.Contains(strings.Fields(string(options)), "--with-stream") {
		return f, missing, nil
	}
	f.stream = streamModule
	if _, err := os.Stat(f.stream); errors.Is(err, fs.ErrNotExist) {
		missing = append(missing, "libnginx-mod-stream")
	} else if err != nil {
		return f, nil, fmt.Errorf("look for nginx's stream module: %w", err)
	}
	return f, missing, nil
}

// lookPath looks in the folders of the administrator too, which users seldom have in their PATH.
func lookPath(name string) string {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}

// aptInstall installs packages without letting them start, now or at the next start of the machine.
func aptInstall(ctx context.Context, packages []string) (err error) {
	const policy = "/usr/sbin/policy-rc.d" // asked by Debian's packages before they start a service
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	switch {
	case err == nil:
		defer func() { err = errors.Join(err, os.Remove(policy)) }()
		_, err = file.WriteString("#!/bin/sh\nexit 101\n")
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("keep packages from starting services: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("keep packages from starting services: %w", err)
	}
	commands := [][]string{
		{"apt-get", "update"},
		append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...),
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		for _, p := range packages {
			if service, _, _ := strings.Cut(p, "-"); service == "haproxy" || service == "nginx" {
				commands = append(commands, []string{"systemctl", "disable", service})
			}
		}
	}
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(c, " "), err)
		}
	}
	return nil
}
