package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// drainTimeout is how long requests in flight have when the server stops.
const drainTimeout = 5 * time.Second

// run is the server's life: it returns nil after an ordered stop. Parts stop in
// the order in which they feed each other: requests, hosts, events, engine,
// logs, store.
func run(ctx context.Context, c config, out io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	p, err := wire(ctx, c, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer p.close(log)
	if err = p.supervisor.Sweep(ctx); err != nil {
		return errors.Join(fmt.Errorf("look for what is left of ended attempts: %w", err), listener.Close())
	}

	background := context.WithoutCancel(ctx)
	var stops []func() error // last started, last stopped
	group, failed := errgroup.WithContext(ctx)
	start := func(name string, f func(context.Context) error) {
		ctx, cancel := context.WithCancel(background)
		done := make(chan error, 1)
		group.Go(func() error {
			failure := f(ctx)
			if failure != nil {
				failure = fmt.Errorf("%s: %w", name, failure)
			}
			done <- failure
			return failure
		})
		stops = append(stops, func() error { cancel(); return <-done })
	}
	server := &http.Server{
		Handler: p.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		// From the end of the headers to that of the answer, hence more than for
		// reading: an answer that nobody takes is not kept for ever.
		WriteTimeout:   2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	start("http", func(ctx context.Context) error { return serveHTTP(ctx, server, listener) })
	start("host", p.supervisor.Run)
	start("fleet", p.fleet.Run)
	if c.KeepJobs != 0 {
		start("retention", func(ctx context.Context) error { return p.engine.Retain(ctx, time.Duration(c.KeepJobs)) })
	}
	start("events", p.bus.Run)
	start("engine", p.engine.Run)
	start("logs", p.logs.Run)
	start("store", p.store.Run)
	greet(out, c, listener.Addr().String(), p.driver.Name())

	<-failed.Done() // a signal, or a part that cannot go on
	log.Info("stopping; jobs keep running")
	for _, stop := range stops {
		err = errors.Join(err, stop())
	}
	return err
}

func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if s.Shutdown(drain) != nil {
			_ = s.Close()
		}
	}()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	return err
}

// greet says what a client needs. The credentials are any: nobody checks them
// yet, but clients want some.
func greet(out io.Writer, c config, address, driver string) {
	fmt.Fprintf(out, `Barge is ready on http://%s (driver %s, data in %s). For any AWS client:

export AWS_ENDPOINT_URL=http://%s
export AWS_ACCESS_KEY_ID=barge AWS_SECRET_ACCESS_KEY=barge AWS_DEFAULT_REGION=%s

`, address, driver, c.Data, address, c.Scope.Region)
}
