package process_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

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

func server(string) int { return 0 }
