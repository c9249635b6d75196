// Package docker runs attempts as containers of a Docker Engine, or of Podman
// through its Docker-compatible socket.
//
// It owns the containers that carry its owner's label, one per attempt, named
// `barge-<task id>`. All that it must remember is in the engine: the attempt is
// a label, the exit is the container's state, the output is the container's
// log. A restarted server therefore finds everything by asking, and nothing is
// kept in step by hand.
//
// [Driver] is made by [Open] and safe for concurrent use; the host package
// calls it from one goroutine per attempt. The only goroutines of its own are
// pulls, one per image, and stops, one per call; [Driver.Close] ends and waits
// for both. CPU is set in shares (1024 per vCPU), memory as a hard limit in
// bytes.
//
// Directories that the containers of an attempt share are volumes of the engine,
// labelled like containers, and removed with the last container that has them.
//
// The nodes of a multi-node job share a network of the engine, in which their
// addresses are known before they start.
//
// Errors: [driver.StartError] where ECS would report a container reason,
// [driver.ErrUnknown], and wrapped errors of the engine, which are worth trying
// again. While the engine does not answer, Wait and Output wait for it to come
// back; all other calls fail.
//
// Invariants: the name makes a second container for an attempt impossible; a
// container is started only while it has never run; a line's cursor is its
// number in the output, see [Driver.Output].
//
// Podman 4 differs: its logs are not followed but read at intervals, an error of
// its own cannot be told from one of the job, and its reasons lack the words
// `Error response from daemon`.
//
// It deliberately does not remove images, watch the engine's health, limit the
// disk that output takes (the container's log is kept whole until Remove), or
// find out which GPUs there are.
package docker
