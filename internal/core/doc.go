// Package core decides. It is the state machine of Barge: what a job's next
// state is, which runnable job starts where, what happens at a deadline. It is
// a pure, deterministic function of its state, its inputs and the time that
// comes with them.
//
// [State] holds everything that is still active: environments, queues, hosts,
// jobs that have not ended. Ended jobs leave it; the store has them.
//
//   - [State.Step] takes one [Input], all or nothing: it returns a typed
//     rejection and changes nothing, or appends to [Output] the row-level
//     [Change]s to persist and the [Effect]s to carry out once they are durable.
//   - [State.Place] starts runnable jobs on hosts with room, at most `budget` of
//     them, and goes on with work that was cut into bounded slices.
//   - [State.NextDeadline] is when a [Tick] is due next.
//   - [State.Check] recounts everything, [State.Fingerprint] is equal for equal
//     states; both are for tests and simulation.
//   - [Loader] rebuilds a State from the store's rows.
//
// Units: vCPUs in thousandths, memory in MiB, time in milliseconds
// ([batch.Instant]), row keys (`Seq`, `ID`) are sequential integers from 1.
//
// One goroutine, the engine's, calls it; the simulator calls the same code.
//
// A job in memory is a compact record: request strings (command, environment,
// name, tags) pass through Step into a change and are forgotten. The budget is
// 400 bytes per active job with all indexes; an array costs one record however
// many of its children have not started.
//
// Invariants, all verified by Check: no host is oversubscribed; a job is in
// exactly one of: waiting in its queue, on a host, an array parent; counters
// equal recounts; a child below the parent's Next is stored, has ended or is
// active; terminal is final.
//
// It has no clock, no randomness, no I/O, no goroutines, channels or locks, no
// logging, and nothing here ranges over a map where the order could be seen.
package core
