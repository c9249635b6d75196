package core

// ceiling is how many jobs of a definition, children of arrays among them, may be
// starting or running at once. What waits while that many do is passed over, as
// the children of an array are that has a ceiling of its own.
type ceiling struct {
	definition    int64
	most, running int32
	users         int           // jobs that have not ended
	lines         map[place]int // where how many of them wait
}

// place is where a job waits.
type place struct {
	queue *queue
	share *fairShare // nil in a queue without
	quota *quotaShare
}

func (c *ceiling) id() int64 {
	if c == nil {
		return 0
	}
	return c.definition
}

func (c *ceiling) full() bool { return c != nil && c.running >= c.most }

// ceilingOf returns the ceiling of a definition; nil if it has none. The first job
// that has one makes it.
func (s *State) ceilingOf(definition int64, most int32) *ceiling {
	if most == 0 {
		return nil
	}
	c := s.ceilings[definition]
	if c == nil {
		c = &ceiling{definition: definition, most: most, lines: make(map[place]int)}
		s.ceilings[definition] = c
	}
	return c
}

// use counts the jobs that have the ceiling.
func (s *State) use(c *ceiling, n int) {
	if c == nil {
		return
	}
	if c.users += n; c.users == 0 {
		delete(s.ceilings, c.definition)
	}
}

// wait counts where jobs wait that have the ceiling.
func (c *ceiling) wait(j *job, n int) {
	if c == nil {
		return
	}
	at := place{j.queue, j.share, j.quota}
	if c.lines[at] += n; c.lines[at] == 0 {
		delete(c.lines, at)
	}
}

// count adds to how many jobs run, wherever that is limited.
func (j *job) count(n int32) {
	j.queue.running += n
	j.queue.wanted++ // what limits how many may start has changed
	if share := j.share; share != nil {
		share.running += n
		if j.queue.row.Settings.ShareMaxRunning > 0 {
			j.tellShare()
		}
	}
	c := j.ceiling
	if c == nil {
		return
	}
	was := c.full()
	if c.running += n; c.full() == was {
		return
	}
	for at := range c.lines { // in any order: each line is another's business
		of := at.queue.lineOf(at)
		of.Shut(func(k class) bool { return k.ceiling == c }, c.full())
		at.queue.tellOf(at.share)
	}
}

func (q *queue) lineOf(at place) *line {
	switch {
	case at.share != nil:
		return &at.share.waiting
	case at.quota != nil:
		return &at.quota.waiting
	}
	return &q.waiting
}

// full reports whether fewer than that many more jobs of the queue may start.
func (q *queue) full(more int32) bool {
	return q.row.Settings.MaxRunning > 0 && q.running+more > q.row.Settings.MaxRunning
}

// full is the same of the jobs of a share.
func (share *fairShare) full(q *queue, more int32) bool {
	most := q.row.Settings.ShareMaxRunning
	return share != nil && most > 0 && share.running+more > most
}

// checkCeilings recounts what runs where that is limited.
func (s *State) checkCeilings(bad func(string, ...any)) {
	running := make(map[any]int32)
	users := make(map[*ceiling]int)
	lines := make(map[*ceiling]map[place]int)
	for _, j := range s.jobs {
		if j.isNode() {
			continue
		}
		if c := j.ceiling; c != nil && j.parent == nil {
			users[c]++
			if lines[c] == nil {
				lines[c] = make(map[place]int)
			}
			if j.waitsToStart() {
				lines[c][place{j.queue, j.share, j.quota}]++
			}
		}
		if j.state.Live() {
			running[j.queue]++
			if j.share != nil {
				running[j.share]++
			}
			if j.ceiling != nil {
				running[j.ceiling]++
			}
		}
	}
	for _, q := range s.queueList {
		if q.running != running[q] {
			bad("queue %s counts %d jobs that run, a recount says %d", q.row.Name, q.running, running[q])
		}
		for _, share := range q.fairShares() {
			if share.running != running[share] {
				bad("share %s of queue %s counts %d jobs that run, a recount says %d", share.Name, q.row.Name, share.running, running[share])
			}
		}
	}
	for id, c := range s.ceilings {
		if c.definition != id || c.users != users[c] || c.running != running[c] || len(c.lines) != len(lines[c]) {
			bad("definition %d counts %d jobs and %d that run, a recount says %d and %d", id, c.users, c.running, users[c], running[c])
		}
		if c.running > c.most {
			bad("%d jobs of definition %d run, %d may", c.running, id, c.most)
		}
		for at, n := range c.lines {
			if lines[c][at] != n {
				bad("definition %d has %d jobs waiting in queue %s, a recount says %d", id, n, at.queue.row.Name, lines[c][at])
			}
		}
	}
	if len(users) != len(s.ceilings) {
		bad("%d definitions have a ceiling, %d are known", len(users), len(s.ceilings))
	}
}
