// Package sqlite is the embedded store: one SQLite file, `barge.db`, in the data
// directory, through a SQLite in pure Go.
//
// It owns that file, its write-ahead log beside it and `barge.lock`, which
// refuses a second server on the same directory and which the kernel releases
// however the first one ends.
//
//   - [Open] takes the directory, brings the schema up to date and returns a
//     [Store], which implements [store.Store].
//   - [Store.Run] moves the write-ahead log into the database, beside the
//     commits; without it commits do that themselves, now and then, and wait.
//
// There is one connection that writes, called from the committer's goroutine
// and from Run's, one at a time; it is driven below database/sql, which adds
// locks and conversions to each of the thousands of statements in a round.
// Reads come from any goroutine and share a pool of read-only connections; each
// reads one snapshot and is cut off after a while, because a snapshot that is
// held holds up the write-ahead log.
//
// A commit is one transaction and one sync of the write-ahead log. Whatever
// error it returns nothing of the round is left, and it can be tried again:
// the number of the round, which is in the database, tells whether an earlier
// try was durable after all. Lack of space is [store.ErrFull]. All other errors
// are wrapped driver errors.
//
// Constraints in the schema repeat the state machine; a job's terminal row is
// never written again. Schema changes are numbered files, applied in order at
// the start, forward only; a database from a newer version is refused.
//
// It decides nothing, keeps no rows in memory and deletes nothing.
package sqlite
