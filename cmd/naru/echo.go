package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/echo"
)

func newEcho() *cobra.Command {
	var (
		listen  string
		options echo.Options
	)
	cmd := &cobra.Command{
		Use:     "echo --listen ADDRESS:PORT",
		GroupID: "serve",
		Short:   "Stand in for a pod: say who answers, and whose connection it is",
		Long: `Echo is a tiny server to try things with. It answers HTTP requests (curl) and any other TCP client (nc) with its name, its node,
and the address that it takes the client to have; a PROXY protocol header is understood. UDP datagrams are answered too.`,
		Example: `  # The pod of examples/aks-tcp
  naru echo --name backend-0 --listen 127.0.11.1:8888`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := netip.ParseAddrPort(listen)
			if err != nil {
				return fmt.Errorf("--listen %q is not ADDRESS:PORT", listen)
			}
			options.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug}))
			ctx, _, stop := signals(cmd.Context())
			defer stop()
			s, err := echo.Listen(ctx, at, options)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s answers on %s, TCP and UDP\n", s.Name(), s.Address()); err != nil {
				return errors.Join(err, s.Close())
			}
			<-ctx.Done()
			return s.Close()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "", "where to answer: ADDRESS:PORT")
	flags.StringVar(&options.Name, "name", "echo", "the pod's name")
	flags.StringVar(&options.Node, "node", "", "the node's name")
	_ = cmd.MarkFlagRequired("listen") // the flag exists
	return cmd
}
