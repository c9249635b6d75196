// Package process is the driver that needs no container engine: an attempt is
// a plain Linux process with its own session, process group and working
// directory, limited by cgroups where the system permits it.
//
// Processes need a parent that outlives the server, or a killed server would
// lose their exit codes and their output. So there are two halves:
//
//   - The runner, [RunRunner], is one small process per data directory. It is
//     the parent of all attempts, reads their output, stops them, and knows how
//     they ended. It is started on demand, detached from the server, and goes
//     away when nothing runs and nobody has been connected for a while.
//   - The driver, [Open], lives in the server and talks to the runner through
//     a Unix socket. It holds a mirror of what the runner knows, kept up to date
//     by pushed messages, so that Wait and List ask nobody, and reads output
//     straight from the files.
//
// The directory, which belongs to one installation:
//
//	runner.sock, runner.lock   how to reach the runner; that there is only one
//	runner.log                 what it has to say to an operator
//	journal                    attempts, one JSON line per change, last one counts
//	output/<task id>           lines with their times, created at the first byte
//	work/<n>                   working directories; used again when left empty
//
// An attempt gets PATH, LANG, HOME and TMPDIR (both its working directory) and
// BARGE_TASK beside Spec.Env; its standard input is empty; standard output and
// error are one pipe. Spec.User needs a runner that is root; that user must be
// able to traverse the directory's parents. Spec.Image means nothing here, and
// what else a process can and cannot be given is in [honours]; ulimits below the
// server's own need no rights, unless the process is another user's.
//
// The nodes of a multi-node job need no network made for them: each has an
// address of the machine's loopback interface, and Linux answers on all of
// 127.0.0.0/8.
//
// When an attempt's first process ends, all others of its group and cgroup are
// killed. What has left the group without a cgroup around it, and still holds
// the output open, is found by BARGE_TASK in its environment; what closed its
// output as well goes on unseen.
//
// The server may die any time. If the runner itself is killed, its attempts
// have lost their parent: the next runner kills what is left of them, by
// process group where the process is provably the same, by cgroup and by
// BARGE_TASK, and Wait answers an Exit without code or reason. A service
// manager must therefore spare the runner when it restarts the server
// (systemd: KillMode=process, Delegate=yes).
//
// A disk that is full blocks the attempts that print, and loses nothing. No
// file is synced: a machine that loses power loses its processes anyway.
//
// Errors are those of [driver.Driver]; the reasons of a StartError begin with
// `CannotStartContainerError: `. Methods may be called from any goroutine.
//
// It deliberately isolates nothing: attempts see the machine's file system,
// network and processes. Other systems than Linux get an error from Open.
package process
