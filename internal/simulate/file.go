package simulate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/allocate"
	"github.com/bargehq/barge/internal/core/fair"
)

// The bounds of a scenario file.
const (
	maxFileBytes = 1 << 20
	maxListed    = 1000 // environments, queues, streams, faults
	maxSpan      = 10 * 365 * 24 * time.Hour
)

// file is a scenario as it is written. Where AWS has a name, it is that.
type file struct {
	Seed         uint64            `yaml:"seed"`
	Environments []fileEnvironment `yaml:"environments"`
	Queues       []fileQueue       `yaml:"queues"`
	Jobs         []fileStream      `yaml:"jobs"`
	Faults       []fileFault       `yaml:"faults"`
}

type fileEnvironment struct {
	Name     string `yaml:"name"`
	MaxVCPUs int64  `yaml:"maxvCpus"`

	// Of one host.
	Memory int64 `yaml:"memory"` // MiB; unlimited if zero
	GPUs   int64 `yaml:"gpus"`

	// Of instances, which it has if it names their types.
	Type      string   `yaml:"type"` // EC2 or SPOT
	Types     []string `yaml:"instanceTypes"`
	Strategy  string   `yaml:"allocationStrategy"`
	MinVCPUs  int64    `yaml:"minvCpus"`
	Desired   int64    `yaml:"desiredvCpus"`
	Bid       int32    `yaml:"bidPercentage"`
	Delay     int32    `yaml:"minScaleDownDelayMinutes"`
	Boot      spread   `yaml:"boot"`
	Interrupt span     `yaml:"interruptedAfter"` // Spot instances, on average
}

type fileQueue struct {
	Name         string    `yaml:"name"`
	Priority     int32     `yaml:"priority"`
	Environments []string  `yaml:"computeEnvironmentOrder"`
	Order        string    `yaml:"order"` // strict or backfill, as tag barge:order
	Fair         *fileFair `yaml:"fairsharePolicy"`
}

type fileFair struct {
	Decay       int32        `yaml:"shareDecaySeconds"`
	Reservation int32        `yaml:"computeReservation"`
	Shares      []fileWeight `yaml:"shareDistribution"`
}

type fileWeight struct {
	Share  string  `yaml:"shareIdentifier"`
	Factor float64 `yaml:"weightFactor"`
}

// fileStream is many jobs alike, or those of a trace.
type fileStream struct {
	Queue    string  `yaml:"queue"`
	Trace    string  `yaml:"trace"` // a path, from the directory of the scenario
	Name     string  `yaml:"name"`
	Share    string  `yaml:"shareIdentifier"`
	Priority int32   `yaml:"schedulingPriority"`
	VCPUs    float64 `yaml:"vcpus"`
	Memory   int64   `yaml:"memory"`
	GPUs     int64   `yaml:"gpus"`
	Nodes    int32   `yaml:"numNodes"`
	Attempts int32   `yaml:"attempts"`
	Timeout  span    `yaml:"attemptDuration"`
	Runtime  spread  `yaml:"runtime"`
	Count    int     `yaml:"count"`
	Start    span    `yaml:"start"`
	Every    *spread `yaml:"every"` // between two of them
}

// fileFault has one of the environments.
type fileFault struct {
	At         span   `yaml:"at"`
	Lose       string `yaml:"loseHosts"`
	Interrupt  string `yaml:"interrupt"`
	NoCapacity string `yaml:"noCapacity"`
	Percent    *int64 `yaml:"percent"` // 100 if missing
	For        span   `yaml:"for"`
}

// span is a duration with its unit.
type span time.Duration

func (s *span) UnmarshalYAML(n *yaml.Node) error {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d > time.Duration(maxSpan) {
		return fmt.Errorf("line %d: %.40q is no duration such as 30s, 5m or 1.5h", n.Line, n.Value)
	}
	*s = span(d)
	return nil
}

func (s span) ms() int64 { return time.Duration(s).Milliseconds() }

// spread is a duration, or how it is drawn: equally likely between two, or so that
// the past says nothing of the future (exponentially).
type spread struct {
	From span `yaml:"from"`
	To   span `yaml:"to"`
	Mean span `yaml:"mean"`
}

