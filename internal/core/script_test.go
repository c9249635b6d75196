package core

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/retry"
)

// TestScripts runs testdata/*.txt: inputs in words, what changed and what is to
// be done as the answer. `go test ./internal/core -rewrite` writes the answers.
//
// Each line is one input, stepped and followed by Place: `environment`,
// `queue`, `policy`, `fair` and `update-fair` (policies of shares), `update-…`, `delete-…`, `host`, `lost`, `submit`, `recall`, `prune` (with the names of
// jobs, as a store might propose them), `running`, `exit`, `cancel`, `terminate`,
// `consumable`, `quantity` and `unmake` (a consumable resource), `at` (sets
// the time, in seconds, and ticks; `clock` does not tick). `events` turns events on. `front` shows the first
// jobs of a queue, `uses` its shares, `costs` what
// jobs and hours have cost. `reload` rebuilds the state from its
// rows; hosts then register again. `j:1` is child 1 of array job j, `j@1` is
// node 1 of multi-node job j, `j#1` is the first attempt.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			for line := range strings.Lines(d.Input) {
				if line = strings.TrimSpace(line); line != "" {
					b.WriteString(w.run(t, line))
				}
			}
			return b.String()
		})
	})
}

// world is a state with names for its jobs, and the rows that a store would have.
type world struct {
	s     *State
	now   batch.Instant
	names map[string]batch.JobID
	ids   byte
	rows  *rows
	out   Output
}

func newWorld(*testing.T) *world {
	return &world{s: NewState(), names: make(map[string]batch.JobID), rows: newRows()}
}

