package sim

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
)

// services are the clients' part about service jobs and quota shares, those of
// compute environments too.
type services struct {
	c    *clients
	sent []batch.JobID
}

func (s *services) setUp() {
	s.c.insist(core.CreateServiceEnvironment{Name: "s", Enabled: true, Limits: of(trainingType, 4)})
	s.c.insist(core.CreateSchedulingPolicy{Name: "quotas"})
	s.c.insist(core.CreateQueue{Name: "fifo", Enabled: true, ServiceEnvironment: "s"})
	s.c.insist(core.CreateQueue{Name: "quota", Enabled: true, ServiceEnvironment: "s", SchedulingPolicy: "quotas"})
	s.c.insist(core.CreateQueue{Name: "lent", Enabled: true, Priority: 5, Environments: []string{"large"}, SchedulingPolicy: "quotas", TimeLimits: timeLimits()})
	for _, queue := range []string{"quota", "lent"} {
		s.c.insist(core.CreateQuotaShare{Queue: queue, Name: "a", Enabled: true, Rules: s.rules(queue)})
		s.c.insist(core.CreateQuotaShare{Queue: queue, Name: "b", Enabled: true, Rules: s.rules(queue)})
	}
}

// trainingType is the one type of instances.
const trainingType = "ml.m5.large"

func of(unit string, n int64) quota.Amounts { return quota.Of(quota.Amount{Unit: unit, N: n}) }

// rules draws what a share may do. The limits of both shares of a queue are about
// what there is.
func (s *services) rules(queue string) quota.Rules {
	rng := s.c.w.rng
	r := quota.Rules{
		Limits: of(trainingType, 1+rng.Int64N(3)), Strategy: []quota.Strategy{quota.Reserve, quota.Lend, quota.LendAndBorrow, quota.LendAndBorrow}[rng.IntN(4)],
		Borrow: []int32{quota.Unlimited, 100, 0}[rng.IntN(3)], InShare: rng.IntN(2) == 0,
	}
	if queue == "lent" {
		r.Limits = of(core.UnitVCPU, 1000*(1+rng.Int64N(3)))
	}
	return r
}

func (s *services) request() {
	rng := s.c.w.rng
	share, queue := []string{"a", "b"}[rng.IntN(2)], []string{"quota", "lent"}[rng.IntN(2)]
	switch n := rng.IntN(16); {
	case n < 9:
		s.submit(share)
	case n < 11:
		s.c.send(core.UpdateServiceJob{Job: s.some(), Priority: rng.Int32N(9)}, nil)
	case n == 11:
		s.c.send(core.Terminate{Job: s.some(), Kind: core.Service, Reason: "terminated"}, nil)
	case n == 12:
		s.c.send(core.CreateQuotaShare{Queue: queue, Name: share, Enabled: true, Rules: s.rules(queue)}, nil)
	case n < 15:
		s.c.send(core.UpdateQuotaShare{Queue: queue, Name: share, Enabled: rng.IntN(6) > 0, Rules: s.rules(queue)}, nil)
	case rng.IntN(2) == 0:
		s.c.send(core.DeleteQuotaShare{Queue: queue, Name: share}, nil)
	default:
		s.c.send(core.UpdateServiceEnvironment{Name: "s", Enabled: rng.IntN(6) > 0, Limits: of(trainingType, 2+rng.Int64N(4))}, nil)
	}
}

func (s *services) submit(share string) {
	rng := s.c.w.rng
	s.c.serial++
	id := batch.JobID{15: 1}
	for i := range 8 {
		id[i] = byte(s.c.serial >> (8 * i))
	}
	in := core.Submit{
		ID: id, Queue: "fifo", MaxAttempts: 1 + rng.Int32N(2),
		New: core.NewJob{Name: "service", Spec: []byte("{}")},
	}
	priority := rng.Int32N(9)
	quotas := &core.QuotaJob{Share: share, Priority: priority, Retries: rng.Int32N(4) - 1}
	switch rng.IntN(4) {
	case 0:
		in.Service = &core.ServiceJob{Priority: priority, Instances: of(trainingType, 1+rng.Int64N(2))}
	case 1:
		in.Queue, in.Quota = "quota", quotas
		in.Service = &core.ServiceJob{Priority: priority, Instances: of(trainingType, 1+rng.Int64N(2))}
	default:
		in.Queue, in.Quota = "lent", quotas
		in.Needs = batch.Resources{MilliVCPU: 250 * (1 + rng.Int64N(8)), MemoryMiB: 128}
		switch rng.IntN(5) {
		case 0:
			in.Size, in.MaxRunning = 2+rng.Int32N(4), rng.Int32N(3)
			s.c.arrays = append(s.c.arrays, array{batch.JobRef{ID: id}, in.Size})
		case 1:
			in.Needs.MilliVCPU = 250
			in.Gang = &core.Gang{Size: 2, Main: rng.Int32N(2), Groups: []core.NodeGroup{{Needs: in.Needs}}}
		}
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
		s.c.send(core.Terminate{Job: batch.JobRef{ID: id}, Reason: "the end"}, nil)
	}
}
