// Package engine owns the one [core.State] of a server and turns what comes in
// into committed rounds.
//
// It has two halves. [Rounds] collects inputs, steps them, places, builds a
// round and releases it after its commit; it has no goroutines, so that the
// simulation drives it step by step. [Engine] is the two goroutines around it:
// the engine's, which alone touches the state, and the committer's, which alone
// writes the store. While one round is being committed the next one fills: that
// is the group commit.
//
// Callers: handlers call [Engine.Do] from their connection's goroutine and wait;
// hosts and fleets call [Engine.Tell], which never blocks. [Engine.Run] blocks
// for as long as the engine lives; whoever starts it waits for it.
//
// Errors: Do returns a *batch.Error for a rejection; batch.Throttled when the
// inbox is full; batch.Unavailable when the round could not be committed, in
// which case nothing of it has happened; the context's error when the caller
// gave up, in which case the command may still take effect.
//
// Invariants: no reply and no effect leaves before the commit that justifies
// it; effects leave in the order in which they were decided; time never goes
// back; rounds are numbered without gaps. There is no undo: when a commit fails
// the state is loaded again from the store, commands in flight are refused and
// reports are stepped once more.
//
// It knows neither hosts nor drivers nor HTTP: effects go to the functions in
// [Sinks].
package engine
