package fleet

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Local has virtual instances, carved out of this machine: as many and as large
// ones as anybody wants, whatever the machine has. They are nothing but names,
// so they outlive the server and end only when they are told to.
type Local struct {
	// Boot is how long an instance takes to run; none by default.
	Boot time.Duration

	mu        sync.Mutex // guards instances
	instances map[string]batch.Resources
}

// Launch implements [Provider].
func (l *Local) Launch(ctx context.Context, o Order) (Instance, error) {
	if l.Boot > 0 && !o.Registered && !l.has(o.Name) {
		timer := time.NewTimer(l.Boot)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Instance{}, context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.instances == nil {
		l.instances = make(map[string]batch.Resources)
	}
	l.instances[o.Name] = o.Capacity
	return Instance{Name: o.Name, Running: true, Capacity: o.Capacity}, nil
}

func (l *Local) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.instances[name]
	return ok
}

// List implements [Provider].
func (l *Local) List(context.Context) ([]Instance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Instance
	for name, capacity := range l.instances {
		list = append(list, Instance{Name: name, Running: true, Capacity: capacity})
	}
	slices.SortFunc(list, byName)
	return list, nil
}

func byName(a, b Instance) int { return strings.Compare(a.Name, b.Name) }

// Terminate implements [Provider].
func (l *Local) Terminate(_ context.Context, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.instances, name)
	return nil
}

// Interval implements [Provider].
func (l *Local) Interval() time.Duration { return 0 }
