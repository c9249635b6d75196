package retry

import "testing"

func TestAgain(t *testing.T) {
	t.Parallel()
	const (
		exited = "Essential container in task exited"
		spot   = "Host EC2 (instance i-0123456789abcdef0) terminated."
	)
	// The recipe of AWS's best practices: retry when the host is lost, else give up.
	recipe := []Rule{{OnStatusReason: "Host EC2*"}, {OnReason: "*", Exit: true}}
	for _, c := range []struct {
		name     string
		rules    []Rule
		attempt  int
		attempts int
		end      End
		want     bool
	}{
		{"no rules, attempts left", nil, 1, 2, End{ExitCode: "1"}, true},
		{"no rules, no attempts left", nil, 2, 2, End{ExitCode: "1"}, false},
		{"the recipe retries a lost host", recipe, 1, 3, End{StatusReason: spot}, true},
		{"the recipe gives up on an exit without a reason", recipe, 1, 3, End{ExitCode: "1", StatusReason: exited}, false},
		{"a rule that says retry gives no further attempts", recipe, 3, 3, End{StatusReason: spot}, false},
		{"no rule matches: again", []Rule{{OnExitCode: "7", Exit: true}}, 1, 2, End{ExitCode: "8"}, true},
		{"the first match decides", []Rule{{OnExitCode: "1*"}, {OnExitCode: "137", Exit: true}}, 1, 2, End{ExitCode: "137"}, true},
		{"all conditions must hold", []Rule{{OnExitCode: "1", OnReason: "Out*", Exit: true}}, 1, 2, End{ExitCode: "1", Reason: "other"}, true},
		{"whole match without an asterisk", []Rule{{OnStatusReason: "Host EC2", Exit: true}}, 1, 2, End{StatusReason: spot}, true},
		{"case matters", []Rule{{OnStatusReason: "host ec2*", Exit: true}}, 1, 2, End{StatusReason: spot}, true},
		{"a missing exit code is not 0", []Rule{{OnExitCode: "0", Exit: true}}, 1, 2, End{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Again(c.rules, c.attempt, c.attempts, c.end); got != c.want {
				t.Errorf("Again(attempt %d of %d, %+v) = %t, want %t", c.attempt, c.attempts, c.end, got, c.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		backoff Backoff
		want    [5]int64 // after attempts 1, 2, 3, 9 and 10
	}{
		{"none", Backoff{}, [5]int64{}},
		{"the same each time", Backoff{First: 10}, [5]int64{10, 10, 10, 10, 10}},
		{"double", Backoff{First: 10, Factor: 2}, [5]int64{10, 20, 40, 2560, 5120}},
		{"double, limited", Backoff{First: 10, Factor: 2, Most: 35}, [5]int64{10, 20, 35, 35, 35}},
		{"limited below the first", Backoff{First: 10, Most: 7}, [5]int64{7, 7, 7, 7, 7}},
		{"a limit that is met exactly", Backoff{First: 10, Factor: 2, Most: 40}, [5]int64{10, 20, 40, 40, 40}},
		{"a day at the most", Backoff{First: 1000, Factor: 100}, [5]int64{1000, 100_000, 10_000_000, LongestPause, LongestPause}},
		{"no overflow", Backoff{First: LongestPause, Factor: 1 << 62, Most: 1 << 62}, [5]int64{LongestPause, LongestPause, LongestPause, LongestPause, LongestPause}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got [5]int64
			for i, attempt := range [5]int{1, 2, 3, 9, 10} {
				got[i] = c.backoff.After(attempt)
			}
			if got != c.want {
				t.Errorf("%+v pauses %v, want %v", c.backoff, got, c.want)
			}
		})
	}
}
