package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// nodeSpec returns what runs a script as a node of a job.
func (s *suite) nodeSpec(t *testing.T, job batch.JobID, network int32, index int, script string) driver.Spec {
	spec := driver.Spec{
		Unit:        batch.AttemptID{Job: batch.NodeRef(job, index), Number: 1}.Unit(0),
		Image:       s.h.Image,
		Command:     []string{"/bin/sh", "-c", script},
		StopTimeout: 10 * time.Second,
		Network:     &driver.Network{Subnet: batch.NetworkOf(s.h.Nodes, network), Address: batch.NodeAddress(s.h.Nodes, network, index)},
	}
	t.Cleanup(func() {
		if err := s.d.Remove(context.Background(), spec.Unit); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return spec
}

// nodes: the nodes of a job reach each other at the addresses that were given to
// them, whichever starts first, and nodes of another job use the same port.
func (s *suite) nodes(t *testing.T) {
	const first, second = 4001, 4002 // networks that a server rarely uses first
	a, b := batch.NewJobID(batch.InstantOf(time.Now())), batch.NewJobID(batch.InstantOf(time.Now()))
	serve := func(network int32, index int, text string) string {
		return fmt.Sprintf(`trap 'exit 143' TERM; d=$(mktemp -d); echo %s >$d/text; cd $d; busybox httpd -f -p %s:8080 & echo up; wait $!`,
			text, batch.NodeAddress(s.h.Nodes, network, index))
	}
	ask := func(network int32, index int) string {
		return fmt.Sprintf(`for i in 1 2 3 4 5 6 7 8 9; do busybox wget -qO- http://%s:8080/text 2>/dev/null && exit 0; sleep 1; done; exit 1`,
			batch.NodeAddress(s.h.Nodes, network, index))
	}
	mine := s.startSpec(t, s.nodeSpec(t, a, first, 0, serve(first, 0, "mine")))
	other := s.startSpec(t, s.nodeSpec(t, b, second, 999, serve(second, 999, "other")))
	s.awaitLine(t, mine, "up")
	s.awaitLine(t, other, "up")
	worker := s.startSpec(t, s.nodeSpec(t, a, first, 998, ask(first, 0)))
	s.wantCode(t, worker, 0)
	s.wantOutput(t, worker, "mine")
	if err := s.d.Remove(t.Context(), worker); err != nil {
		t.Fatalf("remove: %v", err)
	}
	later := s.startSpec(t, s.nodeSpec(t, b, second, 1, ask(second, 999)))
	s.wantCode(t, later, 0)
	s.wantOutput(t, later, "other")
	s.stopNow(t, mine, 30*time.Second)
	s.wantCode(t, mine, 143)
}

// reopenNodes: a network outlives the driver, and nodes that start later join it.
func (s *suite) reopenNodes(t *testing.T) {
	if s.h.Scripted {
		t.Skip("this driver runs no shell")
	}
	const network = 4003
	job := batch.NewJobID(batch.InstantOf(time.Now()))
	address := batch.NodeAddress(s.h.Nodes, network, 0)
	main := s.startSpec(t, s.nodeSpec(t, job, network, 0,
		fmt.Sprintf(`d=$(mktemp -d); echo main >$d/text; cd $d; echo up; exec busybox httpd -f -p %s:8080`, address)))
	s.awaitLine(t, main, "up")
	s.reopenDriver(t, func() {})
	// It says "up" before it listens.
	worker := s.startSpec(t, s.nodeSpec(t, job, network, 1, fmt.Sprintf(
		`for i in 1 2 3 4 5 6 7 8 9; do busybox wget -qO- http://%s:8080/text 2>/dev/null && exit 0; sleep 1; done; exit 1`, address)))
	s.wantCode(t, worker, 0)
	if got := s.texts(t, worker); !slices.Equal(got, []string{"main"}) {
		t.Errorf("after the driver was opened again a node got %q from its main node", got)
	}
	if _, err := s.d.Wait(t.Context(), batch.AttemptID{Job: batch.NodeRef(job, 2), Number: 1}.Unit(0)); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("wait of a node that was never started: %v, want ErrUnknown", err)
	}
}
