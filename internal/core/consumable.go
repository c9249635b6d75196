package core

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
)

// ConsumableRow is a consumable resource as stored. Jobs refer to it by name.
type ConsumableRow struct {
	ID           int64
	Name         string
	Spent        bool // NON_REPLENISHABLE: units are gone once used
	Total, InUse int64
	Spec         []byte // the create request as JSON, for describing
	CreatedAt    batch.Instant
}

// BasketRow is an interned list of needs of consumable resources.
type BasketRow struct {
	ID    int64
	Needs []consume.Need
}

// ConsumablePut writes a consumable resource.
type ConsumablePut struct{ Row ConsumableRow }

// ConsumableDelete removes the row of a consumable resource.
type ConsumableDelete struct{ ID int64 }

// BasketPut adds needs of consumable resources.
type BasketPut struct{ Row BasketRow }

func (ConsumablePut) change()    {}
func (ConsumableDelete) change() {}
func (BasketPut) change()        {}

// CreateConsumable adds a consumable resource. The reply has its id.
type CreateConsumable struct {
	Name  string
	Spent bool
	Total int64
	Spec  []byte
}

// Operation is how a quantity changes.
type Operation uint8

// The operations.
const (
	Set Operation = iota
	Add
	Remove
)

// UpdateConsumable changes how much there is. The reply has the total. With a
// claim, the same request again within eight hours changes nothing.
type UpdateConsumable struct {
	Name      string
	Operation Operation
	Quantity  int64
	Claim     Claim
}

// DeleteConsumable removes a resource, whoever holds units of it. Where there
// is none it does nothing.
type DeleteConsumable struct{ Name string }

func (CreateConsumable) input() {}
func (UpdateConsumable) input() {}
func (DeleteConsumable) input() {}

// maxConsumables is AWS's quota.
const maxConsumables = 50_000

func (s *State) stepCreateConsumable(now batch.Instant, in CreateConsumable, out *Output) *batch.Error {
	switch {
	case s.consumables[in.Name] != nil:
		return batch.Errorf(batch.Conflict, "Object already exists")
	case len(s.consumables) >= maxConsumables:
		return batch.Errorf(batch.Conflict, "Maximum number of consumable resources of %d reached", maxConsumables)
	}
	s.last.Consumable++
	s.consumables[in.Name] = &ConsumableRow{
		ID: s.last.Consumable, Name: in.Name, Spent: in.Spent, Spec: in.Spec, CreatedAt: now,
	}
	s.ledger.Open(in.Name, in.Total, in.Spent)
	s.putConsumable(in.Name, out)
	out.Reply = Reply{ID: s.last.Consumable}
	return nil
}

func (s *State) stepUpdateConsumable(now batch.Instant, in UpdateConsumable, out *Output) *batch.Error {
	a, ok := s.ledger.Amounts(in.Name)
	if !ok {
		return batch.Errorf(batch.NotFound, "ConsumableResource %s does not exist.", in.Name)
	}
	if _, again, err := s.updates.job(now, in.Claim); err != nil || again {
		out.Reply = Reply{Total: a.Total}
		return err
	}
	total := in.Quantity
	switch in.Operation {
	case Set:
	case Add:
		if in.Quantity > math.MaxInt64-a.Total {
			return batch.Errorf(batch.Invalid, "totalQuantity is too large.")
		}
		total = a.Total + in.Quantity
	case Remove:
		total = a.Total - in.Quantity
	}
	if total < 0 {
		return batch.Errorf(batch.Invalid, "totalQuantity cannot be a negative number.")
	}
	s.ledger.SetTotal(in.Name, total)
	s.config++ // what waits for it may need instances now
	s.putConsumable(in.Name, out)
	out.Reply = Reply{Total: total}
	s.claim(now, in.Claim, batch.JobID{}, out)
	return nil
}

func (s *State) stepDeleteConsumable(in DeleteConsumable, out *Output) *batch.Error {
	r := s.consumables[in.Name]
	if r == nil {
		return nil
	}
	delete(s.consumables, in.Name)
	s.ledger.Close(in.Name)
	out.Changes = append(out.Changes, ConsumableDelete{r.ID})
	dropTags(Tagged{TagConsumable, r.ID}, out)
	return nil
}

// take locks what the job needs of consumable resources, as it starts.
func (s *State) take(j *job, out *Output) {
	need := s.shapes.Need(j.shape)
	j.queue.used = j.queue.used.Add(need)
	j.count(1)
	j.useShare(s.turnUse(j))
	s.book(j, 1)
	s.account(s.ledger.Take, j, out)
}

// give unlocks it at the end of the attempt.
func (s *State) give(j *job, out *Output) {
	need := s.shapes.Need(j.shape)
	j.queue.used = j.queue.used.Sub(need)
	j.count(-1)
	j.useShare(-s.turnUse(j))
	s.book(j, -1)
	s.account(s.ledger.Give, j, out)
}

func (s *State) account(book func([]consume.Need), j *job, out *Output) {
	needs := s.baskets[int64(j.basket)]
	book(needs)
	for _, n := range needs {
		s.putConsumable(n.Resource, out)
	}
}

func (s *State) putConsumable(name string, out *Output) {
	if r := s.consumables[name]; r != nil {
		out.Changes = append(out.Changes, ConsumablePut{s.consumableRow(r)})
	}
}

func (s *State) consumableRow(r *ConsumableRow) ConsumableRow {
	row := *r
	a, _ := s.ledger.Amounts(r.Name)
	row.Total, row.InUse = a.Total, a.InUse
	return row
}

// consumableRows are all rows as they should be stored, by id.
func (s *State) consumableRows() []ConsumableRow {
	rows := make([]ConsumableRow, 0, len(s.consumables))
	for _, r := range s.consumables {
		rows = append(rows, s.consumableRow(r))
	}
	slices.SortFunc(rows, func(a, b ConsumableRow) int { return int(a.ID - b.ID) })
	return rows
}

func (s *State) addBasket(row BasketRow) error {
	name, err := json.Marshal(row.Needs)
	if err != nil {
		return err
	}
	s.baskets[row.ID] = row.Needs
	s.basketNames[string(name)] = row.ID
	return nil
}

// basketOf interns needs, making a row for new ones.
func (s *State) basketOf(needs []consume.Need, out *Output) int64 {
	if len(needs) == 0 {
		return 0
	}
	name, err := json.Marshal(needs)
	if err != nil {
		panic("core: needs that are no JSON: " + err.Error()) // strings and numbers always are
	}
	if id, ok := s.basketNames[string(name)]; ok {
		return id
	}
	s.last.Basket++
	s.baskets[s.last.Basket] = needs
	s.basketNames[string(name)] = s.last.Basket
	out.Changes = append(out.Changes, BasketPut{BasketRow{ID: s.last.Basket, Needs: needs}})
	return s.last.Basket
}

// checkConsumables compares what is in use with what live jobs hold.
func (s *State) checkConsumables(held map[string]int64, bad func(string, ...any)) {
	for name, units := range s.ledger.Held {
		if held[name] != units {
			bad("%d of consumable resource %s are in use, jobs hold %d", units, name, held[name])
		}
		delete(held, name)
	}
	for name, units := range held {
		if units != 0 {
			bad("jobs hold %d of consumable resource %s, none are in use", units, name)
		}
	}
	for name, r := range s.consumables {
		if _, ok := s.ledger.Amounts(name); !ok || r.Name != name {
			bad("consumable resource %s is filed under %s", r.Name, name)
		}
	}
}
