package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"golang.org/x/sys/unix"
)

// points are the moments with a name at which the server is killed, and how
// often it comes there in a second or so, roughly.
var points = map[string]int{
	"commit.before": 40, "commit.after": 40, // around the commit of a round
	"store.write": 40, "store.commit": 40, // in its transaction, before the first change and behind the last
	"reply.before": 40, "reply.next": 60, // before the first reply of a round, and before each
	"effect.next":  20,                    // before each effect of a round
	"start.before": 15, "start.after": 15, // around the driver's start of a container
	"running.report": 15,
	"flush.before":   15,                   // all output is read, and not all of it durable
	"logs.before":    20, "logs.after": 20, // around a commit of the log store
	"ended.report":  15,                     // the end is known, and not reported
	"remove.before": 15, "remove.after": 15, // the end is durable, what the driver holds is not removed; is
	"events.delivered": 10, "events.removed": 10,
	"checkpoint.half": 1, "checkpoint.done": 1,
}

// campaign takes a server away again and again, and counts how.
type campaign struct {
	s      *server
	rng    *rand.Rand
	counts map[string]int
	space  bool // its disk is one that may be filled
}

func newCampaign(s *server) *campaign {
	return &campaign{s: s, rng: rand.New(rand.NewPCG(uint64(*seed), 12)), counts: make(map[string]int)}
}

// TestTorture kills the server at moments with names and at random ones, tears
// what it may not have written, takes its disk space away, has its writes fail
// and sets its clock, while clients are busy; and accounts for all that they
// asked for.
func TestTorture(t *testing.T) {
	t.Parallel()
	s := newServer(t, "process")
	c := newCampaign(s)
	c.space = s.smallDisk("size=2g") == nil
	s.start()
	if err := s.setUp(t.Context(), 16, "unused"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.journal = t.TempDir()
	l := &load{pace: *pause}
	var hang []*order
	if *crashes >= 50 {
		for i := range 3 {
			o := &order{name: "hang-" + strconv.Itoa(i), timeout: 60, gate: filepath.Join(s.marks, "never"), attempts: 3, journal: s.journal}
			if err := o.submit(t.Context(), s.client, s.marks); err != nil {
				t.Fatal(err)
			}
			hang = append(hang, o)
		}
	}
	kept := kills(t, s, l, 3, *crashes, c.strike, hang...)
	c.report(l, kept, time.Since(began))
}

// strike does one bad thing to the server, and has it answer again, armed for the
// next one perhaps.
func (c *campaign) strike(ctx context.Context) {
	s := c.s
	switch n := c.rng.IntN(40); {
	case s.fault != "":
		c.point(ctx)
	case n < 18:
		pace(ctx, c.rng, 1000)
		c.counts["at random"]++
		s.kill()
	case n < 22:
		c.counts["at random, again while it starts"]++
		s.kill()
		s.launch()
		pace(ctx, c.rng, 150)
		s.kill()
	case n < 25:
		c.counts["in order (SIGTERM)"]++
		s.stop()
	case n < 30 && c.space:
		c.noSpace(ctx)
	case n < 35:
		c.writesFail(ctx)
	default:
		c.setClock(ctx)
	}
	if s.down() {
		if c.rng.IntN(3) == 0 {
			c.tear()
		}
		s.fault = ""
		if c.rng.IntN(100) < 65 {
			c.arm()
		}
		s.start()
	}
}

// arm has the next process kill itself when it comes to a point.
func (c *campaign) arm() {
	names := slices.Sorted(maps.Keys(points))
	name := names[c.rng.IntN(len(names))]
	c.s.fault = fmt.Sprintf("%s:%d", name, 1+c.rng.IntN(points[name]))
	if strings.HasPrefix(name, "commit.") || strings.HasPrefix(name, "store.") || strings.HasPrefix(name, "logs.") {
		if c.rng.IntN(2) == 0 { // in the middle of what comes next
			c.s.fault += fmt.Sprintf(":%dus", c.rng.IntN(1500))
		}
	}
}

// point waits for the server to come to its point.
func (c *campaign) point(ctx context.Context) {
	s := c.s
	select {
	case <-s.exited:
	case <-time.After(4 * time.Second):
	case <-ctx.Done():
	}
	if !s.down() {
		c.counts["at random, a point not reached in time"]++
		s.kill()
		return
	}
	if !killed(s.cmd.ProcessState) {
		s.t.Errorf("with %s the server ended by itself: %v", s.fault, s.cmd.ProcessState)
	}
	name, _, _ := strings.Cut(s.fault, ":")
	c.counts[name]++
}

// tear leaves behind the write-ahead logs what a power cut leaves of a
// transaction that was being written: pieces of frames.
func (c *campaign) tear() {
	for _, path := range []string{filepath.Join(c.s.data, "barge.db-wal"), filepath.Join(c.s.data, "logs", "logs.db-wal")} {
		text, err := os.ReadFile(path)
		if err != nil || len(text) < walHeader+walFrame {
			continue
		}
		last := walHeader + (len(text)-walHeader)/walFrame*walFrame
		torn := slices.Clone(text[last-walFrame : last]) // with the right salt
		for range 1 + c.rng.IntN(8) {
			torn[24+c.rng.IntN(len(torn)-24)] ^= byte(1 + c.rng.IntN(255))
		}
		torn = append(torn, torn[:c.rng.IntN(len(torn))]...)
		torn = torn[:1+c.rng.IntN(len(torn))]
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(torn, int64(last))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			c.s.t.Fatal(err)
		}
	}
	c.counts["with torn logs behind the last commit"]++
}

