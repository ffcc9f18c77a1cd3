// Package demo is what naru demo serves: manifests as people have them, and the pods that they speak of, which are tiny
// servers in this process. Nothing needs root, and nothing but the manifests is written.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/naru-lb/naru/internal/echo"
)

// Options are the settings of a Demo.
type Options struct {
	// Dir is the folder that the manifests are written into; it is made if it does not exist.
	Dir string
	// Logger gets what the pods do. Nil discards.
	Logger *slog.Logger
}

// Demo is the pods, and the manifests that serve them.
type Demo struct {
	layout layout
	log    *slog.Logger

	mu      sync.Mutex
	closed  bool
	servers map[string]*echo.Server // of the pods that run, by name
}

// Pod is one pod of the demo.
type Pod struct {
	Name, Namespace, App, Node string
	Address                    netip.AddrPort
	Running                    bool
}

// Start starts the pods and writes the manifests. The pods run until Close.
func Start(ctx context.Context, o Options) (*Demo, error) { return startIn(ctx, o, layouts()) }

// startIn starts a demo in the first of the layouts that is free.
func startIn(ctx context.Context, o Options, all []layout) (*Demo, error) {
	d := &Demo{log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), servers: map[string]*echo.Server{}}
	if err := d.settle(ctx, all); err != nil {
		return nil, fmt.Errorf("start the pods of the demo: %w", err)
	}
	if err := d.layout.write(o.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("write the manifests of the demo: %w", err), d.Close())
	}
	return d, nil
}

// settle starts the pods in the first layout of which every address is free.
func (d *Demo) settle(ctx context.Context, all []layout) error {
	var err error
	for _, l := range all {
		d.layout = l
		if err = d.startAll(ctx); err == nil {
			return nil
		}
		err = errors.Join(err, d.stopAll())
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return err
		}
	}
	return err
}

func (d *Demo) startAll(ctx context.Context) error {
	if err := d.layout.vacant(ctx); err != nil {
		return err
	}
	for _, p := range d.layout.pods {
		if err := d.start(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) start(ctx context.Context, p Pod) error {
	s, err := echo.Listen(ctx, p.Address, echo.Options{Name: p.Name, Node: p.Node, Logger: d.log})
	if err != nil {
		return fmt.Errorf("start pod %s: %w", p.Name, err)
	}
	d.servers[p.Name] = s
	return nil
}

func (d *Demo) stopAll() error {
	var err error
	for name, s := range d.servers {
		err = errors.Join(err, s.Close())
		delete(d.servers, name)
	}
	return err
}

// Close ends the pods. Closing twice is fine.
func (d *Demo) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return d.stopAll()
}

// Pods returns all pods in order of their names.
func (d *Demo) Pods() []Pod {
	d.mu.Lock()
	defer d.mu.Unlock()
	pods := slices.Clone(d.layout.pods)
	for i := range pods {
		pods[i].Running = d.servers[pods[i].Name] != nil
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// Names returns the names of all pods in order.
func (d *Demo) Names() []string {
	var names []string
	for _, p := range d.Pods() {
		names = append(names, p.Name)
	}
	return names
}

// Kill ends a pod as a crash would: its connections are cut, and new ones are refused.
func (d *Demo) Kill(name string) error {
	if _, err := d.pod(name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.servers[name]
	if s == nil {
		return fmt.Errorf("pod %s does not run", name)
	}
	delete(d.servers, name)
	return s.Close()
}

// Revive starts a pod that was killed, at the address that it had.
func (d *Demo) Revive(name string) error {
	p, err := d.pod(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return errors.New("the demo has ended")
	case d.servers[name] != nil:
		return fmt.Errorf("pod %s runs already", name)
	}
	return d.start(context.Background(), p)
}

func (d *Demo) pod(name string) (Pod, error) {
	i := slices.IndexFunc(d.layout.pods, func(p Pod) bool { return p.Name == name })
	if i < 0 {
		return Pod{}, fmt.Errorf("there is no pod %q in the demo, only %s", name, strings.Join(d.Names(), ", "))
	}
	return d.layout.pods[i], nil
}