func (w *world) run(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	args := make(map[string]string)
	var plain []string
	for _, word := range words[1:] {
		if k, v, ok := strings.Cut(word, "="); ok {
			args[k] = v
		} else {
			plain = append(plain, word)
		}
	}
	num := func(key string, otherwise int) int {
		if args[key] == "" {
			return otherwise
		}
		n, err := strconv.Atoi(args[key])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return n
	}
	var in Input
	var limits []TimeLimit
	for limit := range strings.FieldsFuncSeq(args["limit"], func(r rune) bool { return r == ',' }) {
		block, seconds, _ := strings.Cut(limit, ":")
		limits = append(limits, TimeLimit{Block: map[string]Block{"max": MaxResource, "requirement": JobRequirement, "capacity": Capacity, "service": ServiceMax, "quota": QuotaLimit}[block], Seconds: int32(mustInt(t, seconds))})
	}
	switch words[0] {
	case "environment":
		in = CreateEnvironment{Name: plain[0], Enabled: args["state"] != "disabled", MaxVCPU: int64(num("vcpu", 256)) * 1000, Machine: args["machine"] == "yes", Fargate: Fargate(num("fargate", 0)), Fleet: fleetOf(args, nil)}
	case "queue":
		in = CreateQueue{Name: plain[0], Enabled: args["state"] != "disabled", Priority: int32(num("priority", 1)), Environments: strings.Split(args["on"], ","), SchedulingPolicy: args["policy"], ServiceEnvironment: args["service"], TimeLimits: limits, Settings: QueueSettings{Backfill: args["order"] == "backfill", MaxRunning: int32(num("running", 0)), ShareMaxRunning: int32(num("share-running", 0))}}
		if args["on"] == "" {
			in = CreateQueue{Name: plain[0], Enabled: true, Priority: int32(num("priority", 0)), SchedulingPolicy: args["policy"], ServiceEnvironment: args["service"], TimeLimits: limits}
		}
	case "host":
		in = HostSeen{Environment: int64(num("environment", 1)), Name: plain[0], Capacity: batch.Resources{MilliVCPU: int64(num("vcpu", 4)) * 1000, MemoryMiB: int64(num("mem", 8192))}}
	case "lost":
		in = HostLost{Environment: int64(num("environment", 1)), Name: plain[0]}
	case "submit":
		w.ids++
		id := batch.JobID{15: w.ids}
		w.names[plain[0]] = id
		in = Submit{
			ID: id, Queue: args["queue"], Size: int32(num("size", 0)), MaxAttempts: int32(num("attempts", 1)), TimeoutSeconds: int32(num("timeout", 0)),
			Needs: batch.Resources{MilliVCPU: int64(num("vcpu", 1)) * 1000, MemoryMiB: int64(num("mem", 128))}, Retry: retry.Policy{Rules: rules(args["rules"]), Backoff: backoff(t, args["backoff"])},
			MaxRunning: int32(num("running", 0)), Definition: int64(num("definition", 0)), DefinitionMax: int32(num("definition-running", 0)), DependsOn: w.dependencies(t, args["after"], args["each"]), Sequential: args["sequential"] == "yes",
			Claim: claimOf(args["token"], args["request"]), Consumes: consumes(t, args["consumes"]),
			Fair: fairJobOf(t, args), Quota: quotaJob(t, args), Gang: gangOf(t, int32(num("nodes", 0)), int32(num("main", 0)), args["groups"]),
		}
	case "prune":
		in = w.prune(num("keep", 0), plain)
	case "recall":
		in = Recall{Claim: claimOf(args["token"], args["request"])}
	case "consumable":
		in = CreateConsumable{Name: plain[0], Spent: len(plain) > 1, Total: int64(num("total", 0))}
	case "quantity":
		ops := map[string]Operation{"set": Set, "add": Add, "remove": Remove}
		in = UpdateConsumable{Name: plain[0], Operation: ops[plain[1]], Quantity: int64(mustInt(t, plain[2])), Claim: claimOf(args["token"], plain[1]+plain[2])}
	case "unmake":
		in = DeleteConsumable{Name: plain[0]}
	case "seen", "fail", "gone", "notice":
		in = w.fleetInput(t, words[0], plain, args)
	case "running":
		in = AttemptRunning{Attempt: w.attempt(t, plain[0]), At: w.now}
	case "exit":
		ended := AttemptEnded{Attempt: w.attempt(t, plain[0]), StartedAt: w.now, StoppedAt: w.now, StatusReason: "Essential container in task exited", Reason: strings.ReplaceAll(args["reason"], "_", " ")}
		if args["code"] != "" {
			code := int32(num("code", 0))
			ended.ExitCode = &code
		}
		if args["status"] != "" {
			ended.StatusReason = strings.ReplaceAll(args["status"], "_", " ")
		}
		in = ended
	case "cancel":
		in = Cancel{Job: w.job(t, plain[0]), Reason: strings.Join(plain[1:], " ")}
	case "terminate":
		in = Terminate{Job: w.job(t, plain[0]), Reason: strings.Join(plain[1:], " ")}
	case "at":
		w.now = batch.Instant(0).Add(time.Duration(mustInt(t, plain[0])) * time.Second)
		in = Tick{}
	case "clock":
		w.now = batch.Instant(0).Add(time.Duration(mustInt(t, plain[0])) * time.Second)
		return ""
	case "events":
		w.out.Events = plain[0] == "on"
		return ""
	case "why":
		return w.why(w.job(t, plain[0]))
	case "settings": // of a queue
		in = PutTags{Of: Tagged{TagQueue, w.s.queueNames[plain[0]].row.ID}, Queue: &QueueSettings{Backfill: args["order"] == "backfill", MaxRunning: int32(num("running", 0)), ShareMaxRunning: int32(num("share-running", 0))}}
	case "front":
		return w.front(plain[0])
	case "uses":
		return w.uses(plain[0])
	case "costs":
		return w.costs()
	case "reload":
		return w.reload(t)
	default:
		if in = w.change(t, words[0], plain, args); in == nil {
			in = w.serviceInput(t, words[0], plain, args)
		}
	}
	return w.step(t, in)
}

func (w *world) step(t *testing.T, in Input) string {
	t.Helper()
	w.out.Reset()
	if err := w.s.Step(w.now, in, &w.out); err != nil {
		if len(w.out.Changes)+len(w.out.Effects) > 0 {
			t.Errorf("a rejected input has left changes")
		}
		return "rejected: " + err.Error() + "\n"
	}
	for w.s.Place(w.now, 100, &w.out) {
	}
	if err := w.s.Check(); err != nil {
		t.Errorf("after %#v: %v", in, err)
	}
	text := w.describe()
	if id := w.out.Reply.Job; id != (batch.JobID{}) && len(w.out.Changes) == 0 {
		text += "it is " + w.name(batch.JobRef{ID: id}) + "\n"
	}
	for _, c := range w.out.Changes {
		w.rows.apply(c)
	}
	return text
}

