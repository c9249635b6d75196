package batchsvc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// Why jobs wait is in DescribeJobs, as the member barge that AWS does not have:
// as data, and as a message in words.

// waiting asks the live state why the jobs wait, once for all of them. Without
// an answer, as when nothing can be stored at the moment, jobs are described
// without it.
func (s *Service) waiting(ctx context.Context, jobs []store.Job) map[batch.JobRef]core.Waiting {
	var refs []batch.JobRef
	for i := range jobs {
		if jobs[i].State == batch.Pending || jobs[i].State == batch.Runnable {
			refs = append(refs, jobs[i].Ref)
		}
	}
	var answers map[batch.JobRef]core.Waiting
	if len(refs) == 0 || s.o.View(ctx, func(state *core.State) { answers = state.Why(refs...) }) != nil {
		return nil
	}
	return answers
}

func waitingDetail(ref batch.JobRef, w core.Waiting) *batchapi.BargeWaiting {
	d := &batchapi.BargeWaiting{Reason: string(w.Limit), Message: whyText(ref, w), Since: instant(w.Since), Until: instant(w.Until)}
	for _, job := range w.DependsOn {
		d.DependsOn = append(d.DependsOn, job.String())
	}
	if w.MaxRunning > 0 {
		d.Running, d.MaxRunning = ptr(w.Running), ptr(w.MaxRunning)
	}
	if w.Position > 0 {
		d.Position = ptr(int32(w.Position))
	}
	if w.Head != nil {
		d.Head = headDetail(w.Head)
	}
	return d
}

func headDetail(h *core.Head) *batchapi.BargeHead {
	d := &batchapi.BargeHead{
		JobId: h.Job.String(), Since: instant(h.Since), Reason: string(h.Limit), Message: headText(h), CancelledAt: instant(h.CancelAt),
		StartsAt: instant(h.StartAt), StartsIn: h.StartIn,
	}
	for _, o := range h.Environments {
		e := batchapi.BargeObstacle{ComputeEnvironment: o.Environment, Reason: string(o.Limit)}
		if o.Needed > 0 {
			unit := unitOf(o.Limit)
			e.Needed = ptr(float64(o.Needed) / unit)
			if o.Limit != core.LimitNodes {
				e.Available, e.Total = ptr(float64(o.Available)/unit), ptr(float64(o.Total)/unit)
			}
		}
		d.ComputeEnvironments = append(d.ComputeEnvironments, e)
	}
	for _, c := range h.Consumables {
		d.ConsumableResources = append(d.ConsumableResources, batchapi.BargeShortage{
			ConsumableResource: c.Need.Resource, Needed: ptr(c.Need.Quantity), Available: ptr(c.Have.Available()), Total: ptr(c.Have.Total),
		})
	}
	return d
}

// unitOf is how many of the core's units one of the API's has.
func unitOf(l core.Limit) float64 {
	if l == core.LimitVCPUs || l == core.LimitMaxVCPUs {
		return 1000
	}
	return 1
}

func whyText(ref batch.JobRef, w core.Waiting) string {
	switch w.Limit {
	case core.LimitDependencies:
		return "It depends on " + jobNames(w.DependsOn) + ", which must succeed first."
	case core.LimitBackoff:
		return "It pauses before its next attempt until " + clock(w.Until) + "."
	case core.LimitArray:
		return fmt.Sprintf("%d children of its array run, and %d may at once (barge:max-running).", w.Running, w.MaxRunning)
	case core.LimitShareMax:
		return fmt.Sprintf("%d jobs of its share run, and %d may at once (barge:max-running-per-share).", w.Running, w.MaxRunning)
	case core.LimitDefinition:
		return fmt.Sprintf("%d jobs of its job definition run, and %d may at once (barge:max-running).", w.Running, w.MaxRunning)
	case core.LimitEnding:
		return "It is being ended."
	case core.LimitQueue:
		place := "more than a hundred jobs of its queue are ahead of it"
		if w.Position > 0 {
			place = fmt.Sprintf("it is number %d in its queue", w.Position)
		}
		text := fmt.Sprintf("Job %s is at the head of the queue, %s. The head: %s", w.Head.Job, place, headText(w.Head))
		if w.Block != core.Unblocked {
			text = "No compute environment of its queue can ever hold it as they are. " + text
		}
		return text
	default:
		switch {
		case w.Head == nil:
			return "It is about to start."
		case w.Head.Job != ref: // its next child, or its job
			return fmt.Sprintf("Job %s is at the head of the queue: %s", w.Head.Job, headText(w.Head))
		}
		return headText(w.Head)
	}
}

