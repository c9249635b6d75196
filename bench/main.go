// Command bench measures Barge on this machine and writes what it finds into
// the tables of docs/benchmarks.md.
//
// It drives the real program over HTTP wherever that is possible, beside
// something plain that does the least of the same kind: a bare net/http server
// that decodes the same requests, a loop of fork and exec. Both take turns
// within one run, so that a busy moment of the machine hits both.
//
// Files: one per measurement (submit.go, arrays.go, jobs.go, ending.go, million.go,
// store.go, core.go), of which peers.go sets Barge beside others (slurm.go, engine.go,
// ceilings.go) and containers.go the oci driver; server.go is a server under test, load.go and wrk.go make load,
// echo.go is the plain server, machine.go and figures.go tell and count,
// table.go prints, baseline.go tells what moved against bench/baseline.json.
//
// A measurement returns a table; it fails when the server answers anything that
// it should not. There are no limits on times in here: judging is the reader's.
// Two measurements need a process of their own and have this program start
// itself: -echo is the plain server, -hold loads a data directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	barge  string
	dir    string
	doc    string
	load   string
	only   string
	rounds int
	length time.Duration
	jobs   int
	queued int

	baseline string
	rebase   bool
}

// bench is one run of this program.
type bench struct {
	options
	work string    // a directory for everything, removed at the end
	log  io.Writer // progress

	ratios map[string]ratio // for the baseline
}

// measurement fills one table of the document, which stands between the marks
// of that name.
type measurement struct {
	name  string
	run   func(context.Context, *bench) (*table, error)
	asked bool // only where it is named: it takes more than this program
}

func measurements() []measurement {
	return []measurement{
		{name: "submit", run: measureSubmit},
		{name: "arrays", run: measureArrays},
		{name: "jobs", run: measureJobs},
		{name: "latency", run: measureLatency},
		{name: "ending", run: measureEnding},
		{name: "store", run: measureStore},
		{name: "core", run: measureCore},
		{name: "million", run: measureMillion},
		{name: "footprint", run: measureFootprint},
		{name: "peers", run: measurePeers, asked: true},
		{name: "containers", run: measureContainers, asked: true},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	var o options
	var asEcho bool
	var hold string
	var names []string
	for _, m := range measurements() {
		names = append(names, m.name)
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&o.barge, "barge", "bin/barge", "the program to measure")
	f.StringVar(&o.dir, "dir", os.TempDir(), "where data directories are made; should be on the disk that counts")
	f.StringVar(&o.doc, "doc", "docs/benchmarks.md", "the document to update; empty to print only")
	f.StringVar(&o.load, "load", "auto", "what makes load: wrk, go, or auto (wrk where it is installed)")
	f.StringVar(&o.only, "only", "", "measure only these, separated by commas: "+strings.Join(names, ", "))
	f.IntVar(&o.rounds, "rounds", 3, "how often measurements that take turns are repeated")
	f.DurationVar(&o.length, "length", 2*time.Second, "how long each load lasts")
	f.IntVar(&o.jobs, "jobs", 3000, "how many jobs are run to their end at once, 2 to 10000")
	f.IntVar(&o.queued, "queued", 1_000_000, "how many jobs are queued where many are")
	f.StringVar(&o.baseline, "baseline", "bench/baseline.json", "ratios to compare with; empty for none")
	f.BoolVar(&o.rebase, "rebase", false, "make this run's ratios the baseline")
	f.BoolVar(&asEcho, "echo", false, "be the plain server (started by this program)")
	f.StringVar(&hold, "hold", "", "load this data directory and tell how much memory it takes (started by this program)")
	switch err = f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case asEcho:
		return serveEcho(os.Stdin, out)
	case hold != "":
		return holdState(ctx, hold, out)
	case f.NArg() > 0:
		return fmt.Errorf("unexpected %q", f.Args())
	case o.rounds < 1, o.length < 100*time.Millisecond, o.jobs < 2, o.jobs > 10_000, o.queued < 1:
		return errors.New("-rounds, -length, -jobs or -queued is out of range")
	}
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	b := &bench{options: o, log: log}
	if b.barge, err = filepath.Abs(o.barge); err != nil {
		return err
	}
	if _, err = os.Stat(b.barge); err != nil {
		return fmt.Errorf("%w; build it first: make build", err)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil { // runners and daemons are found by it
		return err
	}
	if b.work, err = os.MkdirTemp(o.dir, "barge-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	stamp, err := b.machine()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n\n", stamp)
	for _, m := range chosen {
		began := time.Now()
		fmt.Fprintf(log, "%s ...\n", m.name)
		t, err := m.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(log, "%s took %.0f s\n", m.name, time.Since(began).Seconds())
		text := t.markdown() + "\n_" + stamp + "_\n"
		fmt.Fprintf(out, "## %s\n\n%s\n", m.name, text)
		if o.doc == "" {
			continue
		}
		if err := update(o.doc, m.name, text); err != nil {
			return err
		}
	}
	return b.compare(out, stamp)
}

func choose(only string) ([]measurement, error) {
	all := measurements()
	if only == "" {
		return slices.DeleteFunc(all, func(m measurement) bool { return m.asked }), nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no measurement %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
