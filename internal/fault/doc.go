// Package fault names moments of the server at which a test ends it, and lets a
// test set its clock.
//
// It exists twice. In the program that is built for use, [Point] is empty, [Skew]
// is zero, and the compiler leaves nothing of them: no environment variable can
// do anything. Only with the build tag `torture`, which test/crash
// builds with, do they look at:
//
//	BARGE_FAULT=commit.after:7        kill the process when it comes to the point
//	                                  for the seventh time
//	BARGE_FAULT=commit.before:7:300us kill it that long after, whatever it does then
//	BARGE_FAULT_CLOCK=FILE            the clock is off by the duration in the file,
//	                                  such as -3h; none is none
//
// Killing is SIGKILL: nothing is flushed, closed or told, as when somebody else
// does it, and as far as this process goes as when the power is cut.
//
// It owns nothing else, may be called from any goroutine, and is in no package
// that has to be pure: the core is tested by simulation.
package fault
