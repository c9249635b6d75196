package core

import (
	"fmt"
	"strings"
)

// describeEvents tells the events among the changes, in order.
func (w *world) describeEvents() string {
	var b strings.Builder
	for _, c := range w.out.Changes {
		switch c := c.(type) {
		case EventPut:
			e := c.Row
			fmt.Fprintf(&b, "  event %s", w.name(e.Ref))
			if e.Children != nil {
				fmt.Fprintf(&b, ":%v", e.Children)
			}
			if e.Kind == QueueBlocked {
				b.WriteString(" blocks its queue,")
			}
			switch e.Kind {
			case PreemptionStarted:
				b.WriteString(" is being preempted,")
			case PreemptionCompleted:
				b.WriteString(" was preempted,")
			case StateChange, QueueBlocked:
			}
			fmt.Fprintf(&b, " %s at %d s", e.State, e.At/1000)
			if e.Attempt > 0 {
				fmt.Fprintf(&b, " attempt %d", e.Attempt)
			}
			if e.ExitCode != nil {
				fmt.Fprintf(&b, " code %d", *e.ExitCode)
			}
			if e.StoppedAt != 0 {
				fmt.Fprintf(&b, " stopped at %d s", e.StoppedAt/1000)
			}
			if e.StatusReason != "" {
				fmt.Fprintf(&b, "  (%s)", e.StatusReason)
			}
			b.WriteByte('\n')
		case OutboxDrop:
			fmt.Fprintf(&b, "  delivered before %d/%d\n", c.Mark.Round, c.Mark.Index)
		}
	}
	return b.String()
}
