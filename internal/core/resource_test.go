package core

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// change reads the commands of scripts that change and delete environments,
// queues and policies: `update-environment e vcpu=4 state=disabled`,
// `update-queue q on=a,b priority=3 state=disabled policy=p`, `policy p`, `delete-environment e`,
// `delete-queue q`, `delete-policy p`. What an update does not name stays.
func (w *world) change(t *testing.T, command string, plain []string, args map[string]string) Input {
	name := plain[0]
	num := func(key string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(args[key], 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	enabled := func(now bool) bool {
		if args["state"] == "" {
			return now
		}
		return args["state"] == "enabled"
	}
	switch command {
	case "update-environment":
		in := UpdateEnvironment{Name: name}
		if e := w.s.environmentNames[name]; e != nil {
			in.Enabled, in.MaxVCPU = enabled(e.row.Enabled), num("vcpu", e.row.MaxVCPU/1000)*1000
			if e.fleet != nil {
				in.Fleet, in.Replace = fleetOf(args, &e.fleet.row.Fleet), args["replace"] == "yes"
			}
		}
		return in
	case "delete-environment":
		return DeleteEnvironment{Name: name}
	case "update-queue":
		in := UpdateQueue{Name: name, SchedulingPolicy: args["policy"]}
		if q := w.s.queueNames[name]; q != nil {
			in.TimeLimits = q.row.TimeLimits
			in.Enabled, in.Priority = enabled(q.row.Enabled), int32(num("priority", int64(q.row.Priority)))
		}
		if args["on"] != "" {
			in.Environments = strings.Split(args["on"], ",")
		}
		return in
	case "delete-queue":
		return DeleteQueue{Name: name}
	case "fair":
		return CreateSchedulingPolicy{Name: name, Fair: fairPolicyOf(t, args)}
	case "update-fair":
		return UpdateSchedulingPolicy{Name: name, Fair: fairPolicyOf(t, args)}
	case "policy":
		return CreateSchedulingPolicy{Name: name}
	case "delete-policy":
		return DeleteSchedulingPolicy{Name: name}
	}
	return nil
}

// describeResources tells which environments and queues are going or gone.
func describeResources(changes []Change) string {
	words := map[Status]string{Valid: "", Deleting: "being deleted", Deleted: "gone"}
	last := make(map[string]Status)
	for _, c := range changes {
		switch c := c.(type) {
		case EnvironmentPut:
			last["environment "+c.Row.Name] = c.Row.Status
		case QueuePut:
			last["queue "+c.Row.Name] = c.Row.Status
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(last)) {
		if word := words[last[name]]; word != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, word)
		}
	}
	return b.String()
}

func (r *rows) loadResources(l *Loader) error {
	for _, id := range slices.Sorted(maps.Keys(r.environments)) {
		if row := r.environments[id]; row.Status != Deleted {
			l.Environment(row)
		}
	}
	if err := r.loadFleets(l); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(r.scheduling)) {
		l.SchedulingPolicy(r.scheduling[id])
	}
	for _, id := range slices.Sorted(maps.Keys(r.service.services)) {
		l.ServiceEnvironment(r.service.services[id])
	}
	for _, id := range slices.Sorted(maps.Keys(r.queues)) {
		if row := r.queues[id]; row.Status != Deleted {
			if err := l.Queue(row); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.service.shares)) {
		if err := l.QuotaShare(r.service.shares[id]); err != nil {
			return err
		}
	}
	return nil
}
