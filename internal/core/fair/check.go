package fair

// Check reports what is not as a recount says. Has are the jobs that have not
// ended, the vCPUs and the head of each share, by name.
func (b *Board) Check(has map[string][3]int64, bad func(string, ...any)) {
	waiting, idle := 0, 0
	active := make(map[*group]int64)
	for name, s := range b.shares {
		want := has[name]
		if s.Name != name || int64(s.jobs) != want[0] || s.used != want[1] || s.head != want[2] {
			bad("share %s (%s) counts %d jobs, %d vCPUs and head %d, a recount says %v", name, s.Name, s.jobs, s.used, s.head, want)
		}
		if (s.head != 0) != s.group.line.Has(s) {
			bad("share %s waits in its group: %t", name, s.head == 0)
		}
		if mean, _ := s.Usage.mean(b.bucket, s.was, b.policy.width()); mean != s.mean {
			bad("share %s has a history of %d, a recount says %d", name, s.mean, mean)
		}
		if !s.changed && (s.was != s.used || (s.jobs == 0) != (s.Left != 0)) {
			bad("share %s is not settled", name)
		}
		if (s.Left != 0) != b.idle.Has(s) {
			bad("share %s is among the idle ones: %t", name, s.Left == 0)
		}
		if s.group != b.groups.of(name) {
			bad("share %s has the weight of another", name)
		}
		if s.head != 0 {
			waiting++
		}
		if s.Left != 0 {
			idle++
		}
		active[s.group]++
	}
	for name := range has {
		if b.shares[name] == nil {
			bad("share %s has jobs and is not active", name)
		}
	}
	for g, n := range active {
		if g.active != n {
			bad("group %s counts %d shares, a recount says %d", g.name, g.active, n)
		}
	}
	queued := 0
	for g := range b.order.All {
		queued += g.line.Len()
	}
	if queued != waiting || idle != b.idle.Len() {
		bad("%d shares are queued and %d idle, a recount says %d and %d", queued, b.idle.Len(), waiting, idle)
	}
}
