// Package simulate runs the real core in virtual time on a workload: the jobs of a
// trace in the Standard Workload Format, or a scenario with environments, queues,
// streams of jobs and faults. It measures what users of a scheduler ask for: waits,
// bounded slowdown, utilization, fairness.
//
//   - [ReadTrace] reads a trace; [Trace.Scenario] makes a [Scenario] of it.
//   - [ReadScenario] reads a scenario from a file.
//   - [Run] carries a scenario out and returns a [Result].
//   - [Chart] draws results, [Compare] prints them side by side.
//
// Decisions are those of [core.State], which is fed as the engine feeds it: what
// happens at one moment is stepped, then placed. Here are a machine that runs
// attempts for as long as the workload says, faults, and the measuring.
// Rows that the core would have stored are dropped.
//
// Times are [batch.Instant]s after [Epoch], durations milliseconds, vCPUs
// thousandths as in the core. Measures are floating-point numbers; no decision
// depends on one. The same scenario gives the same result, but for
// [Result.WallSeconds].
//
// Everything is called from one goroutine, that of the command `barge simulate`.
// Errors speak of the input, with the line or the member.
package simulate
