// Package retry decides whether a failed attempt is tried again, and when: AWS
// Batch's retryStrategy with evaluateOnExit, and pauses between attempts, which
// AWS has not.
//
// It is a pure function of the rules and of how the attempt ended; the core
// calls it once per failed attempt. Cancelled, terminated and timed-out jobs
// never get here: they are not retried whatever the rules say.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
package retry

import "strings"

// Policy is how a job is tried again.
type Policy struct {
	Rules   []Rule  `json:"rules,omitempty"`
	Backoff Backoff `json:"backoff,omitzero"`
}

// Backoff is how long a job waits before it is tried again: First after the
// first attempt, after each further one Factor times as long as the time before,
// and never longer than Most. The zero Backoff waits for nothing.
type Backoff struct {
	First  int64 `json:"first,omitempty"`  // milliseconds
	Factor int64 `json:"factor,omitempty"` // zero is one
	Most   int64 `json:"most,omitempty"`   // milliseconds; zero is no limit but LongestPause
}

// LongestPause bounds every pause, in milliseconds: one day.
const LongestPause = 24 * 60 * 60 * 1000

// After returns the pause in milliseconds that follows the attempt with the
// given number, which counts from 1.
func (b Backoff) After(attempt int) int64 {
	most := int64(LongestPause)
	if b.Most > 0 {
		most = min(most, b.Most)
	}
	pause := min(b.First, most)
	for n := 1; n < attempt && pause < most && b.Factor > 1; n++ {
		if pause > most/b.Factor {
			return most
		}
		pause *= b.Factor
	}
	return pause
}

// Rule is one element of evaluateOnExit. Its patterns are matched whole, or as
// a prefix where they end in `*`; an empty pattern is not a condition. All
// conditions must hold.
type Rule struct {
	OnExitCode     string `json:"onExitCode,omitempty"`
	OnReason       string `json:"onReason,omitempty"`
	OnStatusReason string `json:"onStatusReason,omitempty"`
	Exit           bool   `json:"exit,omitempty"` // the action: EXIT where true, RETRY otherwise
}

// End is how an attempt ended: the exit code as decimal text, empty where
// there is none; the container's reason; the attempt's status reason.
type End struct{ ExitCode, Reason, StatusReason string }

// Again reports whether attempt number `attempt` of at most `attempts` is
// followed by another one. The first rule that matches decides; where none
// does the job is retried.
func Again(rules []Rule, attempt, attempts int, end End) bool {
	if attempt >= attempts {
		return false
	}
	for _, r := range rules {
		if match(r.OnExitCode, end.ExitCode) && match(r.OnReason, end.Reason) && match(r.OnStatusReason, end.StatusReason) {
			return !r.Exit
		}
	}
	return true
}

// match compares with case: AWS does not document whether it does. A bare `*`
// also matches a missing value, which the documented catch-all rule relies on.
func match(pattern, value string) bool {
	if pattern == "" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(value, prefix)
	}
	return pattern == value
}
