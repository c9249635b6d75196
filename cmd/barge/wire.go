package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/bus"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/docker"
	"github.com/bargehq/barge/internal/driver/oci"
	"github.com/bargehq/barge/internal/driver/process"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/fleet"
	"github.com/bargehq/barge/internal/host"
	"github.com/bargehq/barge/internal/logs"
	"github.com/bargehq/barge/internal/logsvc"
	"github.com/bargehq/barge/internal/secret"
	"github.com/bargehq/barge/internal/serve"
	"github.com/bargehq/barge/internal/store/sqlite"
	"github.com/bargehq/barge/internal/stssvc"
)

// parts are the server's components, joined.
type parts struct {
	store      *sqlite.Store
	logs       *logs.Store
	driver     driver.Driver
	engine     *engine.Engine
	bus        *bus.Bus
	fleet      *fleet.Fleet
	supervisor *host.Supervisor
	handler    *serve.Handler
}

// wire opens everything and joins it. Nothing runs yet.
func wire(ctx context.Context, c config, log *slog.Logger) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			p.close(log)
		}
	}()
	if err = os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	// The store first: its lock keeps a second server out of the directory.
	if p.store, err = sqlite.Open(ctx, sqlite.Options{Dir: c.Data, Log: log}); err != nil {
		return nil, err
	}
	owner, err := installation(c.Data)
	if err != nil {
		return nil, err
	}
	if p.logs, err = logs.Open(logs.Options{Dir: filepath.Join(c.Data, "logs"), Log: log}); err != nil {
		return nil, fmt.Errorf("open the log store: %w", err)
	}
	types, err := c.catalog()
	if err != nil {
		return nil, err
	}
	if p.driver, err = openDriver(ctx, c, owner, log); err != nil {
		return nil, err
	}
	eventSinks, err := c.eventSinks()
	if err != nil {
		return nil, err
	}
	var wake func()
	if len(eventSinks) > 0 {
		wake = func() { p.bus.Wake() }
	}
	machine, err := c.machine(len(c.GPUs))
	if err != nil {
		return nil, err
	}
	providers, err := c.providers(owner.String())
	if err != nil {
		return nil, err
	}
	types = types.LimitGPUs(machine.GPUs) // attempts run here, whatever their instances are
	p.engine, err = engine.Open(ctx, engine.Options{
		Store: p.store, Log: log, Scaling: c.scaling(types),
		Sinks: engine.Sinks{
			Start:  func(e core.Start) { p.supervisor.Start(e.Attempt) },
			Attach: func(e core.Attach) { p.supervisor.Attach(e.Attempt) },
			Stop: func(e core.Stop) {
				if e.Kill {
					p.supervisor.Kill(e.Attempt)
				} else {
					p.supervisor.Stop(e.Attempt)
				}
			},
			Scale:  func(e core.Scale) { p.fleet.Scale(e) },
			Launch: func(e core.Launch) { p.fleet.Launch(e) },

			TerminateHost: func(e core.TerminateHost) { p.fleet.Terminate(e) },

			Events: wake,
		},
	})
	if err != nil {
		return nil, err
	}
	secrets, err := secret.Open(c.Secrets, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	volumes, err := c.volumes()
	if err != nil {
		return nil, err
	}
	jobEnv, err := c.jobEnv()
	if err != nil {
		return nil, err
	}
	nodes, err := c.nodeSpace(p.driver.Name())
	if err != nil {
		return nil, err
	}
	trainingFiles, err := c.training(p.driver.Name())
	if err != nil {
		return nil, err
	}
	service := batchsvc.New(batchsvc.Options{
		Training: trainingFiles,
		Catalog:  types,
		Do:       p.engine.Do, View: p.engine.View, Store: p.store, Scope: c.Scope, Owner: owner,
		Secret: secrets.Value, Volumes: volumes, JobEnv: jobEnv, MaxProcesses: c.MaxProcesses, NodeSpace: nodes, OnMachine: c.Capacity == "host",
		Provider: c.defaultProvider(), HasCommand: providers["command"] != nil,
		Limits: batchsvc.Limits{ArraySize: c.MaxArraySize, Dependencies: c.MaxDependencies, Shares: c.MaxShares},
	})
	if err = service.SweepTraining(ctx); err != nil {
		return nil, fmt.Errorf("remove the files of training jobs that have ended: %w", err)
	}
	p.fleet = fleet.New(fleet.Options{
		Owner: owner.String(), Machine: machine, Providers: providers, Interruptions: c.interruptions(), Log: log,
		Environment: fleetEnvironment(service), Tell: func(in core.Input) { p.engine.Tell(in, nil) },
		Capacity: func(name string) batch.Resources {
			if t := types.Type(name); t != nil {
				return t.Usable()
			}
			return batch.Resources{}
		},
	})
	p.bus = bus.New(bus.Options{
		Outbox: p.store.Outbox, Render: service.Events, Sinks: eventSinks, Log: log,
		Delivered: func(ctx context.Context, mark core.Mark) error {
			_, failure := p.engine.Do(ctx, core.Delivered{Mark: mark})
			return failure
		},
	})
	p.supervisor = host.New(host.Options{
		Driver: p.driver, Logs: p.logs, Log: log, Live: service.Live,
		Load: func(ctx context.Context, id batch.AttemptID) (host.Job, error) {
			t, err := service.Attempt(ctx, id)
			job := host.Job{Instance: t.Instance, Refused: t.Refused}
			if t.Files != nil {
				job.Files = t.Files
			}
			for _, c := range t.Containers {
				job.Containers = append(job.Containers, host.Container(c))
			}
			return job, err
		},
		Starting: func(id batch.AttemptID) { p.engine.Tell(core.AttemptStarting{Attempt: id}, nil) },
		Running: func(id batch.AttemptID) {
			p.engine.Tell(core.AttemptRunning{Attempt: id, At: p.engine.Now()}, nil)
		},
		Ended: func(id batch.AttemptID, end host.End, durable func()) {
			p.engine.Tell(core.AttemptEnded{
				Attempt: id, StartedAt: end.StartedAt, StoppedAt: end.StoppedAt,
				ExitCode: end.Code, Reason: end.Reason, StatusReason: end.StatusReason,
				Containers: batchsvc.ContainerEnds(end.Containers), Usage: end.Usage,
			}, durable)
		},
	})
	p.handler = serve.New(serve.Options{
		Batch:   batchapi.Handler(service, restjson.Options{Log: log}, service.Routes()...),
		Logs:    logsvc.New(logsvc.Options{Store: p.logs, Scope: c.Scope, Log: log, Alias: service.StreamAlias}).Handler(),
		STS:     stssvc.New(stssvc.Options{Scope: c.Scope, Log: log}).Handler(),
		AnyHost: c.Insecure, Version: version,
	})
	return p, nil
}