func headText(h *core.Head) string {
	var b strings.Builder
	switch h.Limit {
	case core.LimitConsumable:
		var parts []string
		for _, c := range h.Consumables {
			if !c.Exists {
				parts = append(parts, fmt.Sprintf("consumable resource %s does not exist", c.Need.Resource))
				continue
			}
			parts = append(parts, fmt.Sprintf("it needs %d of consumable resource %s, of which %d of %d are available",
				c.Need.Quantity, c.Need.Resource, c.Have.Available(), c.Have.Total))
		}
		b.WriteString(sentence(strings.Join(parts, "; ")))
	case core.LimitQueueMax:
		b.WriteString("As many jobs of the queue run as may at once (barge:max-running).")
	case core.LimitShares:
		b.WriteString("The vCPUs that are free are kept for shares that are not active yet (computeReservation).")
	case core.LimitNetworks:
		b.WriteString("All networks for multi-node jobs are in use.")
	case core.LimitEnvironments:
		var parts []string
		for _, o := range h.Environments {
			parts = append(parts, obstacleText(o))
		}
		b.WriteString("No compute environment takes it: " + strings.Join(parts, "; ") + ".")
	case core.LimitInstances:
		if len(h.Units) == 0 {
			b.WriteString("The service environment is DISABLED.")
		} else {
			b.WriteString("The service environment has too few instances left: " + unitTexts(h.Units) + "." + loanText(h))
		}
	case core.LimitQuota:
		b.WriteString("Quota share " + h.Share + " has too little left of its limits, and cannot borrow it: " + unitTexts(h.Units) + ".")
	case core.LimitPreempting:
		b.WriteString("Room is made for it: " + jobNames(h.Victims) + " is being stopped.")
	default:
		return "It is about to start."
	}
	if h.StartAt != 0 {
		b.WriteString(" It starts in " + h.StartIn + " at " + clock(h.StartAt) + " at the latest, by the timeouts of what runs, unless a queue of higher priority comes before it.")
	}
	if h.Limit == core.LimitEnvironments {
		b.WriteString(loanText(h))
	}
	if h.CancelAt != 0 {
		b.WriteString(" If that stays so, a time limit of the queue cancels it at " + clock(h.CancelAt) + ".")
	}
	return b.String()
}

// unitTexts say what lacks of capacity units.
func unitTexts(units []core.UnitLimit) string {
	parts := make([]string, 0, len(units))
	for _, u := range units {
		show := func(n int64) string {
			if u.Unit == core.UnitVCPU {
				return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64)
			}
			return itoa(n)
		}
		parts = append(parts, fmt.Sprintf("it needs %s of %s, %s of %s are left", show(u.Needed), u.Unit, show(u.Available), show(u.Total)))
	}
	return strings.Join(parts, "; ")
}

// loanText says who has what a head may have.
func loanText(h *core.Head) string {
	if len(h.Lent) == 0 {
		return ""
	}
	parts := make([]string, 0, len(h.Lent))
	for _, l := range h.Lent {
		n := itoa(l.N)
		if l.Unit == core.UnitVCPU {
			n = strconv.FormatFloat(float64(l.N)/1000, 'f', -1, 64)
		}
		parts = append(parts, fmt.Sprintf("share %s %s of %s", l.Share, n, l.Unit))
	}
	return " Beyond their limits use: " + strings.Join(parts, ", ") + "."
}

func obstacleText(o core.Obstacle) string {
	name := o.Environment
	need := func(amount func(int64) string) string {
		if o.Needed > o.Total {
			return fmt.Sprintf("%s never has %s for one job, the most is %s", name, amount(o.Needed), amount(o.Total))
		}
		return fmt.Sprintf("%s has %s free of %s, and it needs %s: running jobs have to end", name, amount(o.Available), amount(o.Total), amount(o.Needed))
	}
	switch o.Limit {
	case core.LimitDisabled:
		return name + " is DISABLED"
	case core.LimitNoHost:
		return name + " has no host"
	case core.LimitMaxVCPUs:
		return fmt.Sprintf("%s has maxvCpus %s, and it needs %s", name, vcpuText(o.Total), vcpuText(o.Needed))
	case core.LimitVCPUs:
		return need(vcpuText)
	case core.LimitMemory:
		return need(func(n int64) string { return itoa(n) + " MiB" })
	case core.LimitGPUs:
		if o.Total == 0 {
			return name + " has no GPUs"
		}
		return need(func(n int64) string { return several(n, "GPU") })
	case core.LimitKept:
		return "what " + name + " has free is kept for a multi-node job of a queue before this one, which has long waited"
	case core.LimitSpread:
		return name + " has enough free, but not on one host"
	case core.LimitNodes:
		return fmt.Sprintf("%s has no room for all %d nodes at once", name, o.Needed)
	case core.LimitInvalid:
		return name + " is INVALID"
	case core.LimitNoType:
		return name + " has no instance type for it"
	case core.LimitLaunching:
		return name + " waits for instances that are being launched"
	case core.LimitCapacity:
		return name + " got no instance of a type that would hold it: there was no capacity"
	case core.LimitAtMax:
		return fmt.Sprintf("%s may have no more instances within maxvCpus %s: running jobs have to end", name, vcpuText(o.Total))
	case core.LimitBid:
		return name + " does not pay what the instance types that would hold it cost now"
	default:
		return name + " has room"
	}
}

func vcpuText(milli int64) string {
	if milli%1000 == 0 {
		return several(milli/1000, "vCPU")
	}
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) + " vCPUs"
}

func several(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return itoa(n) + " " + what + "s"
}

// jobNames lists a few jobs.
func jobNames(refs []batch.JobRef) string {
	const most = 5
	var names []string
	for i, ref := range refs {
		if i == most {
			return fmt.Sprintf("jobs %s and %d more", strings.Join(names, ", "), len(refs)-most)
		}
		names = append(names, ref.String())
	}
	if len(names) == 1 {
		return "job " + names[0]
	}
	return "jobs " + strings.Join(names, ", ")
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func clock(at batch.Instant) string { return at.Time().UTC().Format(time.RFC3339) }