func (s *spread) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		err := s.From.UnmarshalYAML(n)
		s.To = s.From
		return err
	}
	type plain spread
	if err := n.Decode((*plain)(s)); err != nil {
		return err
	}
	if s.From > s.To || (s.Mean > 0) == (s.To > 0) {
		return fmt.Errorf("line %d: a duration is drawn by from and to, or by mean", n.Line)
	}
	return nil
}

// draw returns milliseconds.
func (s spread) draw(rng *rand.Rand) int64 {
	if s.Mean > 0 {
		return min(int64(rng.ExpFloat64()*float64(s.Mean.ms())), maxSpan.Milliseconds())
	}
	if s.From == s.To {
		return s.From.ms()
	}
	return s.From.ms() + rng.Int64N(s.To.ms()-s.From.ms()+1)
}

// ReadScenario reads a scenario from a file in YAML or JSON.
func ReadScenario(path string) (Scenario, error) {
	in, err := os.Open(path)
	if err != nil {
		return Scenario{}, err
	}
	defer in.Close() //nolint:errcheck // what was read has been read
	text, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return Scenario{}, err
	}
	s, err := parseScenario(text, filepath.Dir(path))
	if err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseScenario(text []byte, dir string) (s Scenario, err error) {
	if len(text) > maxFileBytes {
		return s, fmt.Errorf("longer than %d bytes", maxFileBytes)
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return s, err
	}
	s.Seed = f.Seed
	if len(f.Environments) == 0 || len(f.Queues) == 0 || len(f.Jobs) == 0 {
		return s, errors.New("a scenario has environments, queues and jobs")
	}
	if max(len(f.Environments), len(f.Queues), len(f.Jobs), len(f.Faults)) > maxListed {
		return s, fmt.Errorf("more than %d environments, queues, jobs or faults", maxListed)
	}
	for _, e := range f.Environments {
		made, err := e.environment()
		if err != nil {
			return s, fmt.Errorf("environment %s: %w", e.Name, err)
		}
		s.Environments = append(s.Environments, made)
	}
	for _, q := range f.Queues {
		made, err := q.queue(&s)
		if err != nil {
			return s, fmt.Errorf("queue %s: %w", q.Name, err)
		}
		s.Queues = append(s.Queues, made)
	}
	for i := range f.Jobs {
		if err := f.Jobs[i].add(&s, rand.New(rand.NewPCG(f.Seed, uint64(i))), dir); err != nil {
			return s, fmt.Errorf("jobs[%d]: %w", i, err)
		}
	}
	for i := range f.Faults {
		made, err := f.Faults[i].fault(&s)
		if err != nil {
			return s, fmt.Errorf("faults[%d]: %w", i, err)
		}
		s.Faults = append(s.Faults, made)
	}
	slices.SortStableFunc(s.Jobs, func(a, b Job) int { return cmp.Compare(a.Submit, b.Submit) })
	return s, nil
}

func (s *Scenario) environment(name string) int {
	return slices.IndexFunc(s.Environments, func(e Environment) bool { return e.Name == name })
}

func (e *fileEnvironment) environment() (Environment, error) {
	if e.Name == "" || e.MaxVCPUs < 1 || e.MaxVCPUs > maxProcessors || e.Memory < 0 || e.GPUs < 0 {
		return Environment{}, fmt.Errorf("it has a name and maxvCpus from 1 to %d; memory and gpus are not negative", maxProcessors)
	}
	made := Environment{Name: e.Name, Capacity: batch.Resources{MilliVCPU: e.MaxVCPUs * 1000, MemoryMiB: e.Memory, GPUs: e.GPUs}}
	if len(e.Types) > 0 {
		return e.instances(made)
	}
	if e.Type != "" || e.Strategy != "" || e.MinVCPUs != 0 || e.Desired != 0 || e.Bid != 0 || e.Delay != 0 || e.Boot != (spread{}) || e.Interrupt != 0 {
		return made, errors.New("without instanceTypes it has one host: name, maxvCpus, memory and gpus")
	}
	if e.Memory == 0 {
		made.Capacity.MemoryMiB = batch.Unlimited
	}
	return made, nil
}