// close lets go of everything that wire opened.
func (p *parts) close(log *slog.Logger) {
	var errs []error
	if p.driver != nil {
		errs = append(errs, p.driver.Close())
	}
	if p.logs != nil {
		errs = append(errs, p.logs.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if err := errors.Join(errs...); err != nil {
		log.Error("closing", "err", err)
	}
}

// installation returns the id of a data directory, made on its first use.
func installation(dir string) (uuid.UUID, error) {
	path := filepath.Join(dir, "installation")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		id := uuid.New()
		return id, os.WriteFile(path, []byte(id.String()+"\n"), 0o600)
	}
	if err != nil {
		return uuid.UUID{}, err
	}
	id, err := uuid.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("%s does not hold the installation's id: %w", path, err)
	}
	return id, nil
}

func openDriver(ctx context.Context, c config, owner uuid.UUID, log *slog.Logger) (driver.Driver, error) {
	kind := c.chooseDriver(ctx)
	if kind == "docker" {
		return docker.Open(ctx, docker.Options{Host: c.Docker, Owner: owner.String(), GPUs: c.GPUs, Log: log})
	}
	if len(c.GPUs) > 0 {
		return nil, errors.New("--gpus needs a container engine, and none answers")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own program: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(c.Data, kind))
	if err != nil {
		return nil, err
	}
	var d driver.Driver
	if kind == "oci" {
		d, err = oci.Open(ctx, oci.Options{
			Dir: dir, RunnerCommand: []string{self, "runner", "--containers", dir},
			Runtime: c.Runtime, Images: c.Images, Log: log,
		})
	} else {
		d, err = process.Open(ctx, process.Options{Dir: dir, RunnerCommand: []string{self, "runner", dir}, Log: log})
	}
	if err != nil {
		return nil, err // and no nil of a type of its own
	}
	return d, nil
}

// chooseDriver is what --driver=auto means: images that were given are meant to be
// run; those that jobs name are where an engine keeps them.
func (c config) chooseDriver(ctx context.Context) string {
	switch {
	case c.Driver != "auto":
		return c.Driver
	case c.Images != "" && len(c.GPUs) == 0 && oci.Available(c.Runtime) == nil:
		return "oci"
	case docker.Available(ctx, c.Docker) == nil:
		return "docker"
	}
	return "process"
}
