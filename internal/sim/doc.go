// Package sim runs the real core and the real rounds of the engine over a store
// in memory, in virtual time, with clients, a machine and faults made from
// a seed. The same seed gives the same run.
//
// A [World] has: clients that submit, cancel and terminate; a machine that runs
// attempts and outlives the server; a server that crashes before and after
// commits, whose commits fail, whose disk fills up; reports that are repeated,
// and lost with the server; a clock that jumps; a machine that loses what it
// ran, or a whole host. Jobs are arrays, gangs, wait for each other, are tried
// again at once or after a pause.
//
// After every turn it checks the invariants: the state recounts right; a row
// goes along legal edges only and never leaves a terminal state; a job has at
// most one attempt that lives, and no attempt starts twice; attempts stay within
// their limit; what was acknowledged is stored; nothing leaves before its commit; after
// a crash the loaded state is that of the last commit; no queue waits whose head
// fits. In the end faults cease and every job must end.
//
// It is single-threaded and knows no wall clock. Hosts, drivers and the engine's
// goroutines are tested elsewhere: this is about decisions.
package sim
