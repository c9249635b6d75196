package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// The labels by which containers are found again.
const (
	ownerLabel   = "org.bargehq.barge.owner"
	attemptLabel = "org.bargehq.barge.attempt"
)

const (
	// callTimeout bounds one call to the engine. A loaded engine needs seconds
	// for a start; one that needs minutes hangs.
	callTimeout = 2 * time.Minute
	// probeTimeout is for the first sign of life.
	probeTimeout = time.Second
)

// Options say which engine to use and how.
type Options struct {
	// Host is the engine's address, such as `unix:///var/run/docker.sock`.
	// Empty means DOCKER_HOST, or else the first usual socket of Docker or
	// Podman that answers.
	Host string
	// Owner is the id of the Barge installation. Containers of other owners
	// are left alone.
	Owner string
	// Network is the network mode of containers. Empty means `host`, which is
	// what AWS Batch uses for single-node jobs on EC2; it also starts about
	// twice as fast as `bridge`.
	Network string
	// Starts is how many containers may be starting at once; zero means 8.
	// More make an engine slower, not faster.
	Starts int
	// GPUs are the ids, as NVIDIA's runtime has them (indices or UUIDs), that
	// containers may be given. Each has its own for as long as it runs.
	GPUs []string
	// ConfigFile holds registry credentials, as `docker login` writes them.
	// Empty means config.json in DOCKER_CONFIG or ~/.docker. It is read anew for every pull.
	ConfigFile string
	// Log may be nil.
	Log *slog.Logger
}

// Driver runs attempts on one engine.
type Driver struct {
	opt     Options
	api     *client.Client
	log     *slog.Logger
	engine  features
	noQuota atomic.Bool   // the engine was seen to limit no disk
	gpuTurn sync.Mutex    // from choosing GPUs to the container that has them
	slots   chan struct{} // holds one element per container that is starting

	closing chan struct{}
	work    sync.WaitGroup // pulls and stops

	// mu guards what concurrent calls share for a moment; no owner could hand
	// it out without a goroutine of its own.
	mu       sync.Mutex
	closed   bool
	pulls    map[wanted]*pull
	starting map[batch.UnitID]chan struct{} // closed when that Start is over
	samples  map[batch.UnitID]*sample       // of those that somebody waits or waited for, until Remove
}

var _ driver.Driver = (*Driver)(nil)

// Open connects to an engine and learns what it can do.
func Open(ctx context.Context, opt Options) (*Driver, error) {
	if opt.Owner == "" {
		return nil, errors.New("docker driver: no owner given")
	}
	if opt.Network == "" {
		opt.Network = "host"
	}
	if opt.Starts <= 0 {
		opt.Starts = 8
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	api, err := connect(ctx, opt.Host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	engine, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the container engine at %s what it is: %w", api.DaemonHost(), err), api.Close())
	}
	d := &Driver{
		opt:      opt,
		api:      api,
		log:      opt.Log,
		engine:   featuresOf(engine.Info, len(opt.GPUs)),
		slots:    make(chan struct{}, opt.Starts),
		closing:  make(chan struct{}),
		pulls:    make(map[wanted]*pull),
		starting: make(map[batch.UnitID]chan struct{}),
		samples:  make(map[batch.UnitID]*sample),
	}
	if err := d.sweepNetworks(ctx); err != nil {
		return nil, errors.Join(err, api.Close())
	}
	d.log.Info("container engine", "host", api.DaemonHost(), "version", engine.Info.ServerVersion,
		"network", opt.Network, "logs", d.engine.logConfig.Type)
	return d, nil
}

// logConfig chooses how the engine keeps output until we have read it, whatever
// its own default. Docker's `local` keeps the bytes as they are, where
// `json-file` replaces what is not UTF-8; but it drops old output beyond
// max-size, which has to be set because its default is 20 MB. Podman knows only
// its own format, which it also calls `json-file`, and keeps everything.
func logConfig(supported []string) container.LogConfig {
	if slices.Contains(supported, "local") {
		return container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1000000g"}}
	}
	return container.LogConfig{Type: "json-file"}
}

// Available says within a second whether an engine answers at host, which is as
// in [Options].
func Available(ctx context.Context, host string) error {
	api, err := connect(ctx, host)
	if err != nil {
		return err
	}
	return api.Close()
}

// connect returns a client for the first address that answers.
func connect(ctx context.Context, host string) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	hosts := candidates(host)
	var failed []error
	for _, h := range hosts {
		api, err := newClient(h)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if _, err = api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err == nil {
			return api, nil
		}
		failed = append(failed, err, api.Close())
	}
	return nil, fmt.Errorf("no Docker or Podman engine answers at %s; start one or give its address: %w",
		strings.Join(hosts, " or "), errors.Join(failed...))
}

