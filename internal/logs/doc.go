// Package logs keeps what jobs print, in CloudWatch Logs' model: groups hold
// streams, a stream holds events.
//
// It owns one SQLite file (logs.db with its WAL) in the directory of
// [Options.Dir] and the lines that are not in it yet.
//
//   - [Store] is the file. Its reads ([Store.Groups], [Store.Streams],
//     [Store.Events], [Store.Search]) see what is durable, and nothing else.
//   - [Writer] appends to one stream. A line is an [Event]: a timestamp in
//     milliseconds, text of 1 to [MaxMessage] bytes of valid UTF-8, and the
//     moment of its commit. With each line goes the driver's cursor, an opaque
//     number that is stored in the same transaction, so that copying goes on
//     after a crash with no line lost and none doubled.
//   - [Position] is a place in a stream, stable for ever.
//
// How lines are stored. Consecutive events of a stream make a chunk: one row,
// of up to 64 KiB, or what came between two commits, and of no more than ten
// seconds between its first and its last event. A job of a few lines costs one
// row. A chunk's row id is `stream<<32 | ordinal`, so that a stream is one
// range of the table and ordinals can be searched by halving; a second index
// by group and time serves searches over all streams. Ten seconds is how far
// such a search must look back to find every chunk that covers a moment.
//
// When lines are durable. Appends of all streams go into one transaction at
// most 50 ms later, or at once when somebody calls [Writer.Flush]. SQLite runs
// with `synchronous=FULL`: each commit is synced, because a host removes a
// container, the only other copy of the lines, when Flush has returned. At no
// more than a hundred commits a second that costs little; one sync per line
// would not be affordable.
//
// Order. A stream keeps the order of arrival. An event older than one before
// it keeps its timestamp, but for time ranges and merging it counts as of the
// same moment as that one. So time never goes back along a stream, and
// somebody who follows by time misses no late event.
//
// Who calls it: hosts, from one goroutine per attempt; request handlers, from
// theirs; [Store.Run] is the one goroutine that commits. Everything is safe
// for concurrent use, but a Writer's lines are only ordered if one goroutine
// appends them.
//
// Errors: a *batch.Error with NotFound for a group or stream that does not
// exist; Append and Flush return the context's error or [ErrClosed]; anything
// else is a fault of the file. A commit that fails (the disk is full) loses
// nothing: it is repeated until it succeeds, and appenders wait meanwhile once
// [Options.MaxPending] bytes are held.
//
// Invariants: the cursor stored with a stream is that of its last stored event;
// ordinals of a stream have no gaps; memory for pending lines is bounded.
//
// It deliberately does not compress, does not index text, and does not give
// space back to the file system: pages of expired events are used again.
package logs
