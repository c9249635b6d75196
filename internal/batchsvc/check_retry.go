package batchsvc

import (
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// checkRetry checks a retry strategy.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
func checkRetry(r *batchapi.RetryStrategy) error {
	switch {
	case r == nil:
		return nil
	case r.Attempts == nil:
		return invalid("RetryAttempts must be provided with retry strategy.")
	case *r.Attempts < 1 || *r.Attempts > 10:
		return invalid("RetryAttempts must be between 1 and 10.")
	case len(r.EvaluateOnExit) > 5:
		return invalid("Up to 5 evaluateOnExit condition can be specified.")
	}
	for _, e := range r.EvaluateOnExit {
		if e.OnExitCode == "" && e.OnReason == "" && e.OnStatusReason == "" {
			return invalid("EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason")
		}
		for _, c := range []struct{ pattern, characters string }{
			{e.OnExitCode, digits}, {e.OnReason, digits + letters + ".: \t\n\r\v\f"}, {e.OnStatusReason, digits + letters + ".: \t\n\r\v\f"},
		} {
			if len(c.pattern) > 512 {
				return invalid("Evaluate on exit condition cannot exceed 512 characters.")
			}
			if strings.Trim(strings.TrimSuffix(c.pattern, "*"), c.characters) != "" {
				return invalid("Evaluate on exit condition contains restricted characters.")
			}
		}
	}
	return nil
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func checkTimeout(t *batchapi.JobTimeout) error {
	if t != nil && deref(t.AttemptDurationSeconds) < 60 {
		return invalid("AttemptDurationSeconds in Timeout must be at least 60 seconds.")
	}
	return nil
}
