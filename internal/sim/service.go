package sim

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// services are the clients' part about service jobs, which nothing runs: they
// wait until they are terminated, or their quota share is deleted.
type services struct {
	c    *clients
	sent []batch.JobID
}

func (s *services) setUp() {
	s.c.insist(core.CreateServiceEnvironment{Name: "s", Enabled: true})
	s.c.insist(core.CreateSchedulingPolicy{Name: "quotas"})
	s.c.insist(core.CreateQueue{Name: "fifo", Enabled: true, ServiceEnvironment: "s"})
	s.c.insist(core.CreateQueue{Name: "quota", Enabled: true, ServiceEnvironment: "s", SchedulingPolicy: "quotas"})
}

func (s *services) request() {
	rng := s.c.w.rng
	share := []string{"a", "b"}[rng.IntN(2)]
	switch rng.IntN(8) {
	case 0, 1, 2:
		s.submit(share)
	case 3:
		s.c.send(core.UpdateServiceJob{Job: s.some(), Priority: rng.Int32N(9)}, nil)
	case 4:
		s.c.send(core.Terminate{Job: s.some(), Kind: core.Service, Reason: "terminated"}, nil)
	case 5:
		s.c.send(core.CreateQuotaShare{Queue: "quota", Name: share, Enabled: true}, nil)
	case 6:
		s.c.send(core.UpdateQuotaShare{Queue: "quota", Name: share, Enabled: rng.IntN(3) > 0}, nil)
	case 7:
		s.c.send(core.DeleteQuotaShare{Queue: "quota", Name: share}, nil)
	}
}

func (s *services) submit(share string) {
	s.c.serial++
	id := batch.JobID{15: 1}
	for i := range 8 {
		id[i] = byte(s.c.serial >> (8 * i))
	}
	in := core.Submit{
		ID: id, Queue: "fifo", MaxAttempts: 1, Service: &core.ServiceJob{Priority: s.c.w.rng.Int32N(9)},
		New: core.NewJob{Name: "service", Spec: []byte("{}")},
	}
	if s.c.w.rng.IntN(2) == 0 {
		in.Queue, in.Service.QuotaShare = "quota", share
	}
	s.sent = append(s.sent, id)
	s.c.send(in, func(_ core.Reply, err error) {
		if err == nil {
			s.c.acknowledged = append(s.c.acknowledged, id)
		}
	})
}

func (s *services) some() batch.JobRef {
	if len(s.sent) == 0 {
		return batch.JobRef{}
	}
	return batch.JobRef{ID: s.sent[s.c.w.rng.IntN(len(s.sent))]}
}

// end terminates all that were submitted.
func (s *services) end() {
	for _, id := range s.sent {
		s.c.send(core.Terminate{Job: batch.JobRef{ID: id}, Kind: core.Service, Reason: "the end"}, nil)
	}
}