// instances makes an environment of instances.
func (e *fileEnvironment) instances(made Environment) (Environment, error) {
	types, err := catalog.Builtin().Resolve(e.Types)
	_, known := allocate.StrategyOf(e.Strategy)
	switch {
	case err != nil:
		return made, err
	case e.Memory != 0 || e.GPUs != 0:
		return made, errors.New("memory and gpus are those of its instanceTypes")
	case e.Type != "EC2" && e.Type != "SPOT":
		return made, errors.New("type is EC2 or SPOT")
	case !known:
		return made, fmt.Errorf("allocationStrategy is one of %s", strings.Join(allocate.Strategies[:], ", "))
	case e.MinVCPUs < 0 || e.MinVCPUs > e.MaxVCPUs || e.Desired < 0 || e.Desired > e.MaxVCPUs || e.Bid < 0 || e.Bid > 100 || e.Delay < 0 || e.Delay > 10_080:
		return made, errors.New("minvCpus and desiredvCpus are at most maxvCpus, bidPercentage 100, minScaleDownDelayMinutes 10080")
	case e.Interrupt > 0 && e.Type != "SPOT":
		return made, errors.New("only Spot instances are interrupted")
	}
	made.Boot, made.Interrupt = e.Boot, spread{Mean: e.Interrupt}
	made.Fleet = &core.Fleet{
		Spot: e.Type == "SPOT", Types: e.Types, Strategy: e.Strategy, MinVCPU: e.MinVCPUs * 1000, DesiredVCPU: e.Desired * 1000,
		BidPercent: e.Bid, DelayMinutes: e.Delay,
	}
	for _, t := range types {
		made.Largest = max(made.Largest, t.VCPUs)
	}
	return made, nil
}

func (x *fileFault) fault(s *Scenario) (f Fault, err error) {
	names := 0
	name := ""
	for kind, n := range []string{Lose: x.Lose, Interruption: x.Interrupt, NoCapacity: x.NoCapacity} {
		if n != "" {
			name, f.Kind = n, FaultKind(kind)
			names++
		}
	}
	f.At, f.For, f.Percent, f.Environment = x.At.ms(), x.For.ms(), 100, s.environment(name)
	if x.Percent != nil {
		f.Percent = *x.Percent
	}
	switch {
	case names != 1:
		return f, errors.New("it has one of loseHosts, interrupt and noCapacity")
	case f.Environment < 0:
		return f, fmt.Errorf("there is no environment %q", name)
	case f.Percent < 0 || f.Percent > 100:
		return f, errors.New("percent is from 0 to 100")
	}
	fleet := s.Environments[f.Environment].Fleet
	if f.Kind != Lose && fleet == nil || f.Kind == Interruption && !fleet.Spot {
		return f, fmt.Errorf("environment %s has no instances for that", name)
	}
	return f, nil
}

func (q *fileQueue) queue(s *Scenario) (Queue, error) {
	made := Queue{Name: q.Name, Priority: q.Priority, Environments: q.Environments, Backfill: q.Order == "backfill"}
	if q.Order != "" && q.Order != "strict" && q.Order != "backfill" {
		return made, fmt.Errorf("order %q is none of strict, backfill", q.Order)
	}
	if q.Name == "" || len(q.Environments) == 0 {
		return made, errors.New("it has a name and a computeEnvironmentOrder")
	}
	for _, name := range q.Environments {
		if s.environment(name) < 0 {
			return made, fmt.Errorf("there is no environment %q", name)
		}
	}
	if q.Fair == nil {
		return made, nil
	}
	made.Fair = &fair.Policy{DecaySeconds: q.Fair.Decay, Reservation: q.Fair.Reservation}
	if q.Fair.Decay < 0 || q.Fair.Decay > 604_800 || q.Fair.Reservation < 0 || q.Fair.Reservation > 99 {
		return made, errors.New("shareDecaySeconds is at most 604800, computeReservation at most 99")
	}
	for i, w := range q.Fair.Shares {
		if w.Share == "" || w.Factor < 0.0001 || w.Factor > 999.9999 {
			return made, errors.New("an entry of shareDistribution has a shareIdentifier, and a weightFactor between 0.0001 and 999.9999")
		}
		for _, other := range q.Fair.Shares[:i] {
			if covers(w.Share, other.Share) || covers(other.Share, w.Share) {
				return made, fmt.Errorf("the share identifiers %s and %s overlap", other.Share, w.Share)
			}
		}
		made.Fair.Weights = append(made.Fair.Weights, fair.Weight{Share: w.Share, Factor: int64(w.Factor*fair.Even + 0.5)})
	}
	return made, nil
}

