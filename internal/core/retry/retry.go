// Package retry decides whether a failed attempt is tried again: AWS Batch's
// retryStrategy with evaluateOnExit.
//
// It is a pure function of the rules and of how the attempt ended; the core
// calls it once per failed attempt. Cancelled, terminated and timed-out jobs
// never get here: they are not retried whatever the rules say.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
package retry

import "strings"

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
