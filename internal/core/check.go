package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Check recounts everything that the state counts and returns every invariant
// that is broken. It costs a pass over all jobs: for tests, simulation and the
// start.
func (s *State) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	used := make(map[*host]batch.Resources)
	held := make(map[string]int64)
	byQueue := make(map[*queue]batch.Resources)
	counts := make(map[*job][batch.JobStates]int32)
	waiting := 0
	for ref, j := range s.jobs {
		if j.ref != ref {
			bad("job %s is filed under %s", j.ref, ref)
		}
		if j.state.Terminal() && !j.isNode() || j.state == batch.Submitted {
			bad("job %s is active and %s", ref, j.state)
		}
		if j.array != nil && j.state != batch.Pending {
			bad("array job %s is %s", ref, j.state)
		}
		if j.tries() > j.maxAttempts {
			bad("job %s is at attempt %d of %d", ref, j.tries(), j.maxAttempts)
		}
		if got := j.parent == nil && j.line().Has(j); got != j.waitsToStart() {
			bad("job %s (%s) waits in its queue: %t", ref, j.state, got)
		}
		if j.waitsToStart() {
			waiting++
		}
		if j.retryAt != 0 && j.state != batch.Runnable {
			bad("job %s is %s and waits to be tried again", ref, j.state)
		}
		if j.state.Live() && j.gang == nil || j.reserved() {
			if _, ok := j.host.live[j]; !ok {
				bad("job %s is %s and its host does not hold it", ref, j.state)
			}
			used[j.host] = used[j.host].Add(s.shapes.Need(j.shape))
		}
		if j.state.Live() && !j.isNode() { // a gang holds for all of its nodes
			byQueue[j.queue] = byQueue[j.queue].Add(s.shapes.Need(j.shape))
			for _, n := range s.baskets[int64(j.basket)] {
				held[n.Resource] += n.Quantity
			}
		}
		if due := j.watched(); due != s.deadlines.Has(j) {
			bad("job %s (%s, timeout %d s) has a deadline: %t", ref, j.state, j.timeout, !due)
		}
		if p := j.parent; p != nil && p.array != nil {
			if s.jobs[p.ref] != p {
				bad("child %s outlives its array job", ref)
			}
			if got, want := p.array.again.Has(j), j.state == batch.Runnable && j.retryAt == 0; got != want {
				bad("child %s (%s) waits to be started again: %t", ref, j.state, got)
			}
			if p.flags&Terminated != 0 && j.flags&Terminated == 0 && !s.willSweep(p, j.ref.Child-1) {
				bad("child %s lives, its array job is terminated and nobody sees to it", ref)
			}
			c := counts[p]
			c[j.state]++
			counts[p] = c
		}
	}
	s.checkArrays(counts, bad)
	s.checkCeilings(bad)
	s.checkGangs(bad)
	s.checkWaits(bad)
	s.claims.check(bad)
	s.updates.check(bad)
	s.checkConsumables(held, bad)
	s.checkResources(used, bad)
	s.checkQuotas(bad)
	queued := 0
	for _, q := range s.queueList {
		queued += q.waiting.Len()
		if err := q.waiting.Check(func(c class) bool { return c.ceiling.full() }); err != nil {
			bad("queue %s: %w", q.row.Name, err)
		}
		for h, line := range q.heads {
			s.checkHead(q, h, line, bad)
		}
		s.checkWhy(q, bad)
		for _, share := range q.shareList {
			queued += share.waiting.Len()
		}
		queued += s.checkShares(q, bad)
		for j := q.jobs.first; j != nil; j = j.behind {
			if (j.service != nil) != (q.service != nil) {
				bad("job %s is in queue %s, of the other kind", j.ref, q.row.Name)
			}
		}
		if q.used != byQueue[q] {
			bad("queue %s uses %s, a recount says %s", q.row.Name, q.used, byQueue[q])
		}
	}
	if queued != waiting {
		bad("%d jobs are queued, %d wait", queued, waiting)
	}
	for _, h := range s.hosts {
		if want := h.Capacity.Sub(used[h]); h.Free != want {
			bad("host %s has %s free, a recount says %s", h.row.Name, h.Free, want)
		}
		if !(batch.Resources{}).Fits(h.Free) {
			bad("host %s is oversubscribed: %s free", h.row.Name, h.Free)
		}
		for j := range h.live {
			if j.host != h || !j.state.Live() && !j.reserved() || s.jobs[j.ref] != j {
				bad("host %s holds job %s, which is %s", h.row.Name, j.ref, j.state)
			}
		}
	}
	s.checkMachine(used, bad)
	return errors.Join(errs...)
}

// willSweep reports whether a child of an array job is going to be ended.
func (s *State) willSweep(parent *job, index int32) bool {
	return slices.ContainsFunc(s.sweeps, func(w sweep) bool { return w.parent == parent && w.index <= index })
}

// Fingerprint is a hash of all that is stored of the state: equal for equal
// states, whether grown or loaded.
func (s *State) Fingerprint() uint64 {
	h := fnv.New64a()
	write := func(args ...any) { fmt.Fprintln(h, args...) }
	write(s.last)
	for _, e := range s.environmentList {
		write(e.row)
		if e.fleet != nil {
			write(e.fleet.row)
		}
	}
	for _, e := range s.serviceList {
		write(e.row, e.used)
	}
	for _, q := range s.queueList {
		write(q.row, q.waiting.Len())
		for _, share := range q.shareList {
			write(share.row, share.waiting.Len(), share.jobs, share.Used, share.live.Len())
		}
		for _, share := range q.fairShares() {
			write(q.shareRow(share), share.waiting.Len(), share.Used(), share.Jobs())
		}
	}
	for id := int64(1); id <= s.last.SchedulingPolicy; id++ {
		if row, ok := s.scheduling[id]; ok {
			if row.Fair != nil {
				write(*row.Fair)
				row.Fair = nil // a pointer
			}
			write(row)
		}
	}
	for _, row := range s.sortedCosts() {
		write(row.CostRow)
	}
	hosts := make([]*host, 0, len(s.hosts))
	for _, x := range s.hosts {
		hosts = append(hosts, x)
	}
	slices.SortFunc(hosts, func(a, b *host) int { return int(a.ID - b.ID) })
	for _, x := range hosts {
		write(x.stored(), x.Free)
	}
	for _, row := range s.consumableRows() {
		write(row)
	}
	names := make([]string, 0, len(s.revisions))
	for name := range s.revisions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		write(name, s.revisions[name])
	}
	for _, row := range append(s.claims.sorted(), s.updates.sorted()...) {
		write(row)
	}
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *job) int { return int(a.seq - b.seq) })
	for _, j := range jobs {
		row := s.row(j, ended{})
		if row.Gang != nil {
			write(*row.Gang, j.gang.held, len(j.gang.nodes), j.gang.ended != nil)
			row.Gang = nil // a pointer
		}
		if row.Cost != nil {
			write(*row.Cost)
			row.Cost = nil // a pointer
		}
		row.Waits = nil // it would be printed as an address
		if row.Preempt != nil {
			write(*row.Preempt)
			row.Preempt = nil // so would it
		}
		write(row)
		if j.waits != nil {
			write(*j.waits)
		}
		if a := j.array; a != nil {
			write(a.own, a.succeeded, a.failed, a.held, a.again.Len())
		}
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}
