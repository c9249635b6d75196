package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is a Barge under test.
type server struct {
	cmd     *exec.Cmd
	dir     string
	image   string // of its jobs; the process driver takes any
	command string // in JSON, without the brackets
	flags   []string
	driver  string
	addr    string
	ready   time.Duration // from the start to the first answer
	stderr  bytes.Buffer
	stdout  chan struct{} // closed when it has ended
}

// startTimeout is how long a server may take until it answers.
const startTimeout = 2 * time.Minute

// serve starts a server with the process driver on a data directory and waits
// until it answers.
func (b *bench) serve(ctx context.Context, dir string) (*server, error) {
	return b.serveWith(ctx, "process", &server{dir: dir, image: "debian", command: `"/bin/true"`})
}

func (b *bench) serveWith(ctx context.Context, driver string, s *server) (*server, error) {
	s.stdout = make(chan struct{})
	s.driver = driver
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.dir, "--driver", driver}, s.flags...)
	s.cmd = exec.CommandContext(ctx, b.barge, args...)
	s.cmd.Stderr = &s.stderr
	out, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout = w
	began := time.Now()
	err = s.cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	address := make(chan string, 1)
	go func() {
		defer close(s.stdout)
		defer func() { _ = out.Close() }() // only read
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, rest, ok := strings.Cut(lines.Text(), "AWS_ENDPOINT_URL=http://"); ok {
				address <- rest
			}
		}
	}()
	select {
	case s.addr = <-address:
		err = s.health(ctx)
	case <-s.stdout:
		err = errors.New("it has ended before it was ready")
	case <-time.After(startTimeout):
		err = errors.New("it is not ready in time")
	}
	s.ready = time.Since(began)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server: %w", err), s.stop())
	}
	return s, nil
}

func (s *server) health(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// runner is the process that holds the server's jobs, zero if there is none.
func (s *server) runner() int {
	if s.driver == "oci" {
		return findProcess("runner", "--containers", filepath.Join(s.dir, s.driver))
	}
	return findProcess("runner", filepath.Join(s.dir, s.driver))
}

// stop ends the server and then its runner, which would otherwise stay for a
// while.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // unless it has ended
	err := s.cmd.Wait()
	<-s.stdout
	if pid := s.runner(); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGTERM) // as above
		for deadline := time.Now().Add(10 * time.Second); s.runner() == pid && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if err != nil {
		return fmt.Errorf("%w; the server said: %s", err, bytes.TrimSpace(s.stderr.Bytes()))
	}
	return nil
}

// cpu is what the server has used, and its runner: that one's children are the
// jobs.
func (s *server) cpu() (server, runner cpuTime, err error) {
	if server, err = cpuOf(s.pid()); err != nil {
		return server, runner, err
	}
	if pid := s.runner(); pid > 0 {
		runner, err = cpuOf(pid)
	}
	return server, runner, err
}

// call makes a call of AWS Batch's API. in is JSON, or something to make JSON of.
func (s *server) call(ctx context.Context, operation string, in, out any) error {
	return s.post(ctx, "/v1/"+operation, "", in, out)
}

// logCall makes a call of CloudWatch Logs' API.
func (s *server) logCall(ctx context.Context, operation string, in, out any) error {
	return s.post(ctx, "/", "Logs_20140328."+operation, in, out)
}

func (s *server) post(ctx context.Context, path, target string, in, out any) error {
	body, ok := in.(string)
	if !ok {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = string(text)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if target != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", target)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s: %s", path, target, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// setUp makes an environment of that many vCPUs, a queue on it, and a
// definition that runs the command on so many vCPUs.
func (s *server) setUp(ctx context.Context, environment, job int) error {
	for _, c := range []struct{ operation, body string }{
		{"createcomputeenvironment", fmt.Sprintf(`{"computeEnvironmentName":"bench","type":"MANAGED","state":"ENABLED",
			"computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":%d,"instanceTypes":["optimal"],
			"subnets":["subnet-1"],"securityGroupIds":["sg-1"],"instanceRole":"ecsInstanceRole"}}`, environment)},
		{"createjobqueue", `{"jobQueueName":"bench","state":"ENABLED","priority":1,
			"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"bench"}]}`},
		{"registerjobdefinition", fmt.Sprintf(`{"jobDefinitionName":"bench","type":"container","containerProperties":
			{"image":%q,"command":[%s],"resourceRequirements":
			[{"type":"VCPU","value":"%d"},{"type":"MEMORY","value":"128"}]}}`, s.image, s.command, job)},
	} {
		if err := s.call(ctx, c.operation, c.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// job is what we want to know of a described job.
type job struct {
	JobID           string                         `json:"jobId"`
	Status          string                         `json:"status"`
	StatusReason    string                         `json:"statusReason"`
	CreatedAt       int64                          `json:"createdAt"`
	StartedAt       int64                          `json:"startedAt"`
	StoppedAt       int64                          `json:"stoppedAt"`
	Container       struct{ LogStreamName string } `json:"container"`
	ArrayProperties struct{ Size int }             `json:"arrayProperties"`
}

func (s *server) describe(ctx context.Context, ids ...string) ([]job, error) {
	var out struct{ Jobs []job }
	if err := s.call(ctx, "describejobs", map[string]any{"jobs": ids}, &out); err != nil {
		return nil, err
	}
	if len(out.Jobs) != len(ids) {
		return nil, fmt.Errorf("%d of %d jobs are described", len(out.Jobs), len(ids))
	}
	return out.Jobs, nil
}

// submit submits a job or, where size is not zero, an array job.
func (s *server) submit(ctx context.Context, size int) (id string, err error) {
	in := map[string]any{"jobName": "bench", "jobQueue": "bench", "jobDefinition": "bench"}
	if size > 0 {
		in["arrayProperties"] = map[string]int{"size": size}
	}
	var out struct{ JobID string }
	err = s.call(ctx, "submitjob", in, &out)
	return out.JobID, err
}
