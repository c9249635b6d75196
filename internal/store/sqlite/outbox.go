package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/depend"
)

const outboxColumns = `round, place, job, id, child, children, done, at, state, flags, attempt, host, started_at, stopped_at,
	exit_code, reason, status_reason, counts, network, kind`

// outboxWidth is the number of outboxColumns.
const outboxWidth = 20

func decodeEvent(r record) (e core.Event, err error) {
	e = core.Event{Round: r.int(0), Index: r.int32(1), Done: r.int32(6), Row: core.EventRow{
		Job: r.int(2), Ref: batch.JobRef{Child: r.int32(4)}, At: r.instant(7), State: batch.JobState(r.int(8)), Flags: core.Flags(r.int(9)),
		Attempt: r.int32(10), Host: r.int(11), StartedAt: r.instant(12), StoppedAt: r.instant(13),
		ExitCode: r.code(14), Reason: r.text(15), StatusReason: r.text(16), Network: r.int32(18), Kind: core.EventKind(r.int(19)),
	}}
	copy(e.Row.Ref.ID[:], r.bytes(3))
	if b := r.bytes(5); b != nil {
		if e.Row.Children, _, err = depend.ReadSet(b); err != nil {
			return e, fmt.Errorf("children of event %d/%d: %w", e.Round, e.Index, err)
		}
	}
	if b := r.bytes(17); b != nil {
		err = decodeCounts(b, &e.Row.Counts)
	}
	return e, err
}

func (w *writer) putEvent(round int64, index int32, r *core.EventRow) error {
	var children, counts driver.Value
	if len(r.Children) > 0 {
		children = r.Children.Append(nil)
	}
	if r.Counts != ([batch.JobStates]int32{}) {
		counts = encodeCounts(&r.Counts)
	}
	if _, err := w.event.run(round, int64(index), r.Job, r.Ref.ID[:], int64(r.Ref.Child), children, int64(0), int64(r.At), int64(r.State), int64(r.Flags),
		int64(r.Attempt), r.Host, int64(r.StartedAt), int64(r.StoppedAt), code(r.ExitCode), nullable(r.Reason), nullable(r.StatusReason),
		counts, int64(r.Network), int64(r.Kind)); err != nil {
		return fmt.Errorf("event %d/%d: %w", round, index, err)
	}
	return nil
}

// dropEvents removes what is delivered from the outbox.
func (w *writer) dropEvents(m core.Mark) error {
	if _, err := w.dropOutbox.run(m.Round, int64(m.Index)); err != nil || m.Children == 0 {
		return err
	}
	_, err := w.markOutbox.run(m.Round, int64(m.Index), int64(m.Children))
	return err
}

// Outbox implements [store.Store].
func (s *Store) Outbox(ctx context.Context, from core.Mark, limit int) ([]core.Event, error) {
	return list(ctx, s, "outbox", decodeEvent, `SELECT `+outboxColumns+` FROM outbox WHERE (round, place) >= (?, ?)
		ORDER BY round, place LIMIT ?`, from.Round, from.Index, max(0, limit))
}
