// Package memory is a store without a disk, for simulation and tests: it can
// crash, lose what was not synced, fail and be full on command.
//
// It owns the rows, in maps. [New] makes a [Store], which implements
// [store.Store] with the same constraints and the same answers as the real
// ones; [Store.Load] works from the rows, so that loading after a
// [Store.Crash] is as real as it is from a disk.
//
// It may be called from any goroutine. It starts none, does no I/O, reads no
// clock and waits for nothing but a mutex held for moments, so it works in
// synctest bubbles and gives the same results in every run. Close does
// nothing: a closed store goes on and stands for the same data opened again.
//
// Errors are those of the constraints, [ErrFault] where one was asked for, and
// [store.ErrFull]. A round is applied whole or not at all.
//
// Rows that it returns share byte slices with those committed: nobody may
// write to them. It is no cache and no product: nothing survives the process.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// ErrFault is what a commit fails with that was told to.
var ErrFault = errors.New("fault asked for")

// Fault is a way for a commit to fail.
type Fault uint8

// The faults.
const (
	None        Fault = iota
	BeforeApply       // an error, and nothing is applied
	AfterApply        // an error, and yet the round is applied
)

// Store is a store in memory.
type Store struct {
	mu sync.RWMutex
	tables

	fault Fault
	full  bool
	lazy  bool
	undo  []func() // takes back, last first, what is not synced
}

type tables struct {
	round        int64
	last         core.Counters
	environments map[int64]core.EnvironmentRow
	queues       map[int64]core.QueueRow
	scheduling   map[int64]core.SchedulingPolicyRow
	services     map[int64]core.ServiceEnvironmentRow
	shares       map[int64]core.QuotaShareRow
	fair         map[int64]core.FairShareRow
	fleets       map[int64]core.FleetRow
	decisions    map[[2]int64]core.Decision // by environment and slot
	tags         map[core.Tagged]map[string]string
	definitions  map[int64]core.DefinitionRow
	hosts        map[int64]core.HostRow
	policies     map[int64]core.PolicyRow
	claims       map[core.Digest]core.ClaimRow
	costs        map[core.CostKey]core.CostRow
	consumables  map[int64]core.ConsumableRow
	baskets      map[int64]core.BasketRow
	jobs         map[int64]core.JobRow
	first        map[int64]core.NewJob       // what never changes, by JobRow.Seq
	attempts     map[int64][]core.AttemptRow // by JobRow.Seq, in order
	refs         map[batch.JobRef]int64      // to JobRow.Seq
	submitted    map[int64][]int64           // by queue: JobRow.Seq of all but children, in order
	outbox       []core.Event                // in order
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{tables: tables{
		environments: make(map[int64]core.EnvironmentRow),
		queues:       make(map[int64]core.QueueRow),
		scheduling:   make(map[int64]core.SchedulingPolicyRow),
		services:     make(map[int64]core.ServiceEnvironmentRow),
		shares:       make(map[int64]core.QuotaShareRow),
		fair:         make(map[int64]core.FairShareRow),
		fleets:       make(map[int64]core.FleetRow),
		decisions:    make(map[[2]int64]core.Decision),
		tags:         make(map[core.Tagged]map[string]string),
		definitions:  make(map[int64]core.DefinitionRow),
		hosts:        make(map[int64]core.HostRow),
		policies:     make(map[int64]core.PolicyRow),
		claims:       make(map[core.Digest]core.ClaimRow),
		costs:        make(map[core.CostKey]core.CostRow),
		consumables:  make(map[int64]core.ConsumableRow),
		baskets:      make(map[int64]core.BasketRow),
		jobs:         make(map[int64]core.JobRow),
		first:        make(map[int64]core.NewJob),
		attempts:     make(map[int64][]core.AttemptRow),
		refs:         make(map[batch.JobRef]int64),
		submitted:    make(map[int64][]int64),
	}}
}

// Fail makes the next commit fail.
func (s *Store) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Fill makes commits fail with [store.ErrFull] while full is true.
func (s *Store) Fill(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Lazy makes commits return before they are synced while lazy is true, as a
// disk does that lies. With false all is synced.
func (s *Store) Lazy(lazy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lazy = lazy; !lazy {
		s.undo = nil
	}
}

// Crash loses the rounds that are not synced, and returns the number of the
// last one left. All others stay.
func (s *Store) Crash() (round int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack(0)
	return s.round
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, r store.Round) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := s.fault
	s.fault = None
	if fault == BeforeApply {
		return fmt.Errorf("commit round %d: %w", r.Number, ErrFault)
	}
	if r.Number != s.round || r.Number == 0 {
		if err := s.apply(r); err != nil {
			return fmt.Errorf("commit round %d: %w", r.Number, err)
		}
	}
	if fault == AfterApply {
		return fmt.Errorf("commit round %d: %w", r.Number, ErrFault)
	}
	return nil
}

func (s *Store) apply(r store.Round) error {
	if r.Number != s.round+1 {
		return fmt.Errorf("it is not the next one: the last is %d", s.round)
	}
	if s.full {
		return store.ErrFull
	}
	mark, round, last := len(s.undo), s.round, s.last
	s.undo = append(s.undo, func() { s.round, s.last = round, last })
	s.round = r.Number
	index := int32(0)
	for _, c := range r.Changes {
		if e, ok := c.(core.EventPut); ok {
			s.putEvent(r.Number, index, e.Row)
			index++
			continue
		}
		if err := s.put(c); err != nil {
			s.takeBack(mark)
			return fmt.Errorf("%T: %w", c, err)
		}
	}
	for _, c := range r.Changes {
		if err := s.checkReferences(c); err != nil {
			s.takeBack(mark)
			return fmt.Errorf("%T: %w", c, err)
		}
	}
	if !s.lazy {
		s.undo = s.undo[:0]
	}
	return nil
}

func (s *Store) takeBack(mark int) {
	for i := len(s.undo) - 1; i >= mark; i-- {
		s.undo[i]()
	}
	clear(s.undo[mark:])
	s.undo = s.undo[:mark]
}

// Close implements [store.Store].
func (s *Store) Close() error { return nil }
