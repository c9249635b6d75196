// Package script is a driver for tests: an attempt's command is not run but
// played, step by step, on whatever clock the test has.
//
// A [Runtime] stands for the machine. It owns the attempts, each played by one
// goroutine, and outlives servers: every [Runtime.Open] is another server's
// [driver.Driver] on the same attempts, and closing one is that server's death.
// [Runtime.Starts] tells how often an attempt really began, so that a test can
// see that nothing runs twice.
//
// Each element of Spec.Command is one step:
//
//	pull 5s                   Start takes that long, and nothing has begun yet
//	fault 2                   the first two calls of Start fail, not finally
//	fail-to-start reason      Start returns a StartError
//	lose-reply                Start returns an error although the attempt began
//	print text                one line of output
//	sleep 10s                 run that long
//	ignore-term               from here on SIGTERM does nothing
//	exit 3 [reason]           end with a code
//	vanish [reason]           end without a code
//	hang                      run until stopped
//
// The first four are Start's and are honoured wherever they stand. Behind the
// last step, and for an empty command, the code is 0; SIGTERM gives 143,
// SIGKILL 137. A step nobody knows is a StartError.
//
// Any goroutine may call anything. It waits on channels and timers only, never
// with a lock held, so virtual time passes in a testing/synctest bubble;
// [Runtime.Close] ends all attempts, which a bubble needs before it ends.
//
// It runs no processes, looks at nothing else of the Spec, and holds output in
// memory without bound.
package script
