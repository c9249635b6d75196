package process_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/process"
)

// TestMain is also the main function of the runners and servers that the
// tests start: the test binary, executed again.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "runner":
			os.Exit(runner(os.Args[2]))
		case "server":
			os.Exit(server(os.Args[2]))
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

func runner(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := process.RunRunner(ctx, process.RunnerOptions{Dir: dir, Linger: time.Second, Log: log})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// server is a server that starts attempts, stops one, says so, and hangs until
// it is killed.
func server(dir string) int {
	ctx := context.Background()
	d, err := process.Open(ctx, process.Options{Dir: dir, RunnerCommand: []string{os.Args[0], "runner", dir}})
	for i, script := range serverScripts {
		if err == nil {
			err = d.Start(ctx, driver.Spec{Unit: attemptID(i), Command: []string{"/bin/sh", "-c", script}})
		}
	}
	if err == nil {
		err = awaitText(ctx, d, attemptID(2), "up")
	}
	if err == nil {
		err = d.Stop(ctx, attemptID(2), time.Second)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	select {}
}

var serverScripts = []string{
	"echo gone by; exit 3",
	"echo early; sleep 1.5; echo late; exit 4",
	"trap '' TERM; echo up; while :; do sleep 1; done",
	"while :; do echo tick; sleep 0.1; done",
}

// attemptID is the same for everybody.
func attemptID(n int) batch.UnitID {
	return batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{1, byte(n)}}, Number: 1}.Unit(0)
}

var errFound = errors.New("found")

// awaitText follows the output until a line has the text.
func awaitText(ctx context.Context, d driver.Driver, id batch.UnitID, text string) error {
	err := d.Output(ctx, id, 0, func(l driver.Line) error {
		if string(l.Text) == text {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return fmt.Errorf("output ended before the line %q: %w", text, err)
}
