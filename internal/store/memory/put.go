package memory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// set writes a map's entry and remembers how to take that back.
func set[K comparable, V any](s *Store, m map[K]V, key K, value V) {
	old, had := m[key]
	s.undo = append(s.undo, func() {
		if had {
			m[key] = old
		} else {
			delete(m, key)
		}
	})
	m[key] = value
}

// drop removes a map's entry and remembers how to take that back.
func drop[K comparable, V any](s *Store, m map[K]V, key K) {
	if old, had := m[key]; had {
		s.undo = append(s.undo, func() { m[key] = old })
		delete(m, key)
	}
}

func (s *Store) put(c core.Change) error {
	switch c := c.(type) {
	case core.JobPut:
		return s.putJob(c.Row, c.New)
	case core.AttemptPut:
		return s.putAttempt(c.Row)
	case core.EnvironmentPut:
		r := c.Row
		if err := errors.Join(key(r.ID), amounts(r.MaxVCPU), unique(s.environments, r.ID, func(o core.EnvironmentRow) bool {
			return o.Name == r.Name && o.Status != core.Deleted && r.Status != core.Deleted
		})); err != nil {
			return err
		}
		set(s, s.environments, r.ID, r)
		s.last.Environment = max(s.last.Environment, r.ID)
	case core.QueuePut:
		r := c.Row
		if err := errors.Join(key(r.ID), unique(s.queues, r.ID, func(o core.QueueRow) bool {
			return o.Name == r.Name && o.Status != core.Deleted && r.Status != core.Deleted
		})); err != nil {
			return err
		}
		set(s, s.queues, r.ID, r)
		s.last.Queue = max(s.last.Queue, r.ID)
	case core.DefinitionPut:
		r := c.Row
		if err := errors.Join(key(r.ID), key(int64(r.Revision)), unique(s.definitions, r.ID, func(o core.DefinitionRow) bool {
			return o.Name == r.Name && o.Revision == r.Revision
		})); err != nil {
			return err
		}
		set(s, s.definitions, r.ID, r)
		s.last.Definition = max(s.last.Definition, r.ID)
	case core.HostPut:
		r := c.Row
		if err := errors.Join(key(r.ID), resources(r.Capacity), unique(s.hosts, r.ID, func(o core.HostRow) bool {
			return o.Name == r.Name && o.Environment == r.Environment && r.Name != ""
		})); err != nil {
			return err
		}
		set(s, s.hosts, r.ID, r)
		s.last.Host = max(s.last.Host, r.ID)
	case core.PolicyPut:
		if err := key(c.Row.ID); err != nil {
			return err
		}
		set(s, s.policies, c.Row.ID, c.Row)
		s.last.Policy = max(s.last.Policy, c.Row.ID)
	case core.CostPut:
		return s.putCost(c.Row)
	case core.JobDrop:
		return s.dropJob(c)
	case core.OutboxDrop:
		s.dropEvents(c.Mark)
	case core.ClaimPut:
		set(s, s.claims, c.Row.Token, c.Row)
	case core.ClaimDrop:
		drop(s, s.claims, c.Token)
	case core.SchedulingPolicyPut, core.SchedulingPolicyDelete, core.TagsPut, core.FairSharePut, core.FairShareDelete:
		return s.putResource(c)
	case core.ServiceEnvironmentPut, core.ServiceEnvironmentDelete, core.QuotaSharePut, core.QuotaTurn, core.QuotaShareDelete:
		return s.putService(c)
	case core.FleetPut, core.FleetDrop, core.DecisionPut:
		return s.putFleet(c)
	default:
		return s.putOther(c)
	}
	return nil
}

func (s *Store) putJob(r core.JobRow, first *core.NewJob) error {
	old, had := s.jobs[r.Seq]
	switch {
	case had && (first != nil || old.State.Terminal() && r.Ref.Child >= 0): // a node starts again
		return fmt.Errorf("job %d has a row already, %s", r.Seq, old.State)
	case !had && first == nil && r.Ref.Child == 0:
		return fmt.Errorf("job %d has no row", r.Seq)
	case had && (old.Ref != r.Ref || old.Queue != r.Queue):
		return fmt.Errorf("row %d is job %s and is to become job %s", r.Seq, old.Ref, r.Ref)
	}
	if err := checkJob(r); err != nil {
		return fmt.Errorf("job %d: %w", r.Seq, err)
	}
	if !had {
		if other, taken := s.refs[r.Ref]; taken {
			return fmt.Errorf("job %s has row %d already", r.Ref, other)
		}
		set(s, s.refs, r.Ref, r.Seq)
		if r.Ref.Child == 0 {
			s.submit(r)
		}
	}
	if first != nil {
		set(s, s.first, r.Seq, *first)
	}
	set(s, s.jobs, r.Seq, r)
	s.last.Job = max(s.last.Job, r.Seq)
	return nil
}

// submit puts a new job among those of its queue, nearly always at the end.
func (s *Store) submit(r core.JobRow) {
	list := s.submitted[r.Queue]
	i, _ := slices.BinarySearch(list, r.Seq)
	s.submitted[r.Queue] = slices.Insert(list, i, r.Seq)
	s.undo = append(s.undo, func() {
		list := s.submitted[r.Queue]
		i, _ := slices.BinarySearch(list, r.Seq)
		s.submitted[r.Queue] = slices.Delete(list, i, i+1)
	})
}

