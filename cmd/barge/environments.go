package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/spf13/cobra"
)

func newEnvironmentsCommand() *cobra.Command {
	var asJSON bool
	cmd := clientCommand(&cobra.Command{
		Use:   "environments [NAME...]",
		Short: "List compute environments with their instances",
		Long: `List compute environments: what they may have, should have and have. Of those
that are named, also their instances, and the latest decisions to launch or to
terminate some, with the reason of each.

The same is in the member "barge" of what DescribeComputeEnvironments says of
environments that it is asked for by name.

Exit code: 0, 1 for an error, 130 when interrupted.`,
	}, func(cmd *cobra.Command, c *client, args []string) error {
		names := args
		if len(args) == 0 {
			var err error
			if names, err = c.environmentNames(cmd.Context()); err != nil {
				return err
			}
		}
		list, err := c.environments(cmd.Context(), names)
		if err != nil {
			return err
		}
		if missing := missing(names, list); len(args) > 0 && missing != "" {
			return fmt.Errorf("compute environment %s does not exist", missing)
		}
		out := cmd.OutOrStdout()
		if asJSON {
			lines := json.NewEncoder(out)
			for _, e := range list {
				if err := lines.Encode(e); err != nil {
					return err
				}
			}
			return nil
		}
		if err := printEnvironments(out, list); err != nil || len(args) == 0 {
			return err
		}
		for _, e := range list {
			if err := e.print(out, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object per line, with AWS's names and times in milliseconds")
	return cmd
}

// environment is what DescribeComputeEnvironments says of one, with the member
// that AWS's clients leave out.
type environment struct {
	Name         string `json:"computeEnvironmentName"`
	Type         string `json:"type"`
	State        string `json:"state"`
	Status       string `json:"status"`
	StatusReason string `json:"statusReason,omitempty"`
	Resources    struct {
		Type    string `json:"type,omitempty"`
		Min     *int32 `json:"minvCpus,omitempty"`
		Desired *int32 `json:"desiredvCpus,omitempty"`
		Max     *int32 `json:"maxvCpus,omitempty"`
	} `json:"computeResources"`
	Barge struct {
		Provider      string     `json:"provider,omitempty"`
		Capacity      string     `json:"capacity,omitempty"`
		InstanceCount int        `json:"instanceCount"`
		VCPUs         float64    `json:"vcpus"`
		Instances     []instance `json:"instances,omitempty"`
		Decisions     []decision `json:"decisions,omitempty"`
		Backoffs      []struct {
			Type   string `json:"instanceType"`
			Reason string `json:"reason"`
			Until  int64  `json:"until"`
		} `json:"backoffs,omitempty"`
	} `json:"barge"`
}

type instance struct {
	ID            string   `json:"instanceId"`
	Type          string   `json:"instanceType"`
	Spot          bool     `json:"spot"`
	State         string   `json:"state"`
	VCPUs         float64  `json:"vcpus"`
	Memory        int64    `json:"memory"`
	GPUs          int64    `json:"gpus"`
	Jobs          int      `json:"jobs"`
	LaunchedAt    int64    `json:"launchedAt"`
	RegisteredAt  int64    `json:"registeredAt,omitempty"`
	InterruptedAt int64    `json:"interruptedAt,omitempty"`
	Price         *float64 `json:"usdPerHour,omitempty"`
}

type decision struct {
	At         int64    `json:"at"`
	Launched   int      `json:"launched,omitempty"`
	Terminated int      `json:"terminated,omitempty"`
	Type       string   `json:"instanceType"`
	Why        string   `json:"why"`
	Demand     float64  `json:"demandvCpus"`
	VCPUs      float64  `json:"vcpus"`
	Price      *float64 `json:"usdPerHour,omitempty"`
}

func (c *client) environmentNames(ctx context.Context) (names []string, err error) {
	for pages := batch.NewDescribeComputeEnvironmentsPaginator(c.batch, &batch.DescribeComputeEnvironmentsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.ComputeEnvironments {
			names = append(names, aws.ToString(e.ComputeEnvironmentName))
		}
	}
	return names, nil
}

// environments describes those of that name. One at a time: a name asks for all
// that is known of it.
func (c *client) environments(ctx context.Context, names []string) (list []environment, err error) {
	for _, name := range names {
		request, err := json.Marshal(map[string][]string{"computeEnvironments": {name}})
		if err != nil {
			return nil, err
		}
		answer, err := c.call(ctx, "DescribeComputeEnvironments", request)
		if err != nil {
			return nil, err
		}
		var out struct {
			ComputeEnvironments []environment `json:"computeEnvironments"`
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		list = append(list, out.ComputeEnvironments...)
	}
	return list, nil
}

func missing(names []string, list []environment) string {
	there := make(map[string]bool)
	for _, e := range list {
		there[e.Name] = true
	}
	for _, name := range names {
		if !there[name[strings.LastIndexByte(name, '/')+1:]] {
			return name
		}
	}
	return ""
}

func printEnvironments(w io.Writer, list []environment) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tTYPE\tSTATE\tSTATUS\tMIN\tDESIRED\tMAX\tINSTANCES\tVCPUS\tPROVIDER")
	for _, e := range list {
		r, instances, vcpus, provider := e.Resources, "-", "-", e.Barge.Provider
		if provider != "" {
			instances, vcpus = strconv.Itoa(e.Barge.InstanceCount), number(e.Barge.VCPUs)
		} else if e.Barge.Capacity == "host" {
			provider = "this machine"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, cmp.Or(r.Type, e.Type), e.State, e.Status,
			optional(r.Min), optional(r.Desired), optional(r.Max), instances, vcpus, cmp.Or(provider, "-"))
	}
	return t.Flush()
}

// print prints the instances and decisions of an environment.
func (e environment) print(w io.Writer, now time.Time) error {
	b := e.Barge
	fmt.Fprintf(w, "\n%s: %s", e.Name, e.Status)
	if e.StatusReason != "" {
		fmt.Fprint(w, ", ", plain(e.StatusReason))
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(b.Instances) > 0 {
		fmt.Fprintln(t, "\nINSTANCE\tTYPE\tPRICE\tSTATE\tVCPUS\tMEMORY\tGPUS\tJOBS\tLAUNCHED\tINTERRUPTED")
	}
	for _, i := range b.Instances {
		kind, interrupted := i.Type, "-"
		if i.Spot {
			kind += " (Spot)"
		}
		if i.InterruptedAt != 0 {
			interrupted = clockOf(i.InterruptedAt)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d MiB\t%d\t%d\t%s ago\t%s\n", cmp.Or(i.ID, "-"), kind, price(i.Price), i.State,
			number(i.VCPUs), i.Memory, i.GPUs, i.Jobs, shortDuration(between(i.LaunchedAt, now.UnixMilli())), interrupted)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := b.InstanceCount - len(b.Instances); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	for _, x := range b.Backoffs {
		fmt.Fprintf(w, "%s is not launched until %s: %s\n", x.Type, clockOf(x.Until), x.Reason)
	}
	if len(b.Decisions) > 0 {
		fmt.Fprintln(t, "\nTIME\tDECISION\tDEMAND\tTHEN\tWHY")
	}
	for _, d := range b.Decisions {
		what := fmt.Sprintf("launch %d × %s at %s", d.Launched, d.Type, price(d.Price))
		if d.Terminated > 0 {
			what = fmt.Sprintf("terminate %d × %s", d.Terminated, d.Type)
		}
		fmt.Fprintf(t, "%s\t%s\t%s vCPUs\t%s vCPUs\t%s\n", clockOf(d.At), what, number(d.Demand), number(d.VCPUs), plain(d.Why))
	}
	return t.Flush()
}

func optional(n *int32) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(int(*n))
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func price(usd *float64) string {
	if usd == nil {
		return "an unknown price"
	}
	return "$" + number(*usd) + "/h"
}

func clockOf(ms int64) string { return time.UnixMilli(ms).Local().Format("15:04:05") }
