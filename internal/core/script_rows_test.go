package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// rows is the least that a store does: the last value of every row.
type rows struct {
	environments map[int64]EnvironmentRow
	queues       map[int64]QueueRow
	scheduling   map[int64]SchedulingPolicyRow
	tags         map[Tagged]map[string]string
	hosts        map[int64]HostRow
	policies     []PolicyRow
	revisions    map[string]int32
	claims       map[Digest]*ClaimRow
	jobs         map[batch.JobRef]JobRow
	consumables  map[int64]ConsumableRow
	baskets      []BasketRow
	service      serviceRows
	shares       map[int64]FairShareRow
	fleets       map[int64]FleetRow
	costs        map[CostKey]CostRow
}

func newRows() *rows {
	return &rows{
		service: newServiceRows(), shares: make(map[int64]FairShareRow), fleets: make(map[int64]FleetRow), costs: make(map[CostKey]CostRow),
		environments: make(map[int64]EnvironmentRow), queues: make(map[int64]QueueRow),
		scheduling: make(map[int64]SchedulingPolicyRow), tags: make(map[Tagged]map[string]string),
		hosts: make(map[int64]HostRow), revisions: make(map[string]int32), claims: make(map[Digest]*ClaimRow),
		jobs: make(map[batch.JobRef]JobRow), consumables: make(map[int64]ConsumableRow),
	}
}

func (r *rows) apply(c Change) {
	switch c := c.(type) {
	case EnvironmentPut:
		r.environments[c.Row.ID] = c.Row
	case QueuePut:
		r.queues[c.Row.ID] = c.Row
	case SchedulingPolicyPut:
		r.scheduling[c.Row.ID] = c.Row
	case SchedulingPolicyDelete:
		delete(r.scheduling, c.ID)
	case TagsPut:
		if r.tags[c.Row.Of] = c.Row.Tags; c.Row.Tags == nil {
			delete(r.tags, c.Row.Of)
		}
	case HostPut:
		r.hosts[c.Row.ID] = c.Row
	case CostPut:
		r.costs[c.Row.CostKey] = c.Row
	case PolicyPut:
		r.policies = append(r.policies, c.Row)
	case DefinitionPut:
		r.revisions[c.Row.Name] = c.Row.Revision
	case JobPut:
		r.jobs[c.Row.Ref] = c.Row
	case JobDrop:
		delete(r.jobs, c.Ref)
	case ClaimPut:
		r.claims[c.Row.Token] = &c.Row
	case ClaimDrop:
		delete(r.claims, c.Token)
	case ConsumablePut:
		r.consumables[c.Row.ID] = c.Row
	case ConsumableDelete:
		delete(r.consumables, c.ID)
	case BasketPut:
		r.baskets = append(r.baskets, c.Row)
	case FairSharePut:
		r.shares[c.Row.ID] = c.Row
	case FairShareDelete:
		delete(r.shares, c.ID)
	case AttemptPut, DecisionPut:
	case FleetPut, FleetDrop:
		r.applyFleet(c)
	default:
		r.service.apply(c)
	}
}

func (r *rows) load(last Counters) (*State, error) {
	l := NewLoader()
	l.Counters(last)
	if err := r.loadResources(l); err != nil {
		return nil, err
	}
	if err := r.loadShares(l); err != nil {
		return nil, err
	}
	for id := int64(1); id <= last.Host; id++ {
		if r.environments[r.hosts[id].Environment].Status == Deleted || r.hosts[id].State == HostTerminated {
			continue
		}
		if err := l.Host(r.hosts[id]); err != nil {
			return nil, err
		}
	}
	hour := int64(0)
	for key := range r.costs {
		hour = max(hour, key.Hour)
	}
	for key, row := range r.costs {
		if key.Hour == hour {
			l.Cost(row)
		}
	}
	for _, row := range r.policies {
		if err := l.Policy(row); err != nil {
			return nil, err
		}
	}
	for _, row := range r.consumables {
		l.Consumable(row)
	}
	for _, row := range r.baskets {
		if err := l.Basket(row); err != nil {
			return nil, err
		}
	}
	for name, n := range r.revisions {
		l.Revision(name, n)
	}
	for _, row := range (&claims{byToken: r.claims}).sorted() {
		if err := l.Claim(row); err != nil {
			return nil, err
		}
	}
	var jobs []JobRow
	for ref, row := range r.jobs {
		parent, ok := r.jobs[ref.Parent()]
		if ref.Child < 0 {
			if ok && !parent.State.Terminal() {
				jobs = append(jobs, row)
			}
			continue
		}
		activeArray := ref.Child > 0 && ok && !parent.State.Terminal()
		if !row.State.Terminal() || activeArray && ref.Child > parent.Next {
			jobs = append(jobs, row)
		}
	}
	slices.SortFunc(jobs, func(a, b JobRow) int { return int(a.Seq - b.Seq) })
	for _, row := range jobs {
		if err := l.Job(row); err != nil {
			return nil, err
		}
	}
	for _, ref := range l.Targets() {
		if row, ok := r.jobs[ref]; ok {
			l.Target(row)
		}
	}
	return l.State()
}
