package core

import (
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// beingModified is how AWS refuses a change of what is changing already.
const beingModified = "resource is being modified"

func (s *State) stepCreateEnvironment(now batch.Instant, in CreateEnvironment, out *Output) *batch.Error {
	if s.environmentNames[in.Name] != nil {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	s.last.Environment++
	row := EnvironmentRow{
		ID: s.last.Environment, Name: in.Name, Enabled: in.Enabled, MaxVCPU: in.MaxVCPU, Machine: in.Machine, Fargate: in.Fargate, Spec: in.Spec, CreatedAt: now,
	}
	e := s.addEnvironment(row)
	s.config++
	out.Changes = append(out.Changes, EnvironmentPut{row})
	if in.Fleet != nil {
		e.fleet = s.newFleet(FleetRow{Environment: row.ID, Fleet: *in.Fleet, Generation: 1})
		e.putFleet(out)
	}
	e.scale(out)
	out.Reply = Reply{ID: row.ID}
	return nil
}

// stepUpdateEnvironment changes what the environment allows. Nothing that runs
// is stopped for it, unless instances are to be replaced: a disabled
// environment, and one that has become smaller, just start nothing more.
func (s *State) stepUpdateEnvironment(now batch.Instant, in UpdateEnvironment, out *Output) *batch.Error {
	e := s.environmentNames[in.Name]
	switch {
	case e == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case e.row.Status != Valid, e.fleet != nil && e.fleet.row.UpdatedAt != 0:
		return batch.Errorf(batch.Conflict, "Cannot update, "+beingModified)
	case e.fleet == nil && in.Fleet != nil:
		return batch.Errorf(batch.Invalid, "An environment of one host cannot become one of instances.")
	}
	scale := !e.row.Enabled && in.Enabled || e.row.MaxVCPU != in.MaxVCPU
	e.row.Enabled, e.row.MaxVCPU, e.row.Fargate = in.Enabled, in.MaxVCPU, in.Fargate
	s.config++
	row := e.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, EnvironmentPut{row})
	if e.fleet != nil {
		s.updateFleet(now, e, in, out)
	} else if scale {
		e.scale(out)
	}
	out.Reply = Reply{ID: row.ID}
	return nil
}

// stepDeleteEnvironment deletes an environment that no queue has. As on AWS,
// where its instances are terminated, what still runs on its hosts is stopped
// and may be tried again elsewhere; until that is over it is being deleted.
func (s *State) stepDeleteEnvironment(in DeleteEnvironment, out *Output) *batch.Error {
	e := s.environmentNames[in.Name]
	switch {
	case e == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case e.row.Status != Valid:
		return batch.Errorf(batch.Conflict, "Cannot delete, "+beingModified)
	case e.row.Enabled:
		return batch.Errorf(batch.Conflict, "Cannot delete, compute environment must be disabled")
	}
	for _, q := range s.queueList {
		if slices.Contains(q.environ, e) {
			return batch.Errorf(batch.Conflict, "Cannot delete, found existing JobQueue relationship")
		}
	}
	e.row.Status = Deleting
	row := e.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, EnvironmentPut{row})
	out.Reply = Reply{ID: row.ID}
	s.evictions = append(s.evictions, s.eviction(e))
	s.evictOn(out)
	return nil
}

// scale asks for the hosts that the environment may have. One that has hosts
// and may have none still needs them for what runs there.
func (e *environment) scale(out *Output) {
	if e.fleet != nil {
		return // see scale.go
	}
	if e.row.Enabled && e.row.MaxVCPU > 0 || e.hosts.Len() > 0 {
		e.asked = true
		out.Effects = append(out.Effects, Scale{Environment: e.row.ID, VCPU: e.row.MaxVCPU, Machine: e.row.Machine})
	}
}

// allows reports whether the environment may give that much more to jobs. The
// limit is its own, whatever its hosts have room for: they follow later when it
// is lowered. So is that of the machine, which others have a part of. Instances
// of a fleet were launched within the limit and take what they have room for.
func (e *environment) allows(need batch.Resources) bool {
	return e.fleet != nil || e.used+need.MilliVCPU <= e.row.MaxVCPU && (e.machine == nil || need.Fits(e.machine.free()))
}

// over is by how many thousandths of vCPUs jobs would have more than they may if
// they had that much more; negative where that is left. Of instances only the
// launching is limited.
func (e *environment) over(more batch.Resources) int64 {
	if e.fleet != nil {
		return -batch.Unlimited / 2
	}
	return e.used + more.MilliVCPU - e.row.MaxVCPU
}

// eviction stops, slice by slice, what runs on hosts that are to go.
type eviction struct {
	environment *environment // that is removed when it is empty; nil if it is not to be
	live        []*job       // not looked at yet
}

func (s *State) eviction(e *environment) *eviction {
	v := &eviction{environment: e}
	for _, f := range e.hosts.Hosts() {
		v.live = append(v.live, s.hosts[f.ID].attempts()...)
	}
	return v
}

// evictOn stops the next slice and removes the environments that hold nothing
// any more. It reports whether there is more to stop.
func (s *State) evictOn(out *Output) (more bool) {
	budget := maxSlice
	for _, v := range s.evictions {
		n := min(budget, len(v.live))
		for _, j := range v.live[:n] {
			s.evict(j, out)
		}
		v.live = v.live[n:]
		budget -= n
		more = more || len(v.live) > 0
	}
	s.evictions = slices.DeleteFunc(s.evictions, func(v *eviction) bool {
		if v.environment == nil {
			return len(v.live) == 0
		}
		return s.removeEnvironment(v.environment, out)
	})
	return more
}

// evict stops a job that is live on a host that is to go; with a node its whole
// gang.
func (s *State) evict(j *job, out *Output) {
	goes := j.host.stopped || j.host.environment.row.Status == Deleting
	if j.isNode() {
		j = j.parent
	}
	if !goes || !j.state.Live() || j.stopping() || j.gang != nil && j.gang.ended != nil {
		return
	}
	j.flags |= Evicted
	s.put(j, ended{}, out)
	s.stop(j, out)
}

// hostGone is said of the end of an attempt whose host has gone.
func hostGone(h *host) string { return fmt.Sprintf(reasonHostLost, h.row.Name) }

// removeEnvironment removes an environment with its hosts, unless they hold
// something. Its row and theirs stay, for the jobs that refer to them.
func (s *State) removeEnvironment(e *environment, out *Output) bool {
	if e.fleet != nil && e.hosts.Len() > 0 {
		return false // until they are known to be terminated
	}
	for _, f := range e.hosts.Hosts() {
		if len(s.hosts[f.ID].live) > 0 {
			return false
		}
	}
	for _, f := range e.hosts.Hosts() {
		delete(s.hosts, f.ID)
	}
	delete(s.environments, e.row.ID)
	delete(s.environmentNames, e.row.Name)
	s.environmentList = slices.DeleteFunc(s.environmentList, func(other *environment) bool { return other == e })
	row := e.row
	row.Status = Deleted
	out.Changes = append(out.Changes, EnvironmentPut{row})
	if e.fleet != nil {
		s.fleets--
		out.Changes = append(out.Changes, FleetDrop{row.ID})
	}
	dropTags(Tagged{TagEnvironment, row.ID}, out)
	return true
}
