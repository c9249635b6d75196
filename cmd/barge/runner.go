package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/bargehq/barge/internal/driver/oci"
	"github.com/bargehq/barge/internal/driver/process"
)

// newRunnerCommand is the parent of the jobs of the process and oci drivers, which
// the server starts.
func newRunnerCommand() *cobra.Command {
	var containers bool
	cmd := &cobra.Command{
		Use:    "runner DIRECTORY",
		Short:  "Hold the processes of a server (started by it)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := process.RunnerOptions{Dir: args[0], Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
			if containers {
				o.NewMaker = func() (process.Maker, error) { return oci.NewMaker(o.Dir, o.Log) }
			}
			return process.RunRunner(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&containers, "containers", false, "hold containers")
	return cmd
}

// newInitCommand is the first process of containers that want an init process.
func newInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "init -- COMMAND…",
		Short:              "Run a command as a container's init process (started there)",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			code, err := oci.Init(args)
			if err != nil {
				return err
			}
			return exitError(code)
		},
	}
}
