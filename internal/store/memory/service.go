package memory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/core"
)

// putService writes what service jobs are about.
func (s *Store) putService(c core.Change) error {
	switch c := c.(type) {
	case core.ServiceEnvironmentPut:
		r := c.Row
		if err := errors.Join(key(r.ID), unique(s.services, r.ID, func(o core.ServiceEnvironmentRow) bool { return o.Name == r.Name })); err != nil {
			return err
		}
		set(s, s.services, r.ID, r)
		s.last.ServiceEnvironment = max(s.last.ServiceEnvironment, r.ID)
	case core.ServiceEnvironmentDelete:
		remove(s, s.services, c.ID)
		s.last.ServiceEnvironment = max(s.last.ServiceEnvironment, c.ID)
	case core.QuotaSharePut:
		r := c.Row
		if err := errors.Join(key(r.ID), unique(s.shares, r.ID, func(o core.QuotaShareRow) bool {
			return o.Queue == r.Queue && o.Name == r.Name
		})); err != nil {
			return err
		}
		r.Turn = s.shares[r.ID].Turn
		set(s, s.shares, r.ID, r)
		s.last.QuotaShare = max(s.last.QuotaShare, r.ID)
	case core.QuotaTurn:
		r := s.shares[c.ID]
		r.Turn = c.Turn
		set(s, s.shares, c.ID, r)
	case core.QuotaShareDelete:
		remove(s, s.shares, c.ID)
		s.last.QuotaShare = max(s.last.QuotaShare, c.ID)
	default:
		return errors.New("unknown change")
	}
	return nil
}

// ServiceEnvironments implements [store.Store].
func (s *Store) ServiceEnvironments(ctx context.Context) ([]core.ServiceEnvironmentRow, error) {
	return view(ctx, s, func() []core.ServiceEnvironmentRow {
		return slices.SortedFunc(maps.Values(s.services), func(a, b core.ServiceEnvironmentRow) int { return strings.Compare(a.Name, b.Name) })
	})
}

// QuotaShares implements [store.Store].
func (s *Store) QuotaShares(ctx context.Context, queue int64) ([]core.QuotaShareRow, error) {
	return view(ctx, s, func() []core.QuotaShareRow {
		rows := slices.SortedFunc(maps.Values(s.shares), func(a, b core.QuotaShareRow) int { return strings.Compare(a.Name, b.Name) })
		return slices.DeleteFunc(rows, func(r core.QuotaShareRow) bool { return r.Queue != queue })
	})
}
