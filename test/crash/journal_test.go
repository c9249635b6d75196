package crash

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// note is a line that an attempt has written into the journal of all jobs.
type note struct {
	verb    string // begin, end, term, twice
	job     string
	attempt int
	at      float64 // seconds since the machine was started
	code    int32   // of an end
}

// readJournal reads what jobs have written down, in the order in which they did.
func readJournal(t *testing.T, dir string) []note {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	var notes []note
	for line := range bytes.Lines(text) {
		var n note
		got, err := fmt.Sscan(string(line), &n.verb, &n.job, &n.attempt, &n.at, &n.code)
		if got < 4 || n.verb == "end" && got < 5 {
			t.Fatalf("the journal has a line %q: %v", line, err)
		}
		notes = append(notes, n)
	}
	return notes
}

// ledger is what the journal says about one job.
type ledger struct {
	notes []note
	begun []int // attempts, in the order in which they began
}

// judge compares what jobs have written down themselves with what was asked for
// and what the server says of them in the end. It knows nothing of how Barge
// works. It returns what is wrong, in sentences.
func judge(notes []note, orders []*order, jobs map[string]types.JobDetail) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	place := make(map[string]int) // of a job's last end
	ledgers := make(map[string]*ledger)
	for i, n := range notes {
		l := ledgers[n.job]
		if l == nil {
			l = new(ledger)
			ledgers[n.job] = l
			if _, known := jobs[n.job]; !known {
				bad("job %s ran, and nobody knows of it", n.job)
			}
		}
		switch n.verb {
		case "begin":
			if k := len(l.begun); k > 0 && n.attempt <= l.begun[k-1] {
				bad("attempt %d of job %s began after attempt %d", n.attempt, n.job, l.begun[k-1])
			}
			if k := len(l.notes); k > 0 && l.notes[k-1].verb == "begin" {
				bad("attempt %d of job %s began before attempt %d had ended", n.attempt, n.job, l.notes[k-1].attempt)
			}
			l.begun = append(l.begun, n.attempt)
		case "end":
			place[n.job] = i
		case "twice":
			bad("attempt %d of job %s found another one of it alive", n.attempt, n.job)
		}
		l.notes = append(l.notes, n)
	}
	for _, o := range orders {
		for _, id := range o.ids() {
			l := ledgers[id]
			if l == nil {
				l = new(ledger)
			}
			j, ok := jobs[id]
			if !ok {
				bad("job %s was acknowledged and is lost", id)
				continue
			}
			wrong = append(wrong, l.judge(o, j)...)
			if o.after != nil {
				wrong = append(wrong, follows(o, j, jobs[o.after.id], notes, place)...)
			}
		}
	}
	return wrong
}

// judge looks at one job.
func (l *ledger) judge(o *order, j types.JobDetail) (wrong []string) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("job %s (%s, %s): ", *j.JobId, j.Status, aws.ToString(j.StatusReason))+fmt.Sprintf(format, args...))
	}
	if !over(j.Status) {
		bad("it has not ended")
	}
	if most := max(1, o.attempts); len(l.begun) > most || len(j.Attempts) > most {
		bad("%d attempts began and it is said to have had %d, of %d at most", len(l.begun), len(j.Attempts), most)
	}
	codes := exitCodes(j)
	for _, n := range l.notes {
		if n.attempt > len(codes) {
			bad("attempt %d wrote %q, and it is said to have had %d", n.attempt, n.verb, len(codes))
			continue
		}
		// What is ended at the very moment of its end has another code.
		if n.verb == "end" && codes[n.attempt-1] != n.code && (!o.ended || n.attempt < len(codes)) {
			bad("attempt %d exited with %d and is said to have exited with %d", n.attempt, n.code, codes[n.attempt-1])
		}
	}
	for i, code := range codes {
		if natural := code == 0 || code == 3; natural && !slices.ContainsFunc(l.notes, func(n note) bool {
			return n.verb == "end" && n.attempt == i+1 && n.code == code
		}) {
			bad("attempt %d is said to have exited with %d, and never came to its end", i+1, code)
		}
	}
	if o.timeout > 0 {
		l.timed(o, j, bad)
	}
	return wrong
}

const (
	// How early an attempt may be timed out while clocks are set: an eighth.
	early = 7.0 / 8
	// How late: an eighth, and what a server needs that is being killed, in
	// seconds.
	late, slack = 9.0 / 8, 45.0
)

// timed looks at a job that only its timeout ends.
func (l *ledger) timed(o *order, j types.JobDetail, bad func(string, ...any)) {
	if o.ended {
		return
	}
	if j.Status != types.JobStatusFailed || aws.ToString(j.StatusReason) != "Job attempt duration exceeded timeout" || len(l.begun) != 1 {
		bad("after %d attempts, want one that was timed out", len(l.begun))
		return
	}
	last := l.notes[len(l.notes)-1]
	if took := last.at - l.notes[0].at; last.verb != "term" || took < early*float64(o.timeout)-1 || took > late*float64(o.timeout)+slack {
		bad("it went on for %.1f s until its %s; its timeout is %d s", took, last.verb, o.timeout)
	}
}