// candidates returns the addresses to try, in order.
func candidates(host string) []string {
	if host != "" {
		return []string{host}
	}
	if host = os.Getenv(client.EnvOverrideHost); host != "" {
		return []string{host}
	}
	hosts := []string{client.DefaultDockerHost}
	if runtime.GOOS == "windows" {
		return hosts
	}
	home, _ := os.UserHomeDir() // without one there is one place less to look
	user := os.Getenv("XDG_RUNTIME_DIR")
	for _, socket := range []string{
		filepath.Join(user, "docker.sock"),
		filepath.Join(home, ".docker/run/docker.sock"),
		"/run/podman/podman.sock",
		filepath.Join(user, "podman/podman.sock"),
	} {
		if _, err := os.Stat(socket); err == nil && filepath.IsAbs(socket) {
			hosts = append(hosts, "unix://"+socket)
		}
	}
	return hosts
}

// newClient does not connect yet.
func newClient(host string) (*client.Client, error) {
	// The library's own pool is too small for one request per attempt. The
	// empty map turns off HTTP/2, whose set-up the library takes for TLS.
	pool := &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 32,
			IdleConnTimeout:     30 * time.Second,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
		CheckRedirect: client.CheckRedirect,
	}
	api, err := client.New(client.WithHTTPClient(pool), client.WithTLSClientConfigFromEnv(),
		client.WithHost(host), client.WithAPIVersionFromEnv())
	if err != nil {
		return nil, fmt.Errorf("container engine %q: %w", host, err)
	}
	return api, nil
}

// Name is `docker`, also for Podman.
func (d *Driver) Name() string { return "docker" }

// List returns the attempts of this owner.
func (d *Driver) List(ctx context.Context) ([]batch.UnitID, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	filters := make(client.Filters).Add("label", ownerLabel+"="+d.opt.Owner)
	found, err := d.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	ids := make([]batch.UnitID, 0, len(found.Items))
	for _, c := range found.Items {
		id, ok := batch.ParseUnitID(c.Labels[attemptLabel])
		if !ok || c.Labels[ownerLabel] != d.opt.Owner {
			continue // made by hand, or by an engine that ignores filters
		}
		ids = append(ids, id)
	}
	// A server that died within Remove may have left volumes without containers.
	volumes, err := d.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		id, ok := batch.ParseUnitID(v.Labels[attemptLabel])
		if ok && v.Labels[ownerLabel] == d.opt.Owner && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Close ends pulls and lets go of the engine. The engine itself carries out the
// stops it has been asked for.
func (d *Driver) Close() error {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.closing)
	}
	d.mu.Unlock()
	d.work.Wait()
	return d.api.Close()
}

// background runs f until it returns or Close cancels its context.
func (d *Driver) background(ctx context.Context, f func(context.Context)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("docker driver: closed")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.work.Go(func() {
		defer cancel()
		f(ctx)
	})
	d.work.Go(func() {
		defer cancel()
		select {
		case <-d.closing:
		case <-ctx.Done():
		}
	})
	return nil
}

// containerName is also what makes Start idempotent.
func containerName(id batch.UnitID) string { return "barge-" + id.Name() }

// inspect returns the container of an attempt, or driver.ErrUnknown.
func (d *Driver) inspect(ctx context.Context, id batch.UnitID) (container.InspectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := d.api.ContainerInspect(ctx, containerName(id), client.ContainerInspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
		return container.InspectResponse{}, driver.ErrUnknown
	case err != nil:
		return container.InspectResponse{}, fmt.Errorf("inspect container: %w", err)
	case found.Container.State == nil || found.Container.Config == nil || found.Container.HostConfig == nil:
		return container.InspectResponse{}, errors.New("inspect container: the engine's answer lacks parts")
	}
	return found.Container, nil
}

// retry spaces out attempts to reach an engine. The zero value is ready.
type retry struct{ wait time.Duration }

// pause waits longer each time, up to five seconds, and returns the context's
// error when that ends first.
func (r *retry) pause(ctx context.Context) error {
	r.wait = min(max(2*r.wait, 20*time.Millisecond), 5*time.Second)
	timer := time.NewTimer(r.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
