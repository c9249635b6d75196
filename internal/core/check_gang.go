package core

import "github.com/bargehq/barge/internal/batch"

// checkGangs sees that an attempt of a gang has all of its nodes or none.
func (s *State) checkGangs(bad func(string, ...any)) {
	networks := 0
	for ref, p := range s.jobs {
		g := p.gang
		if g == nil {
			if j := p; j.isNode() && (s.jobs[j.parent.ref] != j.parent || j.parent.gang == nil) {
				bad("node %s outlives its job", ref)
			}
			continue
		}
		live := p.state.Live()
		if live {
			networks++
			if s.networks[g.row.Network] != p {
				bad("job %s is %s and has no network", ref, p.state)
			}
		}
		if live != (g.held > 0) || g.ended != nil && !live {
			bad("job %s is %s, %d nodes hold resources, its main node has ended: %t", ref, p.state, g.held, g.ended != nil)
		}
		if len(g.nodes) == 0 && live {
			bad("job %s is %s without nodes", ref, p.state)
		}
		var held int32
		for i, n := range g.nodes {
			if index, _ := n.ref.Node(); index != i || n.parent != p || s.jobs[n.ref] != n {
				bad("node %d of job %s is %s", i, ref, n.ref)
			}
			if n.attempt != p.attempt {
				bad("node %s is at attempt %d, its job at %d", n.ref, n.attempt, p.attempt)
			}
			if n.state.Live() || n.reserved() {
				held++
			}
			s.checkNode(n, bad)
		}
		if held != g.held {
			bad("job %s counts %d nodes that hold resources, a recount says %d", ref, g.held, held)
		}
	}
	if networks != len(s.networks) {
		bad("%d networks are taken, %d gangs are live", len(s.networks), networks)
	}
}

// checkNode compares a node with its job: all start together, none without the
// main node, and none is left out.
func (s *State) checkNode(n *job, bad func(string, ...any)) {
	p, main := n.parent, n.parent.gang.main()
	var ok bool
	switch {
	case !p.state.Live():
		ok = n.state == batch.Runnable
	case n == main:
		ok = n.state == p.state || n.state.Terminal() && p.gang.ended != nil
	case p.state == batch.Starting:
		ok = n.reserved() || n.state == batch.Failed || p.stopping() || p.gang.ended != nil
	default:
		ok = n.state != batch.Runnable || p.stopping()
	}
	if !ok {
		bad("node %s is %s, its job is %s", n.ref, n.state, p.state)
	}
}
