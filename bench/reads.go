package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reads are the requests that are timed with very many jobs stored. Each is made
// so often.
const reads = 50

// measureReads times what clients poll with on a data directory with many jobs:
// milliseconds as a client on this machine sees them, the answer read whole.
func (b *bench) measureReads(ctx context.Context, dir string, t *table) (err error) {
	s, err := b.serve(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	type request map[string]any
	var page struct{ JobSummaryList []struct{ JobID string } }
	if err = s.call(ctx, "listjobs", request{"jobQueue": "bench", "jobStatus": "RUNNABLE"}, &page); err != nil {
		return err
	}
	var ids []string
	for i := 0; i < len(page.JobSummaryList) && len(ids) < 100; i += max(1, len(page.JobSummaryList)/100) {
		ids = append(ids, page.JobSummaryList[i].JobID)
	}
	filter := func(name, value string) request {
		return request{"jobQueue": "bench", "filters": []request{{"name": name, "values": []string{value}}}}
	}
	for _, r := range []struct {
		name, operation string
		in              request
	}{
		{fmt.Sprintf("DescribeJobs of %d", len(ids)), "describejobs", request{"jobs": ids}},
		{"ListJobs, a page of 1,000", "listjobs", request{"jobQueue": "bench", "jobStatus": "RUNNABLE"}},
		{"… JOB_NAME, a page of 100", "listjobs", filter("JOB_NAME", "NIGHTLY-render-0042")},
		{"… JOB_NAME that begins so", "listjobs", filter("JOB_NAME", "nightly*")},
		{"… JOB_NAME of none", "listjobs", filter("JOB_NAME", "daily*")},
		{"… JOB_DEFINITION", "listjobs", filter("JOB_DEFINITION", "bench")},
		{"… AFTER_CREATED_AT", "listjobs", filter("AFTER_CREATED_AT", "1")},
	} {
		var took figures
		for range reads {
			began := time.Now()
			if err = s.call(ctx, r.operation, r.in, nil); err != nil {
				return err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
		t.row(r.name+", ms", "", fmt.Sprintf("%s (99%% %s)", short(took.median()), short(took.quantile(0.99))), "")
	}
	return nil
}
