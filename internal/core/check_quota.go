package core

import (
	"slices"

	"github.com/bargehq/barge/internal/core/quota"
)

// checkQuotas recounts what quota shares and service environments count.
func (s *State) checkQuotas(bad func(string, ...any)) {
	instances := make(map[*serviceEnvironment]quota.Amounts)
	used := make(map[*quotaShare]quota.Amounts)
	live, jobs := make(map[*quotaShare]int), make(map[*quotaShare]int)
	for ref, j := range s.jobs {
		if (j.quota != nil) != (j.queue.quota != nil) && !j.isNode() {
			bad("job %s has a quota share: %t; its queue %s has: %t", ref, j.quota != nil, j.queue.row.Name, j.queue.quota != nil)
			continue
		}
		if j.flags&Preempted != 0 && (!j.state.Live() || j.preempt == nil || j.preempt.At == 0) {
			bad("job %s is %s and being preempted", ref, j.state)
		}
		if j.preempt != nil && j.flags&Preempted == 0 && (j.preempt.At != 0 || j.preempt.spent()) {
			bad("job %s is not being preempted, but %+v", ref, *j.preempt)
		}
		if j.quota != nil && j.parent == nil {
			jobs[j.quota]++
		}
		isLive := j.state.Live() && !j.isNode()
		if j.livePlace != 0 != (isLive && j.quota != nil) {
			bad("job %s is %s and among those of its share that can be stopped: %t", ref, j.state, j.livePlace != 0)
		}
		if !isLive {
			continue
		}
		if j.service != nil {
			e := s.serviceOf(j)
			instances[e] = instances[e].Add(j.service.instances, 1)
		}
		if j.quota != nil {
			used[j.quota] = used[j.quota].Add(s.quotaNeed(j), 1)
			live[j.quota]++
		}
	}
	if len(s.serviceList) != len(s.services) || len(s.serviceNames) != len(s.services) {
		bad("%d service environments are listed, %d named, of %d", len(s.serviceList), len(s.serviceNames), len(s.services))
	}
	for _, e := range s.serviceList {
		if !slices.Equal(e.used, instances[e]) {
			bad("service environment %s counts %v, a recount says %v", e.row.Name, e.used, instances[e])
		}
		if s.services[e.row.ID] != e || s.serviceNames[e.row.Name] != e || s.hosts[-e.row.ID] != e.host {
			bad("service environment %s is filed under another name", e.row.Name)
		}
		s.checkClaims(e.host, bad)
	}
	for _, h := range s.hosts {
		s.checkClaims(h, bad)
	}
	for _, q := range s.queueList {
		for _, share := range q.shareList {
			name := share.row.Name
			if share.queue != q || q.shares[name] != share || share.row.Turn > q.quota.turn {
				bad("quota share %s is filed under queue %s, or its turn %d is to come", name, q.row.Name, share.row.Turn)
			}
			if !slices.Equal(share.Used, used[share]) || share.live.Len() != live[share] || share.jobs != jobs[share] {
				bad("quota share %s counts %v of %d live jobs, %d in all; a recount says %v of %d, %d", name, share.Used, share.live.Len(), share.jobs, used[share], live[share], jobs[share])
			}
			if c := share.claim; c != nil && !slices.Contains(c.host.claims, c) {
				bad("quota share %s has a claim that host %d does not know", name, c.host.ID)
			}
		}
	}
}

// checkClaims sees that what a host keeps is kept for somebody.
func (s *State) checkClaims(h *host, bad func(string, ...any)) {
	for _, c := range h.claims {
		if c.job.quota.claim != c {
			bad("host %s is cleared for job %s, which does not claim it", h.row.Name, c.job.ref)
		}
	}
}
