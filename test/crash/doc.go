// Package crash holds tests that kill the real thing: they build the binary,
// run `barge serve` on a directory of their own, take away the server, its
// runner or its disk space at bad moments, and account for every job in the end.
//
// What an account is: every acknowledged job exists and reaches a terminal
// state; each of its attempts began exactly once (the job itself writes down
// that it did, outside Barge, where it is a process); exit codes and attempts are those of the job's
// script; the log of each attempt holds its lines once, in order and whole; an
// array's summary is that of its children; every change of a job's state was told by an
// event, in order. A submit without an answer may have
// happened or not, but not by half. TestTorture has jobs keep a journal of their
// own beside that, by which [judge] looks for attempts that run twice or at once,
// too often, too long or before what they depend on.
//
// TestLinear asks of all that clients have heard, kills included, whether it can
// be explained by a server that does one thing after the other.
//
// The server is abused as well (abuse_test.go): requests without end, thousands
// of connections, floods of output, jobs that multiply. It answers in words, its
// memory is bounded, and others are served.
//
// There is nothing here but tests. They need Linux, since jobs are processes.
// -crashes=50, or BARGE_CRASHES=50, kills more often than the default. Tests
// with a container engine run only where BARGE_REQUIRE, a list with commas, names
// docker; those with root's rights are skipped without, unless it names root.
package crash