// dropJob removes an ended job with its children or nodes.
func (s *Store) dropJob(c core.JobDrop) error {
	if _, ok := s.refs[c.Ref]; !ok {
		return nil // it has gone before
	}
	j := s.jobs[c.Seq]
	if j.Ref != c.Ref || c.Ref.Child != 0 || !j.State.Terminal() {
		return fmt.Errorf("job %s has no row %d that is terminal", c.Ref, c.Seq)
	}
	nodes := int32(0)
	if j.Gang != nil {
		nodes = j.Gang.Size
	}
	for child := -nodes; child <= j.Size; child++ {
		ref := batch.JobRef{ID: c.Ref.ID, Child: child}
		if seq, has := s.refs[ref]; has {
			drop(s, s.refs, ref)
			drop(s, s.jobs, seq)
			drop(s, s.first, seq)
			drop(s, s.attempts, seq)
		}
	}
	drop(s, s.tags, core.Tagged{Kind: core.TagJob, ID: c.Seq})
	list := s.submitted[j.Queue]
	i, _ := slices.BinarySearch(list, c.Seq)
	s.submitted[j.Queue] = slices.Delete(slices.Clone(list), i, i+1)
	s.undo = append(s.undo, func() { s.submitted[j.Queue] = list })
	return nil
}

func (s *Store) putAttempt(r core.AttemptRow) error {
	if err := key(int64(r.Number)); err != nil {
		return err
	}
	if r.Host == 0 {
		return fmt.Errorf("attempt %d of job %d has no host", r.Number, r.Job)
	}
	if r.StoppedAt == 0 {
		return fmt.Errorf("attempt %d of job %d has no end", r.Number, r.Job)
	}
	list := slices.Clone(s.attempts[r.Job])
	i, had := slices.BinarySearchFunc(list, r.Number, func(a core.AttemptRow, n int32) int { return int(a.Number - n) })
	if had {
		list[i] = r
	} else {
		list = slices.Insert(list, i, r)
	}
	set(s, s.attempts, r.Job, list)
	return nil
}

// checkReferences is for the end of a round: within it order does not matter.
func (s *Store) checkReferences(c core.Change) error {
	ok := true
	switch c := c.(type) {
	case core.JobPut:
		_, ok = s.queues[c.Row.Queue]
	case core.AttemptPut:
		_, ok = s.jobs[c.Row.Job]
	case core.HostPut:
		_, ok = s.environments[c.Row.Environment]
	case core.FleetPut:
		_, ok = s.environments[c.Row.Environment]
	case core.QuotaSharePut:
		_, ok = s.queues[c.Row.Queue]
	case core.FairSharePut:
		_, ok = s.queues[c.Row.Queue]
	}
	if !ok {
		return errors.New("it refers to a row that does not exist")
	}
	return nil
}

// checkJob is what the schema of the SQL stores says of one row.
func checkJob(r core.JobRow) error {
	array := r.IsArray()
	for _, c := range []struct {
		ok   bool
		want string
	}{
		{r.Seq > 0, "a key"},
		{int(r.State) < batch.JobStates, "a state"},
		{r.State.Terminal() == (r.StoppedAt != 0), "an end exactly in a terminal state"},
		{!r.State.Live() || r.Attempt > 0 && r.Host != 0, "an attempt on a host while it is live"},
		{r.Attempt >= 0 && (r.Attempt <= r.MaxAttempts || r.Preempt != nil || r.Ref.Child < 0), "no more attempts than allowed"},
		{r.Gang == nil || !array && r.Ref.Child == 0, "a gang only if it is no array job, child or node"},
		{!array || r.Ref.Child == 0 && r.Attempt == 0, "an array job to be no child and to have no attempt"},
		{!array || r.State == batch.Pending || r.State.Terminal(), "an array job to be pending or ended"},
		{r.Next >= 0 && r.Next <= max(0, r.Size), "the next child to be within the array"},
		{!array || r.Rest == batch.Pending || r.Rest == batch.Runnable || r.Rest == batch.Failed, "the rest to be pending, runnable or failed"},
		{r.RetryAt == 0 || r.State == batch.Runnable, "a time to be tried again only while it is runnable"},
		{r.BlockedAt == 0 || r.State == batch.Runnable && r.StatusReason != "", "a block only while it is runnable, and a reason for it"},
		{r.Waits == nil || r.State == batch.Pending, "to be pending while it waits for others"},
		{r.Kind <= core.Service && (r.Kind == core.Plain || !array && r.Ref.Child == 0), "a kind, and a service job to be neither array nor child"},
		{(array && r.Rest == batch.Failed) == (r.RestAt != 0), "the rest to have an end exactly if it has failed"},
	} {
		if !c.ok {
			return fmt.Errorf("a job's row has to have %s", c.want)
		}
	}
	return resources(r.Needs)
}

func key(id int64) error {
	if id <= 0 {
		return fmt.Errorf("%d is no key", id)
	}
	return nil
}

func amounts(of ...int64) error {
	for _, n := range of {
		if n < 0 {
			return fmt.Errorf("%d is no amount", n)
		}
	}
	return nil
}

func resources(r batch.Resources) error { return amounts(r.MilliVCPU, r.MemoryMiB, r.GPUs) }

func unique[V any](rows map[int64]V, id int64, same func(V) bool) error {
	for other, row := range rows {
		if other != id && same(row) {
			return fmt.Errorf("row %d has the same name", other)
		}
	}
	return nil
}