// Of SQLite's write-ahead log: its header, and a page with the header of its
// frame. https://sqlite.org/fileformat2.html#the_write_ahead_log
const walHeader, walFrame = 32, 24 + 4096

// noSpace fills the disk for a moment.
func (c *campaign) noSpace(ctx context.Context) {
	ballast := filepath.Join(c.s.data, "ballast")
	fill(c.s.t, ballast)
	pace(ctx, c.rng, 600)
	if c.rng.IntN(2) == 0 {
		c.s.kill()
		c.counts["no space, killed"]++
	} else {
		c.counts["no space, and go on"]++
	}
	if err := os.Remove(ballast); err != nil {
		c.s.t.Fatal(err)
	}
}

// writesFail has all writes fail that make a file longer than 4 KiB, as with a
// disk that does not write any more (the kernel says EFBIG, SQLite an I/O error).
func (c *campaign) writesFail(ctx context.Context) {
	pid, none := c.s.cmd.Process.Pid, uint64(unix.RLIM_INFINITY)
	limit := func(n uint64) {
		if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: none}, nil); err != nil {
			c.s.t.Errorf("limit the size of files: %v", err)
		}
	}
	limit(4096)
	pace(ctx, c.rng, 800)
	if c.s.down() { // it gives up after some tries, and that is well
		c.counts["writes fail, given up"]++
		return
	}
	if c.rng.IntN(2) == 0 {
		c.s.kill()
		c.counts["writes fail, killed"]++
		return
	}
	limit(none)
	c.counts["writes fail, and go on"]++
}

// setClock sets the server's clock while it runs.
func (c *campaign) setClock(ctx context.Context) {
	skew := time.Duration(c.rng.IntN(10*3600)-5*3600) * time.Second
	if err := os.WriteFile(c.s.clock, []byte(skew.String()), 0o600); err != nil {
		c.s.t.Fatal(err)
	}
	c.counts["clock set"]++
	pace(ctx, c.rng, 1000)
}

// report prints what was done.
func (c *campaign) report(l *load, kept tally, took time.Duration) {
	var b strings.Builder
	killed := 0
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, c.counts[name])
		switch _, named := points[name]; {
		case named, strings.HasPrefix(name, "at random"), strings.HasSuffix(name, "killed"):
			killed += c.counts[name]
		}
	}
	killed += c.counts["at random, again while it starts"] // twice
	c.s.t.Logf("-seed=%d -crashes=%d\n\n| what happened to the server | times |\n| --- | ---: |\n%s\n"+
		"%d times killed by SIGKILL in %.0f s. Of %d submits %d were acknowledged, of %d ends of jobs %d. "+
		"%d orders are %d jobs that ran in %d attempts, told by %d events. %d violations.",
		*seed, *crashes, b.String(), killed, took.Seconds(), l.saw[0]+l.saw[1], l.saw[0], l.saw[2]+l.saw[3], l.saw[2],
		kept.orders, kept.jobs, kept.attempts, kept.events, kept.wrong)
}

// kills strikes the server so many times under the load of so many submitters,
// and accounts for all that they asked for.
func kills(t *testing.T, s *server, l *load, submitters, crashes int, strike func(context.Context), more ...*order) tally {
	t.Helper()
	t.Logf("-seed=%d, %d crashes", *seed, crashes)
	rng := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(*seed), n)) }
	l.t, l.s, l.last = t, s, make(map[string]types.JobStatus)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range submitters {
		clients.Go(func() { l.submitter(ctx, rng(uint64(i)), i) })
	}
	clients.Go(func() { l.ender(ctx, rng(10)) })
	clients.Go(func() { l.describer(ctx, rng(11)) })

	for range crashes {
		strike(ctx)
	}
	s.kill()
	s.fault = ""
	s.start()
	cancel()
	clients.Wait()
	l.orders = append(l.orders, more...)
	kept := s.account(t, l.orders)
	if l.saw[0] < crashes {
		t.Errorf("only %d submits were acknowledged over %d strikes: that shows little", l.saw[0], crashes)
	}
	return kept
}
