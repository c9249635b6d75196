package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// measured is what was seen of a job.
type measured struct {
	submitted   batch.Instant
	first, last batch.Instant // the starts of its attempts
	end         batch.Instant
	dueAt       batch.Instant // when its share had been due what was ahead of it; zero if never
	environment int16         // of the last attempt
	attempts    int16
	running     bool
	over        bool
	failed      bool
	timedOut    bool
}

// meter measures a run.
type meter struct {
	scenario Scenario
	began    time.Time
	jobs     []measured
	queues   []*fairness
	series   series

	environments []environmentMeter
	starts       hash.Hash // of all starts, in order

	level     level // now
	sum       level // times milliseconds
	at        batch.Instant
	maxQueued int64
	firstAt   batch.Instant // of a submit
	lastAt    batch.Instant // of an end
}

// EnvironmentUse is what became of a compute environment.
type EnvironmentUse struct {
	Name        string   `json:"computeEnvironment"`
	Used        float64  `json:"usedVcpuSeconds"`
	Capacity    float64  `json:"capacityVcpuSeconds"`
	Instances   int      `json:"instances"` // that were launched
	Interrupted int      `json:"interruptedInstances"`
	Cost        *float64 `json:"costUsd,omitempty"` // of instances, where prices are known
}

type environmentMeter struct {
	EnvironmentUse

	used      float64 // vCPUs now
	milliVCPU int64   // that are there now
	nanoUSD   int64
	unpriced  bool
}

// level is what a moment looks like.
type level struct {
	queued      float64 // jobs
	queuedVCPUs float64
	used        float64 // vCPUs
	capacity    float64 // vCPUs
}

func (l *level) add(o level, by float64) {
	l.queued += o.queued * by
	l.queuedVCPUs += o.queuedVCPUs * by
	l.used += o.used * by
	l.capacity += o.capacity * by
}

func (m *meter) init(s Scenario) {
	*m = meter{
		scenario: s, began: time.Now(), jobs: make([]measured, len(s.Jobs)), starts: sha256.New(), at: Epoch,
		series: series{width: 1000},
	}
	m.environments = make([]environmentMeter, len(s.Environments))
	for i, e := range s.Environments {
		m.environments[i].Name = e.Name
	}
	for _, q := range s.Queues {
		m.queues = append(m.queues, newFairness(q.Fair, m.jobs))
	}
}

// pass lets time go by until now.
func (m *meter) pass(now batch.Instant) {
	if now > m.at { // what starts at once has not queued
		m.maxQueued = max(m.maxQueued, int64(m.level.queued))
	}
	for m.at < now {
		// In pieces that do not cross the borders of the series' buckets.
		to := min(now, m.series.border(m.at))
		dt := float64(to - m.at)
		m.sum.add(m.level, dt)
		for i := range m.environments {
			e := &m.environments[i]
			e.Used += e.used * dt / 1000
			e.Capacity += float64(e.milliVCPU) / 1000 * dt / 1000
		}
		m.series.add(m.at, m.level, dt)
		m.at = to
	}
}

func vcpus(r batch.Resources) float64 { return float64(r.MilliVCPU) / 1000 }

func (m *meter) queue(job int) *fairness { return m.queues[m.scenario.Jobs[job].Queue] }

func (m *meter) submitted(now batch.Instant, job int) {
	if m.firstAt == 0 {
		m.firstAt = now
	}
	m.jobs[job].submitted = now
	m.wait(job)
	m.queue(job).submitted(now, &m.scenario.Jobs[job], job)
}

func (m *meter) wait(job int) {
	m.level.queued++
	m.level.queuedVCPUs += m.scenario.Jobs[job].vcpus()
}

func (m *meter) waitNoMore(job int) {
	m.level.queued--
	m.level.queuedVCPUs -= m.scenario.Jobs[job].vcpus()
}

// see follows a job from row to row.
func (m *meter) see(now batch.Instant, row *core.JobRow, environment int) {
	job := jobIndex(row.Ref.ID)
	switch j := &m.jobs[job]; {
	case row.State.Live() && !j.running:
		m.started(now, job, environment)
	case !row.State.Live() && j.running:
		m.stopped(now, job)
	}
	if row.State.Terminal() {
		m.finished(now, job, row.State, row.Flags)
	}
}

func (m *meter) started(now batch.Instant, job, environment int) {
	j := &m.jobs[job]
	if j.first == 0 {
		j.first = now
	}
	j.last, j.environment, j.running = now, int16(environment), true
	j.attempts++
	m.waitNoMore(job)
	m.use(job, 1)
	m.queue(job).started(now, &m.scenario.Jobs[job])
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(job))
	binary.BigEndian.PutUint64(b[8:], uint64(now))
	m.starts.Write(b[:])
}

// use counts the vCPUs of a job that runs.
func (m *meter) use(job int, by float64) {
	used := by * m.scenario.Jobs[job].vcpus()
	m.level.used += used
	if e := m.jobs[job].environment; e >= 0 {
		m.environments[e].used += used
	}
}

// stopped says that an attempt is over. Unless finished follows, the job waits for
// another one.
func (m *meter) stopped(now batch.Instant, job int) {
	m.jobs[job].running = false
	ran := int64(now - m.jobs[job].last)
	m.use(job, -1)
	m.wait(job)
	m.queue(job).stopped(now, &m.scenario.Jobs[job], ran)
}

func (m *meter) finished(now batch.Instant, job int, state batch.JobState, flags core.Flags) {
	j := &m.jobs[job]
	j.over, j.end = true, now
	j.timedOut = flags&core.TimedOut != 0
	j.failed = state == batch.Failed && !j.timedOut
	m.lastAt = now
	m.waitNoMore(job)
	m.queue(job).finished(now, &m.scenario.Jobs[job])
}

// hash is of all starts: which job started when.
func (m *meter) hash() string { return hex.EncodeToString(m.starts.Sum(nil)) }
