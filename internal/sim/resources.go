package sim

import (
	"github.com/bargehq/barge/internal/core"
)

// The environment "large" and the queues are what jobs need in the end; "small"
// may go for good.

// change changes, deletes or makes again an environment or a queue.
func (c *clients) change() {
	rng := c.w.rng
	queue := []string{"q0", "q1", "q2"}[rng.IntN(3)]
	environment := []string{"small", "large"}[rng.IntN(2)]
	orders := [][]string{nil, {"large"}, {"small", "large"}, {"large", "small"}}
	switch rng.IntN(11) {
	case 0, 1:
		c.send(core.UpdateEnvironment{
			Name: environment, Enabled: rng.IntN(3) > 0, MaxVCPU: []int64{0, 1000, 3000, 64_000}[rng.IntN(4)],
		}, nil)
	case 2, 3, 4:
		c.send(core.UpdateQueue{
			Name: queue, Enabled: rng.IntN(4) > 0, Priority: rng.Int32N(20), Environments: orders[rng.IntN(len(orders))],
			SchedulingPolicy: policyOf(queue),
		}, nil)
	case 5:
		c.deleteQueue(queue)
	case 6:
		c.deleteEnvironment("small")
	case 7:
		c.send(core.CreateEnvironment{Name: "small", Enabled: true, MaxVCPU: 2000}, nil)
	case 8, 9:
		c.changeFleet()
	case 10:
		c.changeShares()
	}
}

// deleteQueue deletes a queue with all that is in it, and makes it again later.
func (c *clients) deleteQueue(name string) {
	c.send(core.UpdateQueue{Name: name, SchedulingPolicy: policyOf(name)}, nil)
	c.send(core.DeleteQueue{Name: name}, nil)
	c.w.after(c.w.rng.Int64N(20_000)+1, func() {
		c.send(c.makeQueue(name), nil)
	})
}

// deleteEnvironment takes an environment from the queues and deletes it, with
// what runs there.
func (c *clients) deleteEnvironment(name string) {
	for _, queue := range []string{"q0", "q1", "q2"} {
		c.send(core.UpdateQueue{Name: queue, Enabled: true, Environments: []string{"large"}, SchedulingPolicy: policyOf(queue), TimeLimits: timeLimits()}, nil)
	}
	c.send(core.UpdateEnvironment{Name: name}, nil)
	c.send(core.DeleteEnvironment{Name: name}, nil)
}

// open makes every queue run again whatever is in it.
func (c *clients) open() {
	c.send(core.UpdateEnvironment{Name: "large", Enabled: true, MaxVCPU: 64_000}, nil)
	c.openFleets()
	for _, queue := range []string{"q0", "q1", "q2"} {
		c.send(core.UpdateQueue{Name: queue, Enabled: true, Environments: []string{"large"}, SchedulingPolicy: policyOf(queue), TimeLimits: timeLimits()}, nil)
	}
}
