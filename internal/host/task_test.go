package host_test

import (
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/host"
)

const (
	exited  = "Essential container in task exited"
	notable = "Task failed to start"
	gone    = "Host EC2 (instance i-1) terminated."
)

// cases are tasks and their ends: jobs.md §17, and ECS where that is silent.
func cases() map[string]struct {
	containers []host.Container
	want       string
} {
	timed := func(c host.Container, d time.Duration) host.Container {
		c.StartTimeout = d
		return c
	}
	return map[string]struct {
		containers []host.Container
		want       string
	}{
		"one": {
			[]host.Container{container("a", "pull 5s", "print x", "sleep 10s", "exit 3")},
			"running at 5s; ended at 15s: " + exited + " code 3",
		},
		"one refused": {
			[]host.Container{container("a", "fail-to-start CannotPullContainerError: no")},
			"ended at 0s: " + notable + " (CannotPullContainerError: no)",
		},
		"one lost": {
			[]host.Container{container("a", "sleep 1s", "vanish")},
			"running at 0s; ended at 1s: " + gone,
		},
		"an essential container ends the others": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), sidecar("proxy", "hang")},
			"running at 0s; ended at 10s: " + exited + " code 0\nmain: code 0\nproxy: code 143",
		},
		"what ignores SIGTERM is killed": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), sidecar("proxy", "ignore-term", "hang")},
			"running at 0s; ended at 40s: " + exited + " code 0\nmain: code 0\nproxy: code 137",
		},
		"an essential sibling that is stopped fails the job": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), container("other", "hang")},
			"running at 0s; ended at 10s: " + exited + " code 143\nmain: code 0\nother: code 143",
		},
		"the first failure stands for the job": {
			[]host.Container{container("a", "ignore-term", "sleep 6s", "exit 1"), container("b", "sleep 5s", "exit 7")},
			"running at 0s; ended at 6s: " + exited + " code 7\na: code 1\nb: code 7",
		},
		"other codes do not count": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), sidecar("helper", "exit 9")},
			"running at 0s; ended at 10s: " + exited + " code 0\nmain: code 0\nhelper: code 9",
		},
		"after the start": {
			[]host.Container{after(container("main", "sleep 1s", "exit 0"), "START", 1), sidecar("proxy", "pull 20s", "hang")},
			"running at 20s; ended at 21s: " + exited + " code 0\nmain: code 0\nproxy: code 143",
		},
		"after success": {
			[]host.Container{sidecar("init", "sleep 20s", "exit 0"), after(container("main", "sleep 1s", "exit 0"), "SUCCESS", 0)},
			"running at 20s; ended at 21s: " + exited + " code 0\ninit: code 0\nmain: code 0",
		},
		"after failure": {
			[]host.Container{sidecar("init", "sleep 20s", "exit 1"), after(container("main", "exit 0"), "SUCCESS", 0)},
			"ended at 20s: " + notable + " (CannotStartContainerError: the container depends on init, which did not reach SUCCESS)" +
				"\ninit: code 1\nmain: (CannotStartContainerError: the container depends on init, which did not reach SUCCESS) never ran",
		},
		"after an end of any kind": {
			[]host.Container{sidecar("init", "sleep 20s", "exit 1"), after(container("main", "sleep 1s", "exit 0"), "COMPLETE", 0)},
			"running at 20s; ended at 21s: " + exited + " code 0\ninit: code 1\nmain: code 0",
		},
		"a chain": {
			[]host.Container{
				after(container("c", "sleep 1s", "exit 0"), "SUCCESS", 1), after(sidecar("b", "sleep 2s", "exit 0"), "COMPLETE", 2), sidecar("a", "sleep 3s", "exit 4"),
			},
			"running at 5s; ended at 6s: " + exited + " code 0\nc: code 0\nb: code 0\na: code 4",
		},
		"start timeout": {
			[]host.Container{timed(sidecar("init", "sleep 1h", "exit 0"), time.Minute), after(container("main", "exit 0"), "COMPLETE", 0)},
			"ended at 1m0s: " + notable + " (CannotStartContainerError: the container depends on init, which did not reach COMPLETE within its startTimeout)" +
				"\ninit: code 143\nmain: (CannotStartContainerError: the container depends on init, which did not reach COMPLETE within its startTimeout) never ran",
		},
		"a helper that cannot start holds nothing up": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), sidecar("helper", "fail-to-start CannotPullContainerError: no")},
			"running at 0s; ended at 10s: " + exited + " code 0\nmain: code 0\nhelper: (CannotPullContainerError: no) never ran",
		},
		"a container that cannot start ends the task": {
			[]host.Container{container("main", "hang"), container("broken", "pull 3s", "fail-to-start CannotPullContainerError: no")},
			"ended at 3s: " + notable + " (CannotPullContainerError: no)\nmain: code 143\nbroken: (CannotPullContainerError: no) never ran",
		},
		"what depends on a helper that cannot start": {
			[]host.Container{after(container("main", "exit 0"), "START", 1), sidecar("helper", "fail-to-start CannotPullContainerError: no")},
			"ended at 0s: " + notable + " (CannotStartContainerError: the container depends on helper, which did not reach START)" +
				"\nmain: (CannotStartContainerError: the container depends on helper, which did not reach START) never ran\nhelper: (CannotPullContainerError: no) never ran",
		},
		"stopped in reverse order": {
			[]host.Container{
				container("main", "sleep 10s", "exit 0"),
				sidecar("log", "hang"), after(sidecar("proxy", "ignore-term", "sleep 25s", "exit 5"), "START", 1),
			},
			"running at 0s; ended at 25s: " + exited + " code 0\nmain: code 0\nlog: code 143\nproxy: code 5",
		},
		"not started any more": {
			[]host.Container{container("main", "sleep 10s", "exit 0"), after(sidecar("late", "hang"), "COMPLETE", 2), sidecar("slow", "sleep 1h")},
			"ended at 10s: " + exited + " code 0\nmain: code 0\nlate: never ran\nslow: code 143",
		},
		"one of several is lost": {
			[]host.Container{container("main", "hang"), container("other", "sleep 1s", "vanish")},
			"running at 0s; ended at 1s: " + gone + "\nmain: code 143\nother:",
		},
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	for name, c := range cases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, c.containers, func(m *machine) {
				m.supervisor.Start(attempt)
				if diff := cmp.Diff(c.want, m.end()); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// unlike says which ends a restart may change: start timeouts count anew, and
// why one of several containers did not start knows only the server that tried.
func unlike(name string) bool {
	return name == "start timeout" || name == "a helper that cannot start holds nothing up" ||
		name == "a container that cannot start ends the task"
}

var times = regexp.MustCompile(` at [^;:]+`)

func timeless(end string) string { return times.ReplaceAllString(end, "") }

// TestRestarts: a server that dies at any moment, also often, changes nothing of
// how a task ends, and starts nothing twice. That it runs may be told again.
func TestRestarts(t *testing.T) {
	t.Parallel()
	for name, c := range cases() {
		if unlike(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, c.containers, func(m *machine) {
				m.supervisor.Start(attempt)
				for range 12 {
					time.Sleep(3*time.Second + 500*time.Millisecond)
					synctest.Wait()
					m.mu.Lock()
					ran, over := len(m.running) > 0, len(m.ends) > 0
					m.mu.Unlock()
					if over {
						break
					}
					m.restart(ran)
				}
				// Pulls begin anew, so times differ.
				if diff := cmp.Diff(timeless(c.want), timeless(m.end())); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestEndLost: the server dies after the end and before its report is durable.
func TestEndLost(t *testing.T) {
	t.Parallel()
	for name, c := range cases() {
		if unlike(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, c.containers, func(m *machine) {
				m.lost = true
				m.supervisor.Start(attempt)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				m.lost = false
				m.mu.Lock()
				ran := len(m.running) > 0
				m.mu.Unlock()
				m.restart(ran)
				if diff := cmp.Diff(timeless(c.want), timeless(m.end())); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		containers []host.Container
		after      time.Duration
		restart    bool
		want       string
	}{
		"running": {
			containers: []host.Container{container("main", "ignore-term", "hang"), sidecar("proxy", "hang")}, after: 10 * time.Second,
			want: "running at 0s; ended at 40s: " + exited + " code 137\nmain: code 137\nproxy: code 143",
		},
		"starting": {
			containers: []host.Container{container("main", "pull 1h", "exit 0")}, after: 10 * time.Second,
			want: "ended at 10s: " + notable,
		},
		"one waits": {
			containers: []host.Container{sidecar("init", "hang"), after(container("main", "exit 0"), "SUCCESS", 0)}, after: 10 * time.Second,
			want: "ended at 10s: " + exited + "\ninit: code 143\nmain: never ran",
		},
		"after a restart": {
			containers: []host.Container{container("main", "hang"), sidecar("proxy", "hang")}, after: 10 * time.Second, restart: true,
			want: "running at 0s; ended at 10s: " + exited + " code 143\nmain: code 143\nproxy: code 143",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, c.containers, func(m *machine) {
				m.supervisor.Start(attempt)
				time.Sleep(c.after)
				synctest.Wait()
				if c.restart {
					m.restart(true)
				}
				m.supervisor.Stop(attempt)
				if diff := cmp.Diff(c.want, m.end()); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestRefused: what is missing for a container that runs already does not matter.
func TestRefused(t *testing.T) {
	t.Parallel()
	missing := func(c host.Container) host.Container {
		c.Refused = "ResourceInitializationError: unable to pull secrets or registry auth: x"
		return c
	}
	bubble(t, []host.Container{missing(container("a", "exit 0"))}, func(m *machine) {
		m.supervisor.Start(attempt)
		want := "ended at 0s: " + notable + " (ResourceInitializationError: unable to pull secrets or registry auth: x)"
		if diff := cmp.Diff(want, m.end()); diff != "" {
			t.Errorf("the end (-want +got):\n%s", diff)
		}
	})
	bubble(t, []host.Container{container("a", "exit 0")}, func(m *machine) {
		m.job.Refused = "Container Overrides length must be at most 8192"
		m.supervisor.Start(attempt)
		if diff := cmp.Diff("ended at 0s: "+m.job.Refused, m.end()); diff != "" {
			t.Errorf("the end of what is refused as a whole (-want +got):\n%s", diff)
		}
	})
	for _, ran := range []bool{true, false} {
		bubble(t, []host.Container{container("a", "sleep 10s", "exit 4")}, func(m *machine) {
			m.supervisor.Start(attempt)
			time.Sleep(time.Second)
			synctest.Wait()
			m.job.Containers[0] = missing(m.job.Containers[0])
			m.restart(ran)
			if diff := cmp.Diff("running at 0s; ended at 10s: "+exited+" code 4", m.end()); diff != "" {
				t.Errorf("the end (-want +got):\n%s", diff)
			}
		})
	}
}