// front tells who is at the front of a queue, since when, and what it uses.
func (w *world) front(queue string) string {
	shot, ok := w.s.Snapshot(queue)
	if !ok {
		return "no such queue\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "at %d s, %s:", shot.At/1000, shot.Used)
	for i, p := range shot.Front {
		if i == 10 {
			fmt.Fprintf(&b, " … %d in all", len(shot.Front))
			break
		}
		fmt.Fprintf(&b, " %s since %d s,", w.name(p.Job), p.Since/1000)
	}
	return strings.TrimSuffix(b.String(), ",") + "\n"
}

// prune proposes jobs, with what their rows say of their end.
func (w *world) prune(keep int, names []string) Prune {
	in := Prune{Keep: int64(keep) * 1000}
	for _, name := range names {
		row := w.rows.jobs[batch.JobRef{ID: w.names[name]}]
		in.Jobs = append(in.Jobs, EndedJob{Seq: row.Seq, Ref: row.Ref, StoppedAt: row.StoppedAt})
	}
	return in
}

// gangOf reads `first:vcpu` forms, joined by commas; without any all nodes need
// one vCPU.
func gangOf(t *testing.T, size, mainNode int32, groups string) *Gang {
	t.Helper()
	if size == 0 {
		return nil
	}
	g := &Gang{Size: size, Main: mainNode}
	for group := range strings.SplitSeq(cmp.Or(groups, "0:1"), ",") {
		first, vcpu, _ := strings.Cut(group, ":")
		g.Groups = append(g.Groups, NodeGroup{
			First: int32(mustInt(t, first)), Needs: batch.Resources{MilliVCPU: int64(mustInt(t, vcpu)) * 1000, MemoryMiB: 128},
		})
	}
	return g
}

// claimOf makes digests of short words.
func claimOf(token, request string) (c Claim) {
	copy(c.Token[:], token)
	copy(c.Request[:], request)
	return c
}

// describe tells what the output says: the path of states of each job, how it
// ended, and the effects.
func (w *world) describe() string {
	type path struct {
		states []string
		last   JobRow
	}
	var order []batch.JobRef
	paths := make(map[batch.JobRef]*path)
	for _, c := range w.out.Changes {
		p, ok := c.(JobPut)
		if !ok {
			continue
		}
		ref := p.Row.Ref
		if paths[ref] == nil {
			paths[ref] = &path{}
			if old, ok := w.rows.jobs[ref]; ok {
				paths[ref].states = []string{old.State.String()}
			}
			order = append(order, ref)
		}
		x := paths[ref]
		if s := p.Row.State.String(); len(x.states) == 0 || x.states[len(x.states)-1] != s {
			x.states = append(x.states, s)
		}
		x.last = p.Row
	}
	var b strings.Builder
	for _, ref := range order {
		x := paths[ref]
		fmt.Fprintf(&b, "%s: %s", w.name(ref), strings.Join(x.states, " → "))
		if x.last.IsArray() {
			fmt.Fprintf(&b, "  children %v next %d", x.last.Counts, x.last.Next)
		}
		if waits := x.last.Waits; waits != nil && len(waits.Ready) > 0 {
			fmt.Fprintf(&b, " ready %v", waits.Ready)
		}
		if x.last.RestReason != "" {
			fmt.Fprintf(&b, " rest: %s", x.last.RestReason)
		}
		if x.last.RetryAt != 0 {
			fmt.Fprintf(&b, "  until %d s", x.last.RetryAt/1000)
		}
		if g := x.last.Gang; g != nil {
			fmt.Fprintf(&b, "  nodes %d network %d", g.Size, g.Network)
		}
		if x.last.BlockedAt != 0 {
			fmt.Fprintf(&b, "  since %d s", x.last.BlockedAt/1000)
		}
		if x.last.Flags != 0 {
			fmt.Fprintf(&b, "  flags %03b", x.last.Flags)
		}
		if x.last.StatusReason != "" {
			fmt.Fprintf(&b, "  (%s)", x.last.StatusReason)
		}
		b.WriteByte('\n')
	}
	for _, c := range w.out.Changes {
		switch c := c.(type) {
		case ClaimPut:
			fmt.Fprintf(&b, "  %s is %s until %d s\n", bytes.TrimRight(c.Row.Token[:], "\x00"), w.name(batch.JobRef{ID: c.Row.Job}), c.Row.Until/1000)
		case JobDrop:
			fmt.Fprintf(&b, "  %s is dropped\n", w.name(c.Ref))
		case ClaimDrop:
			fmt.Fprintf(&b, "  %s is forgotten\n", bytes.TrimRight(c.Token[:], "\x00"))
		}
	}
	described := make(map[string]string)
	for _, c := range w.out.Changes {
		if p, ok := c.(ConsumablePut); ok {
			described[p.Row.Name] = fmt.Sprintf("  %s: %d of %d in use\n", p.Row.Name, p.Row.InUse, p.Row.Total)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		b.WriteString(described[name])
	}
	b.WriteString(describeResources(w.out.Changes))
	b.WriteString(w.describeFleets())
	b.WriteString(w.describeCosts())
	b.WriteString(w.describeEvents())
	for _, e := range w.out.Effects {
		switch e := e.(type) {
		case Start:
			fmt.Fprintf(&b, "  start %s on host %d\n", w.attemptName(e.Attempt), e.Host)
		case Attach:
			fmt.Fprintf(&b, "  attach %s on host %d\n", w.attemptName(e.Attempt), e.Host)
		case Stop:
			what := "stop"
			if e.Kill {
				what = "kill"
			}
			fmt.Fprintf(&b, "  %s %s on host %d\n", what, w.attemptName(e.Attempt), e.Host)
		case Scale:
			fmt.Fprintf(&b, "  scale environment %d to %d\n", e.Environment, e.VCPU/1000)
		}
	}
	return b.String()
}

// dependencies reads `a,b:3` forms, of whole jobs and child by child. What has
// ended is looked up, as a handler does.
func (w *world) dependencies(t *testing.T, whole, each string) (list []Dependency) {
	t.Helper()
	for n, names := range []string{whole, each} {
		for name := range strings.FieldsFuncSeq(names, func(r rune) bool { return r == ',' }) {
			d := Dependency{Job: w.job(t, name), NToN: n == 1}
			if w.s.jobs[d.Job] == nil {
				if row, ok := w.rows.jobs[d.Job]; ok {
					d.Ended = EndedOf(&row)
				}
			}
			list = append(list, d)
		}
	}
	return list
}

// backoff reads `10*2..300`, in seconds.
func backoff(t *testing.T, s string) (b retry.Backoff) {
	t.Helper()
	if s == "" {
		return b
	}
	s, most, limited := strings.Cut(s, "..")
	first, factor, grows := strings.Cut(s, "*")
	b.First = int64(mustInt(t, first)) * 1000
	if grows {
		b.Factor = int64(mustInt(t, factor))
	}
	if limited {
		b.Most = int64(mustInt(t, most)) * 1000
	}
	return b
}

func (w *world) reload(t *testing.T) string {
	t.Helper()
	s, err := w.rows.load(w.s.last)
	if err != nil {
		t.Fatalf("reload: %v", err)
	}
	if s.Fingerprint() != w.s.Fingerprint() {
		t.Errorf("the loaded state differs from the one that was stored")
	}
	w.s = s
	w.out.Reset()
	w.s.Resume(&w.out)
	return w.describe()
}

func (w *world) job(t *testing.T, name string) batch.JobRef {
	t.Helper()
	base, number, node := strings.Cut(name, "@")
	base, index, child := strings.Cut(base, ":")
	id, ok := w.names[base]
	if !ok {
		id = batch.JobID{0: 0xff}
	}
	if child {
		return batch.ChildRef(id, mustInt(t, index))
	}
	if node {
		return batch.NodeRef(id, mustInt(t, number))
	}
	return batch.JobRef{ID: id}
}

func (w *world) attempt(t *testing.T, name string) batch.AttemptID {
	t.Helper()
	base, number, _ := strings.Cut(name, "#")
	return batch.AttemptID{Job: w.job(t, base), Number: mustInt(t, number)}
}

func (w *world) name(ref batch.JobRef) string {
	for name, id := range w.names {
		if id == ref.ID {
			if i, ok := ref.Index(); ok {
				return name + ":" + strconv.Itoa(i)
			}
			if i, ok := ref.Node(); ok {
				return name + "@" + strconv.Itoa(i)
			}
			return name
		}
	}
	return ref.String()
}

func (w *world) attemptName(id batch.AttemptID) string {
	return fmt.Sprintf("%s#%d", w.name(id.Job), id.Number)
}

// rules reads `exit:137,reason:OutOfMemory*,status:Host_EC2*→RETRY` forms, joined by `;`.
func rules(s string) []retry.Rule {
	var list []retry.Rule
	for part := range strings.SplitSeq(s, ";") {
		conditions, action, ok := strings.Cut(part, "→")
		if !ok {
			continue
		}
		r := retry.Rule{Exit: action == "EXIT"}
		for c := range strings.SplitSeq(conditions, ",") {
			k, v, _ := strings.Cut(c, ":")
			v = strings.ReplaceAll(v, "_", " ")
			switch k {
			case "code":
				r.OnExitCode = v
			case "reason":
				r.OnReason = v
			case "status":
				r.OnStatusReason = v
			}
		}
		list = append(list, r)
	}
	return list
}

// consumes reads `licence:2,token:1`.
func consumes(t *testing.T, s string) (needs []consume.Need) {
	t.Helper()
	for part := range strings.SplitSeq(s, ",") {
		if name, quantity, ok := strings.Cut(part, ":"); ok {
			needs = append(needs, consume.Need{Resource: name, Quantity: int64(mustInt(t, quantity))})
		}
	}
	return needs
}

func mustInt(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
