package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain is also barge itself, for the runner that a server starts and for
// the commands that tests start as processes: the test binary, executed again
// with a command instead of a flag.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testServer is the real server with the process driver, in this process.
type testServer struct {
	t        *testing.T
	config   config
	endpoint string
	stop     func() // returns when it has stopped; may be called twice
}

func startServer(t *testing.T) *testServer {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the process driver is for Linux")
	}
	dir, err := os.MkdirTemp("", "barge") // short, for the runner's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := defaultConfig()
	c.Listen, c.Data, c.Driver = "127.0.0.1:0", dir, "process"
	return startServerWith(t, c)
}

func startServerWith(t *testing.T, c config) *testServer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, c, write)
		_ = write.CloseWithError(errors.Join(err, io.EOF))
		done <- err
	}()
	greeting := make([]byte, 1000)
	n, err := read.Read(greeting)
	if err != nil {
		cancel()
		t.Fatalf("the server does not start: %v", errors.Join(err, <-done))
	}
	address := regexp.MustCompile(`http://([\d.:]+)`).FindSubmatch(greeting[:n])
	s := &testServer{t: t, config: c, endpoint: string(address[0])}
	s.config.Listen = string(address[1])
	s.stop = func() {
		if cancel(); done == nil {
			return
		}
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		done = nil
	}
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *testServer) client() *client {
	s.t.Helper()
	c, err := newClient(s.endpoint, func(string) string { return "" })
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// answer is what a command left.
type answer struct {
	Out, Err string
	Code     int
}

// barge runs a command in this process, as main does.
func (s *testServer) barge(args ...string) answer {
	s.t.Helper()
	return barge(s.t.Context(), s.endpoint, strings.NewReader(""), args...)
}

func barge(ctx context.Context, endpoint string, in io.Reader, args ...string) answer {
	var out, errs bytes.Buffer
	root := newRootCommand()
	root.SetIn(in)
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(append([]string{args[0], "--endpoint", endpoint}, args[1:]...))
	a := answer{}
	var exit exitError
	if err := root.ExecuteContext(ctx); errors.As(err, &exit) {
		a.Code = int(exit)
	} else if err != nil {
		fmt.Fprintln(&errs, "barge:", err)
		a.Code = 1
	}
	a.Out, a.Err = out.String(), errs.String()
	return a
}

// must runs a command that succeeds and returns its trimmed output.
func (s *testServer) must(args ...string) string {
	s.t.Helper()
	a := s.barge(args...)
	if a.Code != 0 {
		s.t.Fatalf("barge %s: exit code %d: %s", strings.Join(args, " "), a.Code, a.Err)
	}
	return strings.TrimSpace(a.Out)
}

// gate is a file that a job waits for. It is opened at the end of the test, so
// that no job stays.
type gate struct {
	t    *testing.T
	path string
}

func newGate(t *testing.T) gate {
	g := gate{t, filepath.Join(t.TempDir(), "gate")}
	t.Cleanup(g.open)
	return g
}

// script is shell code that waits for the gate, and keeps quiet when the sleep
// that it waits with is ended.
func (g gate) script() string {
	return "exec 2>/dev/null; until [ -e " + g.path + " ]; do sleep 0.02; done"
}

func (g gate) open() {
	if err := os.WriteFile(g.path, nil, 0o600); err != nil {
		g.t.Error(err)
	}
}

// eventually polls what other processes bring about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 seconds still not: %s", what)
		}
	}
}
