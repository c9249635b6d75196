package core

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
)

// fleetOf reads what makes an environment one of instances: `types=m5.large,c5
// strategy=BEST_FIT_PROGRESSIVE min=2 desired=4 spot=yes bid=60 delay=20 stop=yes
// wait=5`. What an update does not name stays.
func fleetOf(args map[string]string, was *Fleet) *Fleet {
	if args["types"] == "" && was == nil {
		return nil
	}
	f := Fleet{}
	if was != nil {
		f = *was
	}
	num := func(key string, to *int64, times int64) {
		if n, err := strconv.ParseInt(args[key], 10, 64); err == nil {
			*to = n * times
		}
	}
	small := func(key string, to *int32) {
		n := int64(*to)
		num(key, &n, 1)
		*to = int32(n)
	}
	if args["types"] != "" {
		f.Types = strings.Split(args["types"], ",")
	}
	if args["strategy"] != "" {
		f.Strategy = args["strategy"]
	}
	num("min", &f.MinVCPU, 1000)
	num("desired", &f.DesiredVCPU, 1000)
	small("bid", &f.BidPercent)
	small("delay", &f.DelayMinutes)
	small("wait", &f.UpdateMinutes)
	f.Spot = f.Spot || args["spot"] == "yes"
	f.StopOnUpdate = f.StopOnUpdate || args["stop"] == "yes"
	return &f
}

// fleetInput reads what instances and their providers say: `seen 3` (with its
// name and vcpu= and mem= where they are not the catalogue's), `fail 3
// kind=capacity`, `gone 3`, `notice 3 at=120`.
func (w *world) fleetInput(t *testing.T, command string, plain []string, args map[string]string) Input {
	t.Helper()
	id := int64(mustInt(t, plain[0]))
	row := w.rows.hosts[id]
	e := row.Environment
	switch command {
	case "seen":
		size := row.Capacity
		if n := args["vcpu"]; n != "" {
			size.MilliVCPU = int64(mustInt(t, n)) * 1000
		}
		if n := args["mem"]; n != "" {
			size.MemoryMiB = int64(mustInt(t, n))
		}
		return HostSeen{Environment: e, Host: id, Name: cmp.Or(args["name"], "i-"+plain[0]), Capacity: size}
	case "fail":
		kinds := map[string]LaunchFailure{"capacity": NoCapacity, "unsupported": Unsupported}
		return LaunchFailed{Environment: e, Host: id, Kind: kinds[args["kind"]], Text: "no"}
	case "gone":
		return HostLost{Environment: e, Host: id}
	case "notice":
		return HostNotice{Environment: e, Host: id, At: batch.Instant(mustInt(t, args["at"])) * 1000}
	}
	return nil
}

// describeFleets tells what became of instances: their states, what was decided,
// and what is asked of their provider.
func (w *world) describeFleets() string {
	var b strings.Builder
	states := []string{"up", "launching", "draining", "terminating", "lost", "terminated"}
	last := make(map[int64]HostRow)
	fleets := make(map[int64]FleetRow)
	for _, c := range w.out.Changes {
		switch c := c.(type) {
		case HostPut:
			if c.Row.Type != "" {
				last[c.Row.ID] = c.Row
			}
		case FleetPut:
			fleets[c.Row.Environment] = c.Row
		case DecisionPut:
			d := c.Row
			fmt.Fprintf(&b, "  decided %d.%d: launch %d, terminate %d %s at %d, %s; %d of %d\n", d.Environment, d.Number, d.Launched, d.Ended, d.Type, d.Price, d.Why, d.Demand, d.Have)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(fleets)) {
		r := fleets[id]
		fmt.Fprintf(&b, "  fleet %d: desired %d", id, r.Desired/1000)
		if r.UpdatedAt != 0 {
			fmt.Fprintf(&b, " updating to %d", r.Generation)
		}
		if r.Invalid != "" {
			fmt.Fprintf(&b, " INVALID: %.20s…", r.Invalid)
		}
		for _, f := range r.Backoffs {
			fmt.Fprintf(&b, " no %s until %d s (%d)", f.Type, f.Until/1000, f.Kind)
		}
		b.WriteByte('\n')
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		r := last[id]
		if old := w.rows.hosts[id]; old.State == r.State && old.ID == r.ID && old.Gang == r.Gang && old.StopAt == r.StopAt && old.GoneAt == r.GoneAt {
			continue
		}
		fmt.Fprintf(&b, "  host %d, %s: %s", id, r.Type, states[r.State])
		if r.Gang != 0 {
			fmt.Fprintf(&b, " for job %d", r.Gang)
		}
		if r.StopAt != 0 || r.GoneAt != 0 {
			fmt.Fprintf(&b, " stop at %d s, gone at %d s", r.StopAt/1000, r.GoneAt/1000)
		}
		if r.Cost != nil && r.Cost.NanoUSD > 0 {
			fmt.Fprintf(&b, ", it cost %d", r.Cost.NanoUSD/1000)
		}
		b.WriteByte('\n')
	}
	for _, e := range w.out.Effects {
		switch e := e.(type) {
		case Launch:
			if e.Name != "" {
				fmt.Fprintf(&b, "  is host %d there? %s\n", e.Host, e.Name)
			} else if last[e.Host].ID == 0 {
				fmt.Fprintf(&b, "  launch host %d, %s\n", e.Host, e.Type)
			}
		case TerminateHost:
			if last[e.Host].ID == 0 {
				fmt.Fprintf(&b, "  terminate host %d\n", e.Host)
			}
		}
	}
	return b.String()
}

func (r *rows) applyFleet(c Change) {
	switch c := c.(type) {
	case FleetPut:
		r.fleets[c.Row.Environment] = c.Row
	case FleetDrop:
		delete(r.fleets, c.Environment)
	}
}

func (r *rows) loadFleets(l *Loader) error {
	l.Scaling(Scaling{Catalog: catalog.Builtin()})
	for _, id := range slices.Sorted(maps.Keys(r.fleets)) {
		if err := l.Fleet(r.fleets[id]); err != nil {
			return err
		}
	}
	return nil
}
