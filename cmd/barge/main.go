// Command barge is AWS Batch on your own machines: `barge serve` is the server,
// the other commands are clients of its public API.
//
// Files: one per command; wire.go alone knows all parts of the server, run.go
// starts and stops them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker in releases.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRootCommand().ExecuteContext(ctx)
	var exit exitError
	switch {
	case errors.As(err, &exit):
		stop()
		os.Exit(int(exit)) //nolint:gocritic // the deferred stop has been called
	case err != nil:
		fmt.Fprintln(os.Stderr, "barge:", err)
		stop()
		os.Exit(1)
	}
}

// exitError ends the program with this code and without a message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "barge",
		Short:         "AWS Batch on your own machines",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newServeCommand(), newRunnerCommand(), newInitCommand(),
		newRunCommand(), newJobsCommand(), newJobCommand(), newLogsCommand(), newWaitCommand(), newWhyCommand(), newCostCommand(),
		newEnvironmentsCommand(), newSpotCommand(), newCallCommand(), newSimulateCommand(),
	)
	return root
}
