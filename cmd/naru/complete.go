package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/explain"
)

// complete offers the Services that there are to the shell: those of the manifests that are named, or of the running naru.
// It says nothing if neither can be had.
func (f *explainFlags) complete(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	table, err := f.services(cmd.Context())
	if err != nil || len(args) > 0 {
		return nil, none
	}
	var names []string
	for _, row := range table.Frontends {
		if row.Service.Namespace == f.namespace {
			names = append(names, "svc/"+row.Service.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), none
}

func (f *explainFlags) services(ctx context.Context) (explain.FrontendTable, error) {
	if len(f.paths) > 0 {
		loaded, err := load(f.manifests)
		if err != nil {
			return explain.FrontendTable{}, err
		}
		return explain.Frontends(explain.View{Plan: loaded.Plan}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return admin.NewClient(f.admin).Frontends(ctx)
}
