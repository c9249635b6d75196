package batchsvc_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
)

// TestScripts runs testdata/*.txt, each over a store in memory and one on disk.
// `go test ./internal/batchsvc -rewrite` writes the answers.
//
//	call OPERATION [as=NAME] [pick=MEMBER|(MEMBERS)]  the request below; $NAME in it is
//	    a job's id, `as` names the one in the answer, `pick` prints those
//	    members only, wherever they are; token=TEXT is sent as a header
//	host NAME vcpu=N [environment=ID]  a host of an environment, of the first one
//	instance HOST [name=NAME] [vcpu=N]  the instance that was launched for a host registers
//	failed HOST [environment=ID]  it will not come: there is no capacity
//	lost HOST [environment=ID]    it is gone
//	running JOB#N at=MS  an attempt runs; JOB@I#N is one of a node
//	exit JOB#N [from=MS] to=MS [code=N] [reason=TEXT] [status=TEXT] [cpu=MICROSECONDS]
//	effects              what hosts were asked for since
//	attempt JOB#N        what a host runs
//	alias GROUP STREAM   the stream that is meant
//	events               what is in the outbox, which is empty after that
//	restart              a new engine and service over the same store
func TestScripts(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	kinds := []string{"memory", "sqlite"}
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
		kinds = kinds[:1] // or both would write the file
	}
	for _, path := range paths {
		for _, kind := range kinds {
			t.Run(filepath.Base(path)+"/"+kind, func(t *testing.T) {
				t.Parallel()
				var dir string
				if kind == "sqlite" {
					dir = t.TempDir()
				}
				w := newWorld(t, dir)
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					return w.plain(w.run(t, d)) + "\n"
				})
			})
		}
	}
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "call":
		return w.script(t, d)
	case "host":
		w.tell(core.HostSeen{Environment: int64(arg(t, d, "environment", 1)), Name: d.CmdArgs[0].Key, Capacity: batch.Resources{
			MilliVCPU: int64(arg(t, d, "vcpu", 0)) * 1000, MemoryMiB: batch.Unlimited,
		}})
	case "instance":
		w.tell(core.HostSeen{
			Environment: int64(arg(t, d, "environment", 1)), Host: hostArg(t, d), Name: arg(t, d, "name", "i-"+d.CmdArgs[0].Key),
			Capacity: batch.Resources{MilliVCPU: int64(arg(t, d, "vcpu", 2)) * 1000, MemoryMiB: 7000},
		})
	case "failed":
		w.tell(core.LaunchFailed{Environment: int64(arg(t, d, "environment", 1)), Host: hostArg(t, d), Kind: core.NoCapacity, Text: "none"})
	case "lost":
		w.tell(core.HostLost{Environment: int64(arg(t, d, "environment", 1)), Host: hostArg(t, d)})
	case "running":
		w.tell(core.AttemptRunning{Attempt: w.attemptID(t, d), At: at(t, d, "at")})
	case "exit":
		end := core.AttemptEnded{
			Attempt: w.attemptID(t, d), StartedAt: at(t, d, "from"), StoppedAt: at(t, d, "to"),
			Reason:       strings.ReplaceAll(arg(t, d, "reason", ""), "_", " "),
			StatusReason: strings.ReplaceAll(arg(t, d, "status", "Essential_container_in_task_exited"), "_", " "),
		}
		if d.HasArg("code") {
			code := int32(arg(t, d, "code", 0))
			end.ExitCode = &code
		}
		if d.HasArg("cpu") {
			cpu, written := int64(arg(t, d, "cpu", 0)), int64(4096)
			end.Usage = &batch.Usage{CPU: &cpu, PeakMemory: &written, WriteBytes: &written}
		}
		if d.HasArg("containers") {
			end.Containers = batchsvc.ContainerEnds(exits(t, d))
		}
		w.tell(end)
	case "effects":
		return cmp.Or(strings.Join(w.settled(), "\n"), "none")
	case "attempt":
		return w.task(t, w.attemptID(t, d))
	case "events":
		return w.events(t)
	case "alias":
		stream, ok := w.service.StreamAlias(t.Context(), d.CmdArgs[0].Key, w.named(d.CmdArgs[1].Key))
		return fmt.Sprintf("%s %t", stream, ok)
	case "restart":
		w.settled()
		w.stop()
		w.open(t)
	default:
		d.Fatalf(t, "unknown command")
	}
	w.settledKeep()
	return "ok"
}

// exits reads the ends of containers: codes, or reasons of those that never ran.
func exits(t *testing.T, d *datadriven.TestData) []driver.Exit {
	t.Helper()
	i := slices.IndexFunc(d.CmdArgs, func(a datadriven.CmdArg) bool { return a.Key == "containers" })
	var out []driver.Exit
	for _, text := range d.CmdArgs[i].Vals {
		var code int32
		if _, err := fmt.Sscan(text, &code); err != nil {
			out = append(out, driver.Exit{Reason: strings.ReplaceAll(text, "_", " ")})
			continue
		}
		out = append(out, driver.Exit{Code: &code, StartedAt: 1, StoppedAt: 2})
	}
	return out
}

// settledKeep waits like settled and keeps the effects.
func (w *world) settledKeep() {
	effects := w.settled()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects = append(effects, w.effects...)
}

