package sqlite

import (
	"fmt"

	"github.com/bargehq/barge/internal/core"
)

const fairShareColumns = `id, queue, name, left_at, used_at, width, usage`

func decodeFairShare(r record) (core.FairShareRow, error) {
	row := core.FairShareRow{ID: r.int(0), Queue: r.int(1), Name: r.text(2), Left: r.instant(3)}
	row.Usage.At, row.Usage.Width = r.instant(4), r.int(5)
	if err := row.Usage.Read(r.bytes(6)); err != nil {
		return row, fmt.Errorf("share %s: %w", row.Name, err)
	}
	return row, nil
}

func (w *writer) putFairShare(c core.Change) error {
	var err error
	switch c := c.(type) {
	case core.FairSharePut:
		r := &c.Row
		_, err = w.fairShare.run(r.ID, r.Queue, r.Name, int64(r.Left), int64(r.Usage.At), r.Usage.Width, r.Usage.Append(nil))
	case core.FairShareDelete:
		_, err = w.deleteFairShare.run(c.ID)
	default:
		err = fmt.Errorf("unknown change %T", c)
	}
	return err
}