// covers reports whether an entry is for a share.
func covers(entry, share string) bool {
	prefix, ok := strings.CutSuffix(entry, "*")
	return entry == share || ok && strings.HasPrefix(share, prefix)
}

// add makes the jobs of a stream.
func (j *fileStream) add(s *Scenario, rng *rand.Rand, dir string) error {
	queue := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Name == j.Queue })
	if queue < 0 {
		return fmt.Errorf("there is no queue %q", j.Queue)
	}
	if j.Trace != "" {
		return j.addTrace(s, queue, dir)
	}
	needs, err := j.needs()
	if err != nil {
		return err
	}
	count := max(1, j.Count)
	switch {
	case j.Name == "" || j.Runtime == spread{}:
		return errors.New("it has a trace, or name, vcpus and runtime")
	case len(s.Jobs)+count > maxTraceJobs:
		return fmt.Errorf("more than %d jobs", maxTraceJobs)
	case j.Attempts < 0 || j.Attempts > 10 || j.Nodes < 0 || j.Nodes > 1000 || j.Count < 0:
		return errors.New("attempts are 1 to 10, numNodes at most 1000, count is positive")
	case j.Count > 1 && j.Every == nil:
		return errors.New("several jobs need every, the time between two of them")
	}
	at := j.Start.ms()
	for n := range count {
		if at > maxSpan.Milliseconds() {
			return errors.New("the last of the jobs come after more than ten years")
		}
		s.Jobs = append(s.Jobs, Job{
			Name: fmt.Sprintf("%s-%d", j.Name, n+1), Queue: queue, Share: cmp.Or(j.Share, j.Name), Priority: j.Priority, Submit: at,
			Runtime: j.Runtime.draw(rng), Limit: int32((j.Timeout.ms() + 999) / 1000), Needs: needs, Nodes: j.Nodes, Attempts: max(1, j.Attempts),
		})
		if j.Every != nil {
			at += j.Every.draw(rng)
		}
	}
	return nil
}

func (j *fileStream) needs() (batch.Resources, error) {
	if !(j.VCPUs >= 0.001 && j.VCPUs <= maxProcessors) || j.Memory < 0 || j.GPUs < 0 {
		return batch.Resources{}, errors.New("vcpus are a number such as 2 or 0.25; memory and gpus are not negative")
	}
	return batch.Resources{MilliVCPU: int64(j.VCPUs*1000 + 0.5), MemoryMiB: j.Memory, GPUs: j.GPUs}, nil
}

func (j *fileStream) addTrace(s *Scenario, queue int, dir string) error {
	path := j.Trace
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	t, err := OpenTrace(path)
	if err != nil {
		return err
	}
	most := int64(0)
	for _, name := range s.Queues[queue].Environments {
		most = max(most, s.Environments[s.environment(name)].widest())
	}
	part, err := t.Scenario(most)
	if err != nil {
		return err
	}
	for _, job := range part.Jobs {
		job.Queue, job.Attempts = queue, max(1, j.Attempts)
		job.Submit += j.Start.ms()
		s.Jobs = append(s.Jobs, job)
	}
	if len(s.Jobs) > maxTraceJobs {
		return fmt.Errorf("more than %d jobs", maxTraceJobs)
	}
	s.Skipped.add(part.Skipped)
	s.Notes = append(s.Notes, part.Notes...)
	return nil
}
