package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/script"
	"github.com/bargehq/barge/internal/host"
	"github.com/bargehq/barge/internal/logs"
)

// machine is a supervisor over scripted containers and a real log store, in
// virtual time. Its server can die and come back; what runs does not notice.
type machine struct {
	t       *testing.T
	runtime *script.Runtime
	dir     string // of the log store
	job     host.Job
	began   time.Time
	lost    bool // reports of ends get lost, as if the server died before their commit

	mu      sync.Mutex // guards what reports say
	running []time.Duration
	ends    []host.End
	endedAt time.Duration

	supervisor *host.Supervisor
	stop       func()
}

var attempt = batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{1}}, Number: 1}

// bubble runs test with a machine in virtual time.
func bubble(t *testing.T, containers []host.Container, test func(m *machine)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, runtime: script.NewRuntime(), dir: dir, began: time.Now()}
		defer m.runtime.Close()
		m.job.Instance = "i-1"
		for i, c := range containers {
			c.Spec.Unit, c.Spec.StopTimeout = attempt.Unit(i), 30*time.Second
			c.Group, c.Stream = "/g", "p/"+c.Name
			m.job.Containers = append(m.job.Containers, c)
		}
		m.open()
		defer func() { m.stop() }()
		test(m)
	})
}

func (m *machine) open() {
	m.t.Helper()
	store, err := logs.Open(logs.Options{Dir: m.dir})
	if err != nil {
		m.t.Fatal(err)
	}
	d := m.runtime.Open()
	m.supervisor = host.New(host.Options{
		Driver: d, Logs: store, Log: slog.New(slog.DiscardHandler),
		Load: func(context.Context, batch.AttemptID) (host.Job, error) { return m.job, nil },
		Live: func(context.Context, batch.AttemptID) (bool, error) { return true, nil },
		Running: func(batch.AttemptID) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.running = append(m.running, time.Since(m.began))
		},
		Ended: func(_ batch.AttemptID, end host.End, durable func()) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.lost {
				return
			}
			m.ends = append(m.ends, end)
			m.endedAt = time.Since(m.began)
			durable()
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := store.Run(ctx); err != nil {
			m.t.Errorf("log store: %v", err)
		}
	})
	running.Go(func() {
		if err := m.supervisor.Run(ctx); err != nil {
			m.t.Errorf("supervisor: %v", err)
		}
	})
	m.stop = func() {
		cancel()
		running.Wait()
		if err := d.Close(); err != nil {
			m.t.Error(err)
		}
		if err := store.Close(); err != nil {
			m.t.Error(err)
		}
	}
}

// restart is the server's death and return. ran says whether the report that the
// job runs had become durable.
func (m *machine) restart(ran bool) {
	m.t.Helper()
	m.stop()
	m.open()
	if ran {
		m.supervisor.Attach(attempt)
	} else {
		m.supervisor.Start(attempt)
	}
}

// end waits for the report of the end and prints it.
func (m *machine) end() string {
	m.t.Helper()
	time.Sleep(24 * time.Hour)
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ends) != 1 {
		m.t.Fatalf("%d ends were reported, want one", len(m.ends))
	}
	var b strings.Builder
	if len(m.running) > 0 {
		fmt.Fprintf(&b, "running at %v; ", m.running[0])
	}
	e := m.ends[0]
	fmt.Fprintf(&b, "ended at %v: %s%s", m.endedAt.Round(time.Second), e.StatusReason, show(e.Exit))
	for i, c := range e.Containers {
		fmt.Fprintf(&b, "\n%s:%s", m.job.Containers[i].Name, show(c))
		if c.StartedAt == 0 {
			b.WriteString(" never ran")
		}
	}
	for i := range m.job.Containers {
		if n := m.runtime.Starts(attempt.Unit(i)); n > 1 {
			m.t.Errorf("container %d began %d times", i, n)
		}
	}
	if held, err := m.runtime.Open().List(m.t.Context()); err != nil || len(held) > 0 {
		m.t.Errorf("the driver still has %v, %v", held, err)
	}
	return b.String()
}

func show(e driver.Exit) string {
	s := ""
	if e.Code != nil {
		s += fmt.Sprintf(" code %d", *e.Code)
	}
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	return s
}

func container(name string, steps ...string) host.Container {
	return host.Container{Name: name, Essential: true, Spec: driver.Spec{Command: steps}}
}

func sidecar(name string, steps ...string) host.Container {
	c := container(name, steps...)
	c.Essential = false
	return c
}

// after adds dependencies, each as CONDITION and the index of a container.
func after(c host.Container, condition string, on int) host.Container {
	switch condition {
	case "START":
		c.AfterStart = append(c.AfterStart, on)
	case "COMPLETE":
		c.AfterEnd = append(c.AfterEnd, on)
	default:
		c.AfterSuccess = append(c.AfterSuccess, on)
	}
	return c
}