// follows looks at a job that depends on another.
func follows(o *order, j, before types.JobDetail, notes []note, place map[string]int) (wrong []string) {
	first := slices.IndexFunc(notes, func(n note) bool { return n.job == *j.JobId })
	if first < 0 {
		return nil
	}
	if before.Status != types.JobStatusSucceeded {
		return []string{fmt.Sprintf("job %s ran although %s, on which it depends, is %s", *j.JobId, o.after.id, before.Status)}
	}
	for _, id := range o.after.ids() {
		if end, ok := place[id]; !ok || end > first {
			wrong = append(wrong, fmt.Sprintf("job %s began before %s had ended, on which it depends", *j.JobId, id))
		}
	}
	return wrong
}

// TestJudge: what is wrong is found.
func TestJudge(t *testing.T) {
	t.Parallel()
	detail := func(id string, status types.JobStatus, reason string, codes ...int32) types.JobDetail {
		j := types.JobDetail{JobId: &id, Status: status, StatusReason: &reason}
		for _, code := range codes {
			a := types.AttemptDetail{Container: &types.AttemptContainerDetail{ExitCode: &code}}
			if code < 0 {
				a.Container.ExitCode = nil
			}
			j.Attempts = append(j.Attempts, a)
		}
		return j
	}
	const (
		good, failed = types.JobStatusSucceeded, types.JobStatusFailed
		timedOut     = "Job attempt duration exceeded timeout"
	)
	a, b := &order{id: "a", attempts: 2}, &order{id: "b", after: &order{id: "a"}}
	for name, c := range map[string]struct {
		journal string
		orders  []*order
		jobs    []types.JobDetail
		want    string // empty where nothing is wrong
	}{
		"good":               {"begin a 1 1.0, end a 1 2.0 3, begin a 2 3.0, end a 2 4.0 0", []*order{a}, []types.JobDetail{detail("a", good, "", 3, 0)}, ""},
		"lost":               {"", []*order{a}, nil, "acknowledged and is lost"},
		"unknown":            {"begin x 1 1.0, end x 1 2.0 0", nil, nil, "nobody knows"},
		"twice":              {"begin a 1 1.0, begin a 1 1.5, end a 1 2.0 0, end a 1 2.5 0", []*order{a}, []types.JobDetail{detail("a", good, "", 0)}, "began after attempt 1"},
		"at once":            {"begin a 1 1.0, begin a 2 1.5, end a 1 2.0 3, end a 2 2.5 0", []*order{a}, []types.JobDetail{detail("a", good, "", 3, 0)}, "before attempt 1 had ended"},
		"alive":              {"begin a 1 1.0, end a 1 2.0 3, twice a 2 3.0, begin a 2 3.0, end a 2 4.0 0", []*order{a}, []types.JobDetail{detail("a", good, "", 3, 0)}, "alive"},
		"too many":           {"begin a 1 1.0, end a 1 2.0 3, begin a 2 3.0, end a 2 4.0 3, begin a 3 5.0, end a 3 6.0 0", []*order{a}, []types.JobDetail{detail("a", good, "", 3, 3, 0)}, "2 at most"},
		"false code":         {"begin a 1 1.0, end a 1 2.0 3", []*order{a}, []types.JobDetail{detail("a", good, "", 0)}, "is said to have exited with 0"},
		"never ended":        {"begin a 1 1.0", []*order{a}, []types.JobDetail{detail("a", good, "", 0)}, "never came to its end"},
		"still running":      {"begin a 1 1.0", []*order{a}, []types.JobDetail{detail("a", types.JobStatusRunning, "")}, "has not ended"},
		"too early":          {"begin a 1 1.0, begin b 1 1.5, end b 1 1.8 0, end a 1 2.0 0", []*order{a, b}, []types.JobDetail{detail("a", good, "", 0), detail("b", good, "", 0)}, "began before a had ended"},
		"in spite of":        {"begin a 1 1.0, end a 1 2.0 3, begin b 1 2.5, end b 1 2.8 0", []*order{a, b}, []types.JobDetail{detail("a", failed, "", 3), detail("b", good, "", 0)}, "although a"},
		"timed out":          {"begin a 1 1.0, term a 1 61.5", []*order{{id: "a", timeout: 60}}, []types.JobDetail{detail("a", failed, timedOut, 143)}, ""},
		"timed out early":    {"begin a 1 1.0, term a 1 31.5", []*order{{id: "a", timeout: 60}}, []types.JobDetail{detail("a", failed, timedOut, 143)}, "went on for 30.5 s"},
		"timed out late":     {"begin a 1 1.0, term a 1 9999.0", []*order{{id: "a", timeout: 60}}, []types.JobDetail{detail("a", failed, timedOut, 143)}, "went on for 9998.0 s"},
		"timed out and more": {"begin a 1 1.0, term a 1 61.5, begin a 2 62.0, end a 2 63.0 0", []*order{{id: "a", timeout: 60, attempts: 2}}, []types.JobDetail{detail("a", good, "", 143, 0)}, "want one that was timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := strings.ReplaceAll(c.journal, ", ", "\n")
			if err := os.WriteFile(filepath.Join(dir, "log"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			jobs := make(map[string]types.JobDetail)
			for _, j := range c.jobs {
				jobs[*j.JobId] = j
			}
			got := strings.Join(judge(readJournal(t, dir), c.orders, jobs), "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}
