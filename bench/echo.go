package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
)

// submitRequest is the form of [submitBody].
type submitRequest struct {
	JobName, JobQueue, JobDefinition string
	ContainerOverrides               struct {
		Command              []string
		Environment          []struct{ Name, Value string }
		ResourceRequirements []struct{ Type, Value string }
	}
	RetryStrategy struct{ Attempts int32 }
	Timeout       struct{ AttemptDurationSeconds int32 }
}

// serveEcho is the plain server: net/http and encoding/json, no routes, no
// checks, no disk. It ends with its input.
func serveEcho(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q submitRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct { // the client is gone if this fails
			JobArn  string `json:"jobArn"`
			JobName string `json:"jobName"`
			JobID   string `json:"jobId"`
		}{
			"arn:aws:batch:us-east-1:123456789012:job/00000000-0000-4000-8000-000000000000", q.JobName,
			"00000000-0000-4000-8000-000000000000",
		})
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	fmt.Fprintln(out, l.Addr())
	_, _ = io.Copy(io.Discard, in)
	_ = server.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// echo is the plain server in a process of its own.
type echo struct {
	cmd  *exec.Cmd
	in   io.Closer
	addr string
}

func startEcho() (*echo, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	e := &echo{cmd: exec.Command(self, "-echo")}
	e.cmd.Stderr = os.Stderr
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(out, &e.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("start the plain server: %w", err), e.stop())
	}
	return e, nil
}

func (e *echo) stop() error {
	_ = e.in.Close()
	return e.cmd.Wait()
}
