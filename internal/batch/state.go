package batch

// JobState is where a job stands. The values are stored, so their numbers are
// fixed. The two last ones are terminal and never change again.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_states.html
type JobState uint8

// The states, in the order a job passes them.
const (
	Submitted JobState = iota
	Pending
	Runnable
	Scheduled // of service jobs: handed over, and nothing has begun
	Starting
	Running
	Succeeded
	Failed

	// JobStates is how many there are.
	JobStates = int(Failed) + 1
)

//nolint:gochecknoglobals // a table that nobody writes
var stateNames = [JobStates]string{"SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"}

// String returns AWS's name for the state.
func (s JobState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "UNKNOWN"
}

// ParseJobState is the inverse of [JobState.String].
func ParseJobState(name string) (JobState, bool) {
	for i, n := range stateNames {
		if n == name {
			return JobState(i), true
		}
	}
	return 0, false
}

// Terminal reports whether the state is final.
func (s JobState) Terminal() bool { return s == Succeeded || s == Failed }

// Live reports whether an attempt of the job may exist on a host.
func (s JobState) Live() bool { return s == Scheduled || s == Starting || s == Running }

// edges[from] has bit `to` set where the edge is legal. An array job goes
// Submitted → Pending → Succeeded or Failed and never runs itself.
//
//nolint:gochecknoglobals // a table that nobody writes
var edges = [JobStates]uint8{
	Submitted: 1<<Pending | 1<<Runnable | 1<<Failed,
	Pending:   1<<Runnable | 1<<Succeeded | 1<<Failed,
	Runnable:  1<<Scheduled | 1<<Starting | 1<<Failed,
	Scheduled: 1<<Starting | 1<<Running | 1<<Runnable | 1<<Succeeded | 1<<Failed,
	Starting:  1<<Running | 1<<Runnable | 1<<Succeeded | 1<<Failed,
	Running:   1<<Runnable | 1<<Succeeded | 1<<Failed,
}

// May reports whether a job in state s may go to state to.
func (s JobState) May(to JobState) bool {
	return int(s) < JobStates && int(to) < JobStates && edges[s]&(1<<to) != 0
}
