package crash

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// script is what all jobs run. It writes down that an attempt began, prints
// LINES numbered lines with a pause of PAUSE seconds behind each, waits for the
// file GATE, writes down that the attempt has come to its end, and exits with 3
// before attempt GOOD and as the child BAD of an array, else with 0. Where there
// is no MARKS it writes nothing down.
//
// In the directory JOURNAL all jobs write to one file, in the order in which
// things happen, by a clock that nobody sets; and an attempt holds a lock as
// long as it or a child of it lives.
const script = `
if [ "$MARKS" ]; then echo $AWS_BATCH_JOB_ATTEMPT >>"$MARKS/$AWS_BATCH_JOB_ID"; fi
note() {
	if [ "$JOURNAL" ]; then
		read up rest </proc/uptime
		echo "$1 $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT $up $2" >>"$JOURNAL/log"
	fi
}
if [ "$JOURNAL" ]; then
	exec 2>/dev/null # where a shell with a trap says that its child was terminated
	exec 9>>"$JOURNAL/lock-$AWS_BATCH_JOB_ID"
	flock -n 9 || note twice
	note begin
	trap 'note term; exit 143' TERM
fi
i=0
while [ $i -lt $LINES ]; do
	i=$((i + 1))
	echo "attempt $AWS_BATCH_JOB_ATTEMPT, line $i of $LINES"
	if [ "$PAUSE" ]; then sleep $PAUSE; fi
done
while [ "$GATE" ] && [ ! -e "$GATE" ] && [ $AWS_BATCH_JOB_ATTEMPT -le $GATED ]; do sleep 0.1; done
code=0
if [ $AWS_BATCH_JOB_ATTEMPT -lt $GOOD ] || [ "$AWS_BATCH_JOB_ARRAY_INDEX" = "$BAD" ]; then code=3; fi
if [ "$MARKS" ]; then echo $AWS_BATCH_JOB_ATTEMPT >>"$MARKS/$AWS_BATCH_JOB_ID.end"; fi
note end $code
exit $code`

// order is a job that was asked for.
type order struct {
	lines    int
	pause    string // seconds
	attempts int    // at most
	good     int    // the first attempt that exits with 0; 1 if zero
	size     int    // of an array, or zero
	bad      int    // the child of an array that exits with 3, from 1; or zero
	gate     string // a file to wait for
	gated    int    // the last attempt that waits for it; all of them if zero
	timeout  int32  // of an attempt, in seconds; none if zero
	after    *order // what it depends on, which has an answer; or nil
	journal  string // a directory for what all jobs write down; or empty

	name string
	// insists says that it is asked for again with the same token until there
	// is an answer.
	insists bool
	id      string // empty when there was no answer
	// ended says that somebody has asked for its end, so it may have come
	// early.
	ended bool
}

// submit asks for the job. No answer is an error, and leaves no id.
func (o *order) submit(ctx context.Context, c *client, marks string) error {
	variable := func(name, value string) types.KeyValuePair {
		return types.KeyValuePair{Name: aws.String(name), Value: aws.String(value)}
	}
	gated := o.gated
	if gated == 0 {
		gated = 99
	}
	in := &batch.SubmitJobInput{
		JobName: &o.name, JobQueue: aws.String(name), JobDefinition: aws.String(name),
		RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(int32(max(1, o.attempts)))},
		ContainerOverrides: &types.ContainerOverrides{Environment: []types.KeyValuePair{
			variable("LINES", strconv.Itoa(o.lines)), variable("PAUSE", o.pause), variable("GOOD", strconv.Itoa(max(1, o.good))),
			variable("BAD", strconv.Itoa(o.bad-1)), variable("GATE", o.gate), variable("GATED", strconv.Itoa(gated)), variable("MARKS", marks),
			variable("JOURNAL", o.journal),
		}},
	}
	if o.timeout > 0 {
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: &o.timeout}
	}
	if o.after != nil {
		in.DependsOn = []types.JobDependency{{JobId: &o.after.id}}
	}
	if o.insists {
		in.Tags = map[string]string{"barge:client-token": o.name}
	}
	if o.size > 0 {
		in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(int32(o.size))}
	}
	out, err := c.batch.SubmitJob(ctx, in)
	if err != nil {
		return err
	}
	o.id = *out.JobId // of another job, where a token did not do: then both are listed
	return nil
}

// ids are those of the jobs that run: the job's own, or its children's.
func (o *order) ids() []string {
	if o.size == 0 {
		return []string{o.id}
	}
	ids := make([]string, o.size)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s:%d", o.id, i)
	}
	return ids
}

// codes are the exit codes of the attempts of a job that is left alone. child is
// counted from 1, and 0 for a job that is no child.
func (o *order) codes(child int) []int32 {
	if o.timeout > 0 {
		return []int32{143}
	}
	var codes []int32
	for n := 1; n <= max(1, o.attempts); n++ {
		if n < o.good || child > 0 && child == o.bad {
			codes = append(codes, 3)
			continue
		}
		return append(codes, 0)
	}
	return codes
}

// output is what an attempt prints when it is left alone.
func (o *order) output(attempt int) []string {
	var lines []string
	for i := 1; i <= o.lines; i++ {
		lines = append(lines, fmt.Sprintf("attempt %d, line %d of %d", attempt, i, o.lines))
	}
	return lines
}
