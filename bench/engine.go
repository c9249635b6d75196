package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	containersAtOnce = 8
	engineImage      = "barge-bench:latest"
	engineCommand    = `"/bin/echo","done"` // there has to be a log
	busybox          = "/bin/busybox"       // static, as Debian's package busybox-static has it
)

// dockerEngine is the Docker Engine, spoken to as plainly as can be.
type dockerEngine struct{ client *http.Client }

func newDockerEngine() *dockerEngine {
	path := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if path == "" {
		path = "/var/run/docker.sock"
	}
	return &dockerEngine{&http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: containersAtOnce,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}}
}

// call makes a call; out may be nil.
func (e *dockerEngine) call(ctx context.Context, method, path, kind string, in io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// makeImage makes an image with /bin/echo.
func (e *dockerEngine) makeImage(ctx context.Context) error {
	layer, err := echoFile()
	if err != nil {
		return err
	}
	name, tag, _ := strings.Cut(engineImage, ":")
	return e.call(ctx, http.MethodPost, "/images/create?fromSrc=-&repo="+name+"&tag="+tag, "application/x-tar", bytes.NewReader(layer), nil)
}

func (e *dockerEngine) removeImage() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // though we are interrupted
	defer cancel()
	return e.call(ctx, http.MethodDelete, "/images/"+engineImage+"?force=1", "", nil, nil)
}

// one creates, starts, awaits and removes a container with the limits that the
// jobs have, and the network that they have without being asked for another.
func (e *dockerEngine) one(ctx context.Context) (err error) {
	const body = `{"Image":"` + engineImage + `","Cmd":[` + engineCommand + `],` +
		`"HostConfig":{"NetworkMode":"host","Memory":134217728,"MemorySwap":134217728,"CpuShares":1024}}`
	var made struct{ ID string }
	if err = e.call(ctx, http.MethodPost, "/containers/create", "application/json", strings.NewReader(body), &made); err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, e.call(clean, http.MethodDelete, "/containers/"+made.ID+"?force=1", "", nil, nil))
	}()
	if err = e.call(ctx, http.MethodPost, "/containers/"+made.ID+"/start", "", nil, nil); err != nil {
		return err
	}
	var exit struct{ StatusCode int }
	if err = e.call(ctx, http.MethodPost, "/containers/"+made.ID+"/wait", "", nil, &exit); err == nil && exit.StatusCode != 0 {
		err = fmt.Errorf("a container has ended with %d", exit.StatusCode)
	}
	return err
}

// loop runs so many containers.
func (e *dockerEngine) loop(ctx context.Context, containers int) (time.Duration, error) {
	errs := make([]error, containersAtOnce)
	var all sync.WaitGroup
	var next atomic.Int64
	began := time.Now()
	for i := range containersAtOnce {
		all.Go(func() {
			for next.Add(1) <= int64(containers) && errs[i] == nil {
				errs[i] = e.one(ctx)
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

// besideEngine runs an array of containers, and as many in a loop that does
// nothing else.
func (b *bench) besideEngine(ctx context.Context, t *table) (err error) {
	e := newDockerEngine()
	if e.call(ctx, http.MethodGet, "/_ping", "", nil, nil) != nil {
		t.note("Without Docker: no engine answers.")
		return nil
	}
	if err = e.makeImage(ctx); err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	defer func() { err = errors.Join(err, e.removeImage()) }()
	s, err := b.serveWith(ctx, "docker", &server{dir: filepath.Join(b.work, "beside-engine"), image: engineImage, command: engineCommand})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.setUp(ctx, containersAtOnce, 1); err != nil {
		return err
	}
	containers := max(2*containersAtOnce, b.jobs/50)
	if _, err = runArray(ctx, s, containersAtOnce); err != nil { // to warm up
		return err
	}
	c := contest{what: "containers by Docker, jobs/s"}
	for range b.rounds {
		own, err := rate(containers)(runArray(ctx, s, containers))
		if err != nil {
			return err
		}
		raw, err := rate(containers)(e.loop(ctx, containers))
		if err != nil {
			return err
		}
		c.barge, c.peer = append(c.barge, own), append(c.peer, raw)
	}
	c.row(t, "Engine API in a loop")
	b.keep("containers by Docker / Engine API in a loop", c.barge.over(c.peer), false)
	t.note("Containers of /bin/echo with the host's network, %d at once, %d in a round: an array job with the logs kept, "+
		"and a loop of create, start, wait and remove.", containersAtOnce, containers)
	return nil
}
