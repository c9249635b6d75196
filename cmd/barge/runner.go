package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/bargehq/barge/internal/driver/process"
)

// newRunnerCommand is the process driver's supervisor, which the server starts.
func newRunnerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "runner DIRECTORY",
		Short:  "Hold the processes of a server (started by it)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return process.RunRunner(cmd.Context(), process.RunnerOptions{
				Dir: args[0], Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
			})
		},
	}
}
