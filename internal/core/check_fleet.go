package core

// checkFleet recounts the instances of a fleet and looks at where each is in its
// life.
func (s *State) checkFleet(e *environment, bad func(string, ...any)) {
	f, name := e.fleet, e.row.Name
	if f == nil {
		return
	}
	var have, draining int64
	launching := 0
	for _, x := range e.hosts.Hosts() {
		h := s.hosts[x.ID]
		r := &h.row
		switch r.State {
		case HostLaunching:
			launching++
			have += h.Capacity.MilliVCPU
		case HostUp:
			have += h.Capacity.MilliVCPU
		case HostDraining:
			draining += h.Capacity.MilliVCPU
		case HostTerminating, HostGone:
		case HostTerminated:
			bad("instance %d is terminated and still there", h.ID)
		}
		if holds := len(h.live) > 0; holds && r.State != HostUp && r.State != HostDraining && r.State != HostGone {
			bad("instance %d of %s holds jobs in state %d", h.ID, name, r.State)
		}
		if h.Ready && r.State != HostUp {
			bad("instance %d of %s takes work in state %d", h.ID, name, r.State)
		}
		if (r.Name == "") != (r.SeenAt == 0) || r.State == HostUp && r.SeenAt == 0 {
			bad("instance %d of %s is called %q and has registered at %d, in state %d", h.ID, name, r.Name, r.SeenAt, r.State)
		}
		if at := h.due(); at != 0 && (!s.dues.Has(h) || h.dueAt != at) || at == 0 && s.dues.Has(h) {
			bad("instance %d of %s is due at %d, watched: %t", h.ID, name, at, s.dues.Has(h))
		}
		if want := r.State == HostUp && h.here && len(h.live) == 0; !h.touched && want != f.idle.Has(h) {
			bad("instance %d of %s is idle: %t", h.ID, name, want)
		}
	}
	if have != f.have || draining != f.draining || launching != f.launching {
		bad("environment %s counts %d vCPUs, %d draining, %d launching; a recount says %d, %d, %d", name, f.have, f.draining, f.launching, have, draining, launching)
	}
	if f.row.Joined && f.row.TriedAt != 0 {
		bad("environment %s waits since %d for an instance and has had one", name, f.row.TriedAt)
	}
}
