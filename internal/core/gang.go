package core

import (
	"encoding/binary"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// AWS does not document these words for nodes.
const (
	reasonMainEnded    = "Main node exited"
	reasonNeverStarted = "Main node exited before this node was started"
)

// gang is the rest of a multi-node parallel job's record. The job itself waits
// in its queue and has the deadline; what runs on hosts are its nodes.
//
// An attempt starts when there is room for all nodes at once. The main node
// starts alone; while it does so, the others hold their resources and are still
// runnable. When it runs, they start. When it ends, they are stopped, and once
// nothing of the attempt is left on any host, the end of the main node is that of
// the job's attempt.
//
// https://docs.aws.amazon.com/batch/latest/userguide/multi-node-parallel-jobs.html
type gang struct {
	row   *Gang
	nodes []*job // by index; none before the first attempt
	held  int32  // nodes that hold resources
	ended *ended // how the main node of this attempt has ended
}

func (j *job) isNode() bool { return j.ref.Child < 0 }

// isMain reports whether ref names the main node of the job, which may be nil.
func (j *job) isMain(ref batch.JobRef) bool {
	index, _ := ref.Node()
	return j != nil && j.gang != nil && index == int(j.gang.row.Main)
}

func (g *gang) main() *job { return g.nodes[g.row.Main] }

// reserved reports whether a node holds resources and waits for its main node.
func (j *job) reserved() bool {
	p := j.parent
	return j.isNode() && j.state == batch.Runnable && p.state == batch.Starting && p.gang.ended == nil &&
		(p.flags|j.flags)&(Terminated|Evicted|Preempted) == 0
}

// stopping reports whether the live attempt has been asked to end.
func (j *job) stopping() bool {
	if j.flags&(Terminated|TimedOut|Evicted|Preempted) != 0 {
		return true
	}
	return j.isNode() && (j.parent.flags&(Terminated|TimedOut|Evicted|Preempted) != 0 || j.parent.gang.ended != nil)
}

// timed reports whether the job has a deadline now.
func (j *job) timed() bool {
	return j.state == batch.Running && j.timeout > 0 && j.flags&(TimedOut|Terminated|Preempted) == 0 &&
		(j.gang == nil || j.gang.ended == nil)
}

// decided reports whether the job will succeed as soon as its last nodes have
// stopped.
func (j *job) decided() bool {
	return j.gang != nil && j.gang.ended != nil && j.gang.main().state == batch.Succeeded
}

func (g *Gang) groups() []fit.Group {
	groups := make([]fit.Group, len(g.Groups))
	for i, from := range g.Groups {
		end := g.Size
		if i+1 < len(g.Groups) {
			end = g.Groups[i+1].First
		}
		groups[i] = fit.Group{Need: from.Needs, Count: end - from.First}
	}
	return groups
}

// NodeNeeds is what the node with the given index needs.
func (g *Gang) NodeNeeds(index int) (need batch.Resources) {
	for _, group := range g.Groups {
		if int(group.First) <= index {
			need = group.Needs
		}
	}
	return need
}

// spotsIn returns a host of the environment for each node, or nil if it has no room
// for all of them beside what goes before.
func (s *State) spotsIn(e *environment, p *job, until batch.Instant, passes *reservation) []*host {
	if e.fleet != nil {
		nodes := s.groupFor(e, p)
		for i, h := range nodes {
			if need := p.gang.row.NodeNeeds(i); passes != nil && !passes.leaves(e, &h.Host, need, need, until) {
				return nil
			}
		}
		return nodes
	}
	groups := s.shapes.Groups(p.shape)
	shares, ok := e.hosts.SpreadFor(p.shape, groups)
	if !ok || !passes.leavesAll(e, groups, shares, until) || !e.keptFrom(p.queue).leavesAll(e, groups, shares, until) {
		return nil
	}
	spots := make([]*host, p.gang.row.Size)
	taken := make([]int32, len(p.gang.row.Groups))
	for _, share := range shares {
		for range share.Count {
			spots[p.gang.row.Groups[share.Group].First+taken[share.Group]] = s.hosts[share.Host.ID]
			taken[share.Group]++
		}
	}
	return spots
}

// networkFor returns a free network. There is one. The job's random id spreads
// them, so that what is left of an old network, and other installations on the
// same machine, are rarely in the way.
func (s *State) networkFor(p *job) int32 {
	n := (binary.BigEndian.Uint32(p.ref.ID[12:]) + uint32(p.attempt)) % batch.Networks
	for s.networks[int32(n)+1] != nil {
		n = (n + 1) % batch.Networks
	}
	return int32(n) + 1
}

// startGang gives every node to its host and starts the main node.
func (s *State) startGang(now batch.Instant, p *job, spots []*host, out *Output) {
	p.move(batch.Starting)
	s.enqueue(p)
	p.attempt++
	p.scheduled = now
	g := p.gang
	row := *g.row
	row.Network = s.networkFor(p)
	g.row = &row
	s.networks[row.Network] = p
	if g.nodes == nil {
		s.makeNodes(p)
	}
	s.startGroup(p.queue, spots, out)
	for i, n := range g.nodes {
		n.attempt, n.host, n.scheduled = p.attempt, spots[i], now
		n.host.hold(n, s.shapes.Need(n.shape))
		g.held++
	}
	main := g.main()
	main.move(batch.Starting)
	p.host = main.host
	s.take(p, out)
	s.put(p, ended{}, out)
	for _, n := range g.nodes {
		s.put(n, ended{}, out)
	}
	out.Effects = append(out.Effects, Start{Host: main.host.ID, Attempt: main.attemptID()})
}

func (s *State) makeNodes(p *job) {
	g := p.gang
	g.nodes = make([]*job, g.row.Size)
	for i := range g.nodes {
		s.last.Job++
		n := &job{
			ref: batch.NodeRef(p.ref.ID, i), seq: s.last.Job, definition: p.definition, queue: p.queue, parent: p, priority: p.priority,
			createdAt: p.createdAt, shape: s.shapes.Of(g.row.NodeNeeds(i)), maxAttempts: p.maxAttempts, state: batch.Runnable,
		}
		g.nodes[i] = n
		s.add(n)
	}
}

// release takes what a node holds.
func (s *State) release(n *job) {
	n.host.release(n, s.shapes.Need(n.shape))
	n.parent.gang.held--
}

// nodeRunning starts the other nodes when it is the main one that runs.
func (s *State) nodeRunning(n *job, at batch.Instant, out *Output) {
	p := n.parent
	n.move(batch.Running)
	n.startedAt = at
	s.put(n, ended{}, out)
	if n != p.gang.main() {
		return
	}
	for _, other := range p.gang.nodes {
		if !other.reserved() {
			continue
		}
		other.move(batch.Starting)
		s.put(other, ended{}, out)
		out.Effects = append(out.Effects, Start{Host: other.host.ID, Attempt: other.attemptID()})
	}
	p.move(batch.Running)
	p.startedAt = at
	for _, other := range p.gang.nodes {
		other.host.runs(other)
	}
	s.watch(p)
	s.put(p, ended{}, out)
}

// nodeEnded ends a node. What that means for the others depends on which it is.
func (s *State) nodeEnded(now batch.Instant, n *job, in AttemptEnded, out *Output) {
	p, g := n.parent, n.parent.gang
	if in.StartedAt != 0 {
		n.startedAt = in.StartedAt
	}
	end := ended{at: in.StoppedAt, exitCode: in.ExitCode, reason: in.Reason, statusReason: s.nodeReason(n, in.StatusReason)}
	if end.at == 0 {
		end.at = now
	}
	attempt := AttemptRow{
		Job: n.seq, Number: n.attempt, Host: n.host.ID, StartedAt: in.StartedAt, StoppedAt: end.at,
		ExitCode: end.exitCode, Reason: end.reason, StatusReason: end.statusReason, Containers: in.Containers, Usage: in.Usage,
	}
	attempt.Cost = s.charge(now, n, end.at, out)
	out.Changes = append(out.Changes, AttemptPut{attempt})
	to := batch.Failed
	if in.ExitCode != nil && *in.ExitCode == 0 && (n.flags|p.flags)&(Terminated|TimedOut) == 0 && !p.ceded(end.at) {
		to = batch.Succeeded
	}
	s.release(n)
	n.move(to)
	s.put(n, end, out)
	delete(s.reasons, n.ref)
	if n == g.main() {
		attempt.Job, attempt.Preempted, attempt.Cost = p.seq, p.ceded(end.at), nil
		out.Changes = append(out.Changes, AttemptPut{attempt})
		p.startedAt = n.startedAt
		s.stopNodes(p, out)
		g.ended = &end
		s.deadlines.Remove(p)
		s.put(p, ended{}, out)
	}
	switch {
	case g.held == 0:
		s.gangOver(now, p, out)
	case attempt.Cost != nil:
		s.put(p, ended{}, out)
	}
}

func (s *State) nodeReason(n *job, told string) string {
	switch p := n.parent; {
	case p.flags&Terminated != 0:
		return s.reasons[p.ref]
	case n.flags&Terminated != 0:
		return s.reasons[n.ref]
	case p.flags&TimedOut != 0:
		return reasonTimeout
	case p.flags&Preempted != 0 && p.gang.ended == nil:
		return p.preempt.Cause.Reason()
	case p.flags&Evicted != 0 && p.gang.ended == nil:
		return hostGone(n.host)
	case p.gang.ended != nil:
		return reasonMainEnded
	}
	return told
}

// stopNodes asks for the end of the nodes that are live, and releases those that
// have not been started.
func (s *State) stopNodes(p *job, out *Output) {
	for _, n := range p.gang.nodes {
		switch _, held := n.host.live[n]; {
		case !held:
		case n.state == batch.Runnable:
			s.release(n)
		default:
			out.Effects = append(out.Effects, Stop{Host: n.host.ID, Attempt: n.attemptID()})
		}
	}
}

// loseNode fails a node that has not been started and whose host is gone: as
// with any other node, the job goes on without it.
func (s *State) loseNode(now batch.Instant, n *job, reason string, out *Output) {
	s.release(n)
	n.move(batch.Failed)
	s.put(n, ended{at: now, statusReason: reason}, out)
}

// terminateNode ends one node that is not the main one: the job goes on without
// it. While the job waits there is nothing to end.
func (s *State) terminateNode(now batch.Instant, n *job, reason string, out *Output) {
	if _, held := n.host.live[n]; !held || n.flags&Terminated != 0 {
		return
	}
	if n.reserved() {
		n.flags |= Terminated
		s.loseNode(now, n, reason, out)
		return
	}
	n.flags |= Terminated
	s.reasons[n.ref] = reason
	s.put(n, ended{}, out)
	s.stop(n, out)
}

// gangOver ends an attempt that no host holds any node of: the main node's end
// is the job's, and decides whether all nodes start again.
func (s *State) gangOver(now batch.Instant, p *job, out *Output) {
	g := p.gang
	delete(s.networks, g.row.Network)
	s.give(p, out)
	end, decided := *g.ended, p.decided()
	g.ended = nil
	p.flags &^= Evicted
	preempted := s.preempted(p, &end)
	stoppedByUs := p.flags&(Terminated|TimedOut) != 0
	if p.flags&Terminated != 0 {
		end.statusReason = s.reasons[p.ref]
	}
	switch {
	case decided:
		s.finish(p, batch.Succeeded, end, out)
	case preempted && !stoppedByUs && p.preempt.spent():
		s.finish(p, batch.Failed, end, out)
	case !stoppedByUs && (preempted || s.again(p, end)):
		p.move(batch.Runnable)
		if preempted {
			s.enqueue(p)
		} else {
			s.wait(now, p)
		}
		end.statusReason = ""
		s.put(p, end, out)
		for _, n := range g.nodes {
			n.state, n.flags = batch.Runnable, 0
			s.put(n, ended{}, out)
		}
	default:
		s.finish(p, batch.Failed, end, out)
	}
	if preempted {
		s.tellCeded(p, end, out)
	}
}

// endNodes forgets the nodes of a job that has ended, and fails those that have
// not.
func (s *State) endNodes(p *job, end ended, out *Output) {
	for _, n := range p.gang.nodes {
		if !n.state.Terminal() {
			why := end.statusReason
			if p.flags&(Terminated|Cancelled) == 0 {
				why = reasonNeverStarted
			}
			n.move(batch.Failed)
			s.put(n, ended{at: end.at, statusReason: why}, out)
		}
		s.drop(n)
	}
}