func arg[T any](t *testing.T, d *datadriven.TestData, key string, otherwise T) T {
	t.Helper()
	v := otherwise
	d.MaybeScanArgs(t, key, &v)
	return v
}

// at reads a moment: milliseconds after one that is far ahead, so that no
// timeout ends what a script runs.
func at(t *testing.T, d *datadriven.TestData, key string) batch.Instant {
	t.Helper()
	if ms := arg(t, d, key, 0); ms != 0 {
		return batch.Instant(4e12 + ms)
	}
	return 0
}

func (w *world) attemptID(t *testing.T, d *datadriven.TestData) batch.AttemptID {
	t.Helper()
	job, number, _ := strings.Cut(d.CmdArgs[0].Key, "#")
	id, ok := batch.ParseAttemptID(w.ref(t, job).String() + "/" + number)
	if !ok {
		d.Fatalf(t, "%s is no attempt", d.CmdArgs[0].Key)
	}
	return id
}

var variable = regexp.MustCompile(`\$[a-z]+`)

// named puts the ids of jobs for their names.
func (w *world) named(text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return w.names[v[1:]] })
}

func (w *world) script(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	status, body := w.callWith(d.CmdArgs[0].Key, w.named(d.Input), arg(t, d, "token", ""))
	w.settledKeep()
	if d.HasArg("as") {
		var made struct{ JobID string }
		if err := json.Unmarshal(body, &made); err != nil || made.JobID == "" {
			d.Fatalf(t, "%v: %s", err, body)
		}
		w.names[arg(t, d, "as", "")] = made.JobID
	}
	var answer any
	if err := json.Unmarshal([]byte(w.plain(string(body))), &answer); err != nil {
		d.Fatalf(t, "%v: %s", err, body)
	}
	if status != http.StatusOK {
		return fmt.Sprintf("%d %s", status, layout(answer, ""))
	}
	if i := slices.IndexFunc(d.CmdArgs, func(a datadriven.CmdArg) bool { return a.Key == "pick" }); i >= 0 {
		var lines []string
		pick(answer, d.CmdArgs[i].Vals, &lines)
		return strings.Join(lines, "\n")
	}
	return layout(answer, "")
}

// task prints what a host is given.
func (w *world) task(t *testing.T, id batch.AttemptID) string {
	t.Helper()
	task, err := w.service.Attempt(t.Context(), id)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for i := range task.Containers {
		printContainer(&b, &task.Containers[i], len(task.Containers) > 1)
	}
	fmt.Fprintf(&b, "on %s", task.Instance)
	return b.String()
}

// printContainer prints one container, with its part in the task where it is one of several.
func printContainer(b *strings.Builder, c *batchsvc.Container, several bool) {
	s := c.Spec
	if several {
		fmt.Fprintf(b, "container %s essential %t after start %v end %v success %v within %s\n",
			c.Name, c.Essential, c.AfterStart, c.AfterEnd, c.AfterSuccess, c.StartTimeout)
	}
	if c.Refused != "" {
		fmt.Fprintf(b, "refused %s\n", c.Refused)
		return
	}
	fmt.Fprintf(b, "attempt %s\nimage %s\ncommand %q\nneeds %s\n", s.Unit, s.Image, s.Command, s.Resources)
	fmt.Fprintf(b, "user %q privileged %t readonly %t stop %s\n", s.User, s.Privileged, s.ReadonlyRootFS, s.StopTimeout)
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		fmt.Fprintf(b, "label %s=%s\n", key, s.Labels[key])
	}
	for _, v := range s.Env {
		fmt.Fprintf(b, "env %s=%s\n", v.Name, v.Value)
	}
	for _, line := range settings(s) {
		fmt.Fprintln(b, line)
	}
	fmt.Fprintf(b, "log %s %s\n", c.Group, c.Stream)
}

// settings prints what the spec asks for beyond the plain.
func settings(s driver.Spec) []string {
	var lines []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		name, value := v.Type().Field(i).Name, v.Field(i)
		switch name {
		case "Unit", "Image", "Command", "Env", "Resources", "MaxProcesses", "StopTimeout", "Labels", "User", "Privileged", "ReadonlyRootFS":
			continue
		}
		if !value.IsZero() {
			text, err := json.Marshal(value.Interface())
			if err != nil {
				panic(err)
			}
			lines = append(lines, "asks "+name+" "+string(text))
		}
	}
	return lines
}

// pick prints the members of that name of all objects in v: one line for each
// object that has any.
func pick(v any, members []string, lines *[]string) {
	switch v := v.(type) {
	case map[string]any:
		var found []string
		for _, m := range members {
			if e, ok := v[m]; ok {
				found = append(found, m+"="+flat(e))
			}
		}
		if len(found) > 0 {
			*lines = append(*lines, strings.Join(found, " "))
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains(members, key) {
				pick(v[key], members, lines)
			}
		}
	case []any:
		for _, e := range v {
			pick(e, members, lines)
		}
	}
}

// hostArg is the host that a line is about.
func hostArg(t *testing.T, d *datadriven.TestData) int64 {
	t.Helper()
	n, err := strconv.ParseInt(d.CmdArgs[0].Key, 10, 64)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return n
}
