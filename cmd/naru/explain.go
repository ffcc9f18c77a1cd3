package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/measure"
	"github.com/naru-lb/naru/internal/plan"
)

// explainFlags are the flags of naru explain.
type explainFlags struct {
	manifests
	admin     string
	namespace string
	from      string
	assume    []string
	measure   int
	output    output
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:     "explain (svc/NAME | CODE) [-n NAMESPACE]",
		GroupID: "look",
		Short:   "Say why a Service is served as it is",
		Long: `Explain draws the way of a connection to a Service: the address and where it came from, the nodes and pods behind it, what
share each pod gets, what address it sees, and what the probes found. With --measure it opens real connections and puts the
shares that come out beside the predicted ones.

It asks a running naru; with -f it looks at manifests instead. Of a code, such as NR3101, it prints what the finding means.`,
		Example: `  # A Service of naru demo, and its shares over 3000 real connections
  naru explain svc/web-local --measure 3000

  # Which pod does one client get?
  naru explain svc/web-cluster --from 192.0.2.7:40000

  # What would externalTrafficPolicy: Local change?
  naru explain svc/web-cluster --if externalTrafficPolicy=Local

  # From manifests, nothing is served
  naru explain svc/kimmap-backend-tcp -n kimmap -f examples/aks-tcp

  # What does a finding mean?
  naru explain NR3101`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.ValidArgsFunction = f.complete
	f.manifests.add(cmd)
	addAdmin(cmd, &f.admin, "where the running naru answers")
	f.output.add(cmd, asText, asJSON, asYAML)
	flags := cmd.Flags()
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of the Service")
	flags.StringVar(&f.from, "from", "", "say which pod this client gets: ADDRESS or ADDRESS:PORT")
	flags.StringArrayVar(&f.assume, "if", nil, "say what would be different: FIELD=VALUE; may be given several times")
	flags.IntVar(&f.measure, "measure", 0, fmt.Sprintf("open so many connections, 1 to %d, and count who gets them", measure.MaxN))
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, what string) error {
	if rule, ok := finding.Lookup(finding.Code(strings.ToUpper(what))); ok {
		return f.output.write(cmd.OutOrStdout(), rule, func(w io.Writer) error { return explainRule(w, rule) })
	}
	name, err := f.service(what)
	if err != nil {
		return err
	}
	d, err := f.document(cmd.Context(), name)
	if err != nil {
		return err
	}
	if f.measure > 0 {
		if d, err = f.measureAll(cmd.Context(), d); err != nil {
			return err
		}
	}
	return f.output.write(cmd.OutOrStdout(), d, d.Text)
}

// service reads svc/NAME, service/NAME, or NAMESPACE/NAME behind it.
func (f *explainFlags) service(what string) (plan.ServiceName, error) {
	kind, name, ok := strings.Cut(what, "/")
	switch strings.ToLower(kind) {
	case "svc", "service", "services":
	default:
		ok = false
	}
	if !ok || name == "" || strings.Contains(name, "/") {
		return plan.ServiceName{}, fmt.Errorf("%q is neither a Service (svc/NAME) nor a code of a finding (NR3101)", what)
	}
	return plan.ServiceName{Namespace: f.namespace, Name: name}, nil
}

// document gets the explanation from a running process, or from manifests.
func (f *explainFlags) document(ctx context.Context, name plan.ServiceName) (explain.Document, error) {
	o, err := f.options()
	if err != nil {
		return explain.Document{}, err
	}
	if len(f.paths) == 0 {
		d, err := admin.NewClient(f.admin).Explain(ctx, name, o)
		return d, hint(err)
	}
	if f.measure > 0 {
		return explain.Document{}, errors.New("--measure needs a running naru, without -f")
	}
	loaded, err := load(f.manifests)
	if err != nil {
		return explain.Document{}, err
	}
	return explain.Explain(explain.View{Plan: loaded.Plan, Findings: loaded.Findings, Now: time.Now()}, name, o)
}

func (f *explainFlags) options() (explain.Options, error) {
	var o explain.Options
	if f.from != "" {
		client, err := admin.ParseClient(f.from)
		if err != nil {
			return o, fmt.Errorf("--from: %w", err)
		}
		o.From = client
	}
	var err error
	if o.If, err = admin.ParseAssumptions(f.assume); err != nil {
		return o, fmt.Errorf("--if: %w", err)
	}
	return o, nil
}

// hint says what to do if nobody answers.
func hint(err error) error {
	if errors.Is(err, admin.ErrNobody) {
		return fmt.Errorf("%w; start one with naru run -f PATH, or say where it is with --admin", err)
	}
	return err
}

// measureAll measures every listener of d that is bound, and returns the explanation as it is after that.
func (f *explainFlags) measureAll(ctx context.Context, d explain.Document) (explain.Document, error) {
	if f.measure > measure.MaxN {
		return d, fmt.Errorf("--measure is %d at most", measure.MaxN)
	}
	client := admin.NewClient(f.admin)
	outcomes := map[plan.ListenerKey]measure.Outcome{}
	for _, l := range d.Listeners {
		if !l.Bound.IsValid() {
			continue
		}
		key := l.ListenerKey
		out, err := measure.Run(ctx, measure.Options{
			Address: l.Bound, Protocol: l.Protocol, N: f.measure,
			Counters: func(ctx context.Context) (map[netip.AddrPort]uint64, error) {
				return counters(ctx, client, d.Service, key)
			},
		})
		if err != nil {
			return d, fmt.Errorf("measure %s: %w", key, err)
		}
		outcomes[key] = out
	}
	d, err := f.document(ctx, d.Service)
	for key, out := range outcomes {
		d.SetMeasured(key, explain.Measurement{
			Wanted: f.measure, Failed: out.Failed, By: out.By, FirstError: out.FirstError,
		}, out.Got)
	}
	return d, err
}

// counters returns how many connections each target of a listener got so far.
func counters(ctx context.Context, c *admin.Client, name plan.ServiceName, key plan.ListenerKey) (map[netip.AddrPort]uint64, error) {
	d, err := c.Explain(ctx, name, explain.Options{})
	if err != nil {
		return nil, err
	}
	got := map[netip.AddrPort]uint64{}
	for _, l := range d.Listeners {
		if l.ListenerKey != key {
			continue
		}
		for _, t := range l.Targets {
			if t.Counters != nil {
				got[t.Address] = t.Counters.Connections
			}
		}
	}
	return got, nil
}

// explainRule prints the row of one code.
func explainRule(w io.Writer, r finding.Rule) error {
	_, err := fmt.Fprintf(w, "%s %s, %s: %s\n\n  What happens   %s\n  Fix            %s\n", r.Code, r.Reason, r.Severity, r.Title, r.Effect, r.Mend)
	return err
}
