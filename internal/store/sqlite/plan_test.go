package sqlite

import (
	"strings"
	"testing"
)

// TestPlans checks that no read looks at more than it returns. Those of jobs by
// queue name their index, so that they fail to prepare without it.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, t.TempDir())
	defer s.Close()
	for _, c := range []struct {
		name, text string
		want       string
	}{
		{
			"the last revision of each name", `SELECT name, max(revision) FROM definitions GROUP BY name`,
			"SCAN definitions USING COVERING INDEX sqlite_autoindex_definitions_1",
		},
		{"active definitions from a name on", `SELECT * FROM definitions WHERE active = 1 AND name >= 'x' AND (name > 'x' OR revision < 3)
			ORDER BY name, revision DESC LIMIT 10`, "SEARCH definitions USING INDEX sqlite_autoindex_definitions_1 (name>?)"},
		{
			"the children of an array", `SELECT * FROM jobs j WHERE j.id = x'00' AND j.child > 5 AND j.state = 2 ORDER BY j.child LIMIT 10`,
			"SEARCH j USING INDEX sqlite_autoindex_jobs_1 (id=? AND child>?)",
		},
		{
			"a page of a queue", `SELECT * FROM jobs j INDEXED BY jobs_by_queue JOIN job_specs s ON s.seq = j.seq
			WHERE j.child = 0 AND j.queue = 1 AND j.state = 2 AND j.seq < 9 ORDER BY j.seq DESC LIMIT 10`,
			"SEARCH j USING INDEX jobs_by_queue (queue=? AND state=? AND seq<?)\nSEARCH s USING INTEGER PRIMARY KEY (rowid=?)",
		},
		{
			"the costs of the latest hour", `SELECT ` + costColumns + ` FROM costs WHERE hour = (SELECT max(hour) FROM costs)`,
			"SEARCH costs USING PRIMARY KEY (hour=?)\nSCALAR SUBQUERY 1\nSEARCH costs USING PRIMARY KEY",
		},
		{
			"a page of ended instances", `SELECT * FROM hosts INDEXED BY hosts_ended
			WHERE state = 5 AND (ended_at, id) > (1, 2) AND ended_at < 9 ORDER BY ended_at, id LIMIT 10`,
			"SEARCH hosts USING INDEX hosts_ended (ended_at>? AND ended_at<?)",
		},
		{
			"a page of costs", `SELECT * FROM costs WHERE (hour, queue, environment, definition, share) > (1, 2, 3, 4, 'x') AND hour < 9
			ORDER BY hour, queue, environment, definition, share LIMIT 10`, "SEARCH costs USING PRIMARY KEY ((hour,queue,environment,definition,share)>(?,?,?,?,?) AND hour<?)",
		},
		{
			"a page of costs of jobs", `SELECT * FROM jobs j INDEXED BY ended_jobs JOIN job_specs n ON n.seq = j.seq
			WHERE j.child = 0 AND j.state >= 6 AND (j.stopped_at, j.seq) > (1, 2) AND j.stopped_at < 9 ORDER BY j.stopped_at, j.seq LIMIT 10`,
			"SEARCH j USING INDEX ended_jobs (stopped_at>? AND stopped_at<?)\nSEARCH n USING INTEGER PRIMARY KEY (rowid=?)",
		},
		{
			"active children", `SELECT * FROM jobs INDEXED BY active_children WHERE child > 0 AND state < 6 ORDER BY seq`,
			"SCAN jobs USING INDEX active_children",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			if err := s.writer.query(t.Context(), "EXPLAIN QUERY PLAN "+c.text, func(r record) error {
				got = append(got, r.text(3))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if plan := strings.Join(got, "\n"); plan != c.want {
				t.Errorf("the plan is\n%s\nwant\n%s", plan, c.want)
			}
		})
	}
}
