package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/depend"
)

// record is one row of a result. The tables are STRICT, so a column has the
// type that it was declared with or is null, which reads as zero.
type record []driver.Value

func (r record) int(i int) int64             { n, _ := r[i].(int64); return n }
func (r record) int32(i int) int32           { return int32(r.int(i)) }
func (r record) instant(i int) batch.Instant { return batch.Instant(r.int(i)) }
func (r record) text(i int) string           { s, _ := r[i].(string); return s }
func (r record) bytes(i int) []byte          { b, _ := r[i].([]byte); return b }

func (r record) code(i int) *int32 {
	n, ok := r[i].(int64)
	if !ok {
		return nil
	}
	code := int32(n)
	return &code
}

// nullable returns null for what is empty: it takes no space and binds faster.
func nullable(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func blob(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}

func code(c *int32) driver.Value {
	if c == nil {
		return nil
	}
	return int64(*c)
}

func flag(b bool) driver.Value {
	if b {
		return int64(1)
	}
	return int64(0)
}

// all reads the whole result of a query.
func all[T any](rows *sql.Rows, err error, decode func(record) (T, error)) (out []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make(record, len(columns))
	pointers := make([]any, len(columns))
	for i := range values {
		pointers[i] = (*any)(&values[i])
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		row, err := decode(values)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// jobColumns are what decodeJob reads.
const jobColumns = `j.seq, j.id, j.child, j.queue, j.definition, j.state, j.flags, j.vcpu, j.memory, j.gpus,
	j.max_attempts, j.policy, j.timeout, j.basket, j.created_at, j.attempt, j.host, j.scheduled_at, j.started_at, j.stopped_at, j.exit_code,
	j.reason, j.status_reason, j.size, j.next, j.rest, j.rest_at, j.counts, j.gang,
	j.retry_at, j.waits, j.max_running, j.rest_reason, j.failed,
	j.kind, j.priority, j.quota_share, j.blocked_at, j.fair_share, j.cost, j.on_demand, j.definition_max, j.instances, j.preempt`

const jobWidth = 44

func decodeJob(r record) (core.JobRow, error) {
	j := core.JobRow{
		Seq: r.int(0), Ref: batch.JobRef{Child: r.int32(2)}, Queue: r.int(3), Definition: r.int(4),
		State: batch.JobState(r.int(5)), Flags: core.Flags(r.int(6)),
		Needs:       batch.Resources{MilliVCPU: r.int(7), MemoryMiB: r.int(8), GPUs: r.int(9)},
		MaxAttempts: r.int32(10), Policy: r.int(11), TimeoutSeconds: r.int32(12), Basket: r.int(13), CreatedAt: r.instant(14),
		Attempt: r.int32(15), Host: r.int(16), ScheduledAt: r.instant(17),
		StartedAt: r.instant(18), StoppedAt: r.instant(19), ExitCode: r.code(20), Reason: r.text(21), StatusReason: r.text(22),
		Size: r.int32(23), Next: r.int32(24), Rest: batch.JobState(r.int(25)), RestAt: r.instant(26),
		RetryAt: r.instant(29), MaxRunning: r.int32(31), RestReason: r.text(32),
		Kind: core.Kind(r.int(34)), Priority: r.int32(35), QuotaShare: r.int(36), BlockedAt: r.instant(37), FairShare: r.int(38), Cost: r.cost(39), DefinitionMax: r.int32(41),
	}
	if copy(j.Ref.ID[:], r.bytes(1)) != len(j.Ref.ID) {
		return j, fmt.Errorf("job %d has an id of %d bytes", j.Seq, len(r.bytes(1)))
	}
	err := decodeGang(r.text(28), &j)
	if err != nil {
		return j, err
	}
	if err = decodeService(r.text(42), r.text(43), &j); err != nil {
		return j, err
	}
	if b := r.bytes(30); b != nil {
		if j.Waits, err = depend.Read(b); err != nil {
			return j, fmt.Errorf("job %d: %w", j.Seq, err)
		}
	}
	if b := r.bytes(33); b != nil {
		if j.Failed, _, err = depend.ReadSet(b); err != nil {
			return j, fmt.Errorf("job %d: %w", j.Seq, err)
		}
	}
	if j.Size == 0 {
		return j, nil
	}
	return j, decodeCounts(r.bytes(27), &j.Counts)
}

// encodeGang returns a gang as JSON, and null for none.
func encodeGang(g *core.Gang) (driver.Value, error) {
	if g == nil {
		return nil, nil
	}
	text, err := json.Marshal(g)
	return string(text), err
}

func decodeGang(text string, j *core.JobRow) error {
	if text == "" {
		return nil
	}
	j.Gang = new(core.Gang)
	if err := json.Unmarshal([]byte(text), j.Gang); err != nil {
		return fmt.Errorf("gang of job %d: %w", j.Seq, err)
	}
	return nil
}

// moment is a time that few rows have; null for zero.
func moment(at batch.Instant) driver.Value {
	if at == 0 {
		return nil
	}
	return int64(at)
}

// positive is a number that few rows have; null for zero.
func positive(n int32) driver.Value {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// rare are the columns that few jobs have, from retry_at on.
func rare(r *core.JobRow) (retryAt, waits, maxRunning, restReason, failed driver.Value) {
	if r.Waits != nil {
		waits = r.Waits.Append(nil)
	}
	maxRunning = positive(r.MaxRunning)
	if len(r.Failed) > 0 {
		failed = r.Failed.Append(nil)
	}
	return moment(r.RetryAt), waits, maxRunning, nullable(r.RestReason), failed
}

func encodeCounts(counts *[batch.JobStates]int32) []byte {
	b := make([]byte, 0, 2*len(counts))
	for _, n := range counts {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

func decodeCounts(b []byte, counts *[batch.JobStates]int32) error {
	for i := range counts {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return fmt.Errorf("an array job's counts end after %d states", i)
		}
		counts[i], b = int32(n), b[size:]
	}
	return nil
}

// encodeUsage returns what was used as JSON, and null for nothing known.
func encodeUsage(u *batch.Usage) (driver.Value, error) {
	if u == nil {
		return nil, nil
	}
	text, err := json.Marshal(u)
	return string(text), err
}

const attemptColumns = `job, number, host, started_at, stopped_at, exit_code, reason, status_reason, containers, usage, cost, on_demand, preempted`

func decodeAttempt(r record) (core.AttemptRow, error) {
	a := core.AttemptRow{
		Job: r.int(0), Number: r.int32(1), Host: r.int(2), StartedAt: r.instant(3), StoppedAt: r.instant(4),
		ExitCode: r.code(5), Reason: r.text(6), StatusReason: r.text(7), Containers: r.bytes(8), Cost: r.cost(10), Preempted: r.int(12) != 0,
	}
	if text := r.text(9); text != "" {
		a.Usage = new(batch.Usage)
		if err := json.Unmarshal([]byte(text), a.Usage); err != nil {
			return a, fmt.Errorf("usage of attempt %d of job %d: %w", a.Number, a.Job, err)
		}
	}
	return a, nil
}

const environmentColumns = `id, name, enabled, status, max_vcpu, machine, fargate, spec, created_at`

func decodeEnvironment(r record) (core.EnvironmentRow, error) {
	return core.EnvironmentRow{
		ID: r.int(0), Name: r.text(1), Enabled: r.int(2) != 0, Status: core.Status(r.int(3)), MaxVCPU: r.int(4),
		Machine: r.int(5) != 0, Fargate: core.Fargate(r.int(6)), Spec: r.bytes(7), CreatedAt: r.instant(8),
	}, nil
}

const queueColumns = `id, name, enabled, status, priority, environments, scheduling_policy, service_environment, spec, created_at, time_limits, backfill, max_running, share_max_running`

func decodeQueue(r record) (core.QueueRow, error) {
	q := core.QueueRow{
		ID: r.int(0), Name: r.text(1), Enabled: r.int(2) != 0, Status: core.Status(r.int(3)), Priority: r.int32(4),
		SchedulingPolicy: r.int(6), ServiceEnvironment: r.int(7), Spec: r.bytes(8), CreatedAt: r.instant(9),
		Settings: core.QueueSettings{Backfill: r.int(11) != 0, MaxRunning: r.int32(12), ShareMaxRunning: r.int32(13)},
	}
	if err := json.Unmarshal([]byte(r.text(5)), &q.Environments); err != nil {
		return q, fmt.Errorf("environments of queue %s: %w", q.Name, err)
	}
	if limits := r.text(10); limits != "" {
		if err := json.Unmarshal([]byte(limits), &q.TimeLimits); err != nil {
			return q, fmt.Errorf("time limits of queue %s: %w", q.Name, err)
		}
	}
	return q, nil
}

const definitionColumns = `id, name, revision, active, spec, created_at`

func decodeDefinition(r record) (core.DefinitionRow, error) {
	return core.DefinitionRow{
		ID: r.int(0), Name: r.text(1), Revision: r.int32(2), Active: r.int(3) != 0, Spec: r.bytes(4), CreatedAt: r.instant(5),
	}, nil
}

const hostColumns = `id, environment, name, vcpu, memory, gpus, seen_at, state, type, spot, generation, gang, used, launched_at, stop_at, gone_at, ended_at, cost, on_demand`

func decodeHost(r record) (core.HostRow, error) {
	return core.HostRow{
		ID: r.int(0), Environment: r.int(1), Name: r.text(2),
		Capacity: batch.Resources{MilliVCPU: r.int(3), MemoryMiB: r.int(4), GPUs: r.int(5)}, SeenAt: r.instant(6),
		State: core.HostState(r.int(7)), Type: r.text(8), Spot: r.int(9) != 0, Generation: r.int32(10), Gang: r.int(11), Used: r.int(12) != 0,
		LaunchedAt: r.instant(13), StopAt: r.instant(14), GoneAt: r.instant(15), EndedAt: r.instant(16), Cost: r.cost(17),
	}, nil
}

const policyColumns = `id, policy`

func decodePolicy(r record) (core.PolicyRow, error) {
	p := core.PolicyRow{ID: r.int(0)}
	if err := json.Unmarshal([]byte(r.text(1)), &p.Policy); err != nil {
		return p, fmt.Errorf("policy %d: %w", p.ID, err)
	}
	return p, nil
}

const claimColumns = `token, request, job, until`

func decodeClaim(r record) (core.ClaimRow, error) {
	c := core.ClaimRow{Until: r.instant(3)}
	copy(c.Token[:], r.bytes(0))
	copy(c.Request[:], r.bytes(1))
	copy(c.Job[:], r.bytes(2))
	return c, nil
}
