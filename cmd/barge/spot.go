package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newSpotCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "spot", Short: "Try out what happens to Spot instances"}
	cmd.AddCommand(newInterruptCommand())
	return cmd
}

func newInterruptCommand() *cobra.Command {
	var (
		environment string
		notice      time.Duration
	)
	cmd := clientCommand(&cobra.Command{
		Use:   "interrupt (INSTANCE | --environment NAME) [--notice DURATION]",
		Short: "Take an instance back, or all Spot instances of a compute environment",
		Long: `Take an instance back as EC2 takes back Spot instances, or all Spot instances of
a compute environment. They get no more jobs; those that they have get SIGTERM,
and when the notice is over what is left of them is killed. Their attempts end
with "Host EC2 (instance i-...) terminated." and are tried again if their retry
strategies say so.

Prints the instances. Exit code: 0, 1 for an error, 130 when interrupted.`,
		Args: cobra.MaximumNArgs(1),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		request := map[string]any{"noticeSeconds": int64(notice / time.Second)}
		switch {
		case (len(args) == 1) == (environment != ""):
			return errors.New("name an instance, or an environment by --environment")
		case len(args) == 1:
			request["instanceId"] = args[0]
		default:
			request["computeEnvironment"] = environment
		}
		body, err := json.Marshal(request)
		if err != nil {
			return err
		}
		answer, err := c.call(cmd.Context(), "InterruptInstances", body)
		if err != nil {
			return err
		}
		var out struct {
			InstanceIDs []string `json:"instanceIds"`
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		for _, id := range out.InstanceIDs {
			fmt.Fprintln(cmd.OutOrStdout(), id)
		}
		return nil
	})
	cmd.Flags().StringVar(&environment, "environment", "", "all Spot instances of this compute environment")
	cmd.Flags().DurationVar(&notice, "notice", 2*time.Minute, "how long until they are gone")
	return cmd
}
