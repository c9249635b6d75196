package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Command is a provider that a program of the user stands for: any cloud or
// rack of machines can be plugged in. It is run once for each question, with one
// JSON object on its standard input, and answers with one on its standard output:
//
//	{"version":1,"action":"launch","owner":"…","name":"i-…","environment":"ce","computeResources":{…},
//	 "instanceType":"m5.large","spot":false,"vcpus":2,"memoryMiB":7953,"gpus":0}
//	{"state":"RUNNING","vcpus":2,"memoryMiB":7900,"gpus":0}    or "PENDING"; amounts are optional
//	{"refused":"CAPACITY","message":"…"}                       or UNSUPPORTED, FAILED: there will be no such instance
//
//	{"version":1,"action":"list","owner":"…"}
//	{"instances":[{"name":"i-…","owner":"…","state":"RUNNING","interruptedAt":"2026-01-02T15:04:05Z"}]}
//
//	{"version":1,"action":"terminate","owner":"…","name":"i-…"}
//	{}
//
// The owner is this installation; instances of others are left alone. A program
// that exits with another code than zero, takes too long or answers something
// else has failed in passing: the same question is asked again. So it must be
// idempotent by name, and a launch that it was killed in must be found by list
// or done by the next one.
type Command struct {
	// Path is the program.
	Path string
	// Owner is this installation's id.
	Owner string
	// Timeout is how long an answer may take; two minutes where it is zero.
	Timeout time.Duration
	// Poll is how often it is asked for a list; ten seconds where it is zero.
	Poll time.Duration

	once  sync.Once
	slots chan struct{} // one for each question that may be under way
}

// mostQuestions is how many copies of the program run at once.
const mostQuestions = 16

// The most that a program may answer, and that is kept of what it says of its
// failure.
const (
	maxAnswer  = 8 << 20
	maxExcuse  = 2 << 10
	maxRefusal = 1 << 10
)

// commandVersion is the version of the protocol.
const commandVersion = 1

type question struct {
	Version     int             `json:"version"`
	Action      string          `json:"action"`
	Owner       string          `json:"owner"`
	Name        string          `json:"name,omitempty"`
	Environment string          `json:"environment,omitempty"`
	Resources   json.RawMessage `json:"computeResources,omitempty"`
	Type        string          `json:"instanceType,omitempty"`
	Spot        bool            `json:"spot,omitempty"`
	VCPUs       int64           `json:"vcpus,omitempty"`
	MemoryMiB   int64           `json:"memoryMiB,omitempty"`
	GPUs        int64           `json:"gpus,omitempty"`
}

type told struct {
	Name          string    `json:"name"`
	Owner         string    `json:"owner"`
	State         string    `json:"state"`
	VCPUs         int64     `json:"vcpus"`
	MemoryMiB     int64     `json:"memoryMiB"`
	GPUs          int64     `json:"gpus"`
	InterruptedAt time.Time `json:"interruptedAt"`
}

// instance checks what was told of an instance.
func (t told) instance() (Instance, error) {
	i := Instance{Name: t.Name, Running: t.State == "RUNNING", Capacity: batch.Resources{MilliVCPU: t.VCPUs * 1000, MemoryMiB: t.MemoryMiB, GPUs: t.GPUs}}
	if !t.InterruptedAt.IsZero() {
		i.InterruptedAt = batch.InstantOf(t.InterruptedAt)
	}
	const most = 1 << 40
	switch {
	case t.State != "RUNNING" && t.State != "PENDING":
		return i, fmt.Errorf("the state must be RUNNING or PENDING, not %.40q", t.State)
	case min(t.VCPUs, t.MemoryMiB, t.GPUs) < 0 || max(t.VCPUs, t.MemoryMiB, t.GPUs) > most || i.InterruptedAt < 0:
		return i, errors.New("an amount or a time is out of range")
	}
	return i, nil
}

// Launch implements [Provider].
func (c *Command) Launch(ctx context.Context, o Order) (Instance, error) {
	if o.Registered {
		return Instance{Name: o.Name}, nil // List says whether it is still there
	}
	q := c.question("launch")
	q.Name, q.Environment, q.Resources, q.Type, q.Spot = o.Name, o.Environment, o.Resources, o.Type, o.Spot
	q.VCPUs, q.MemoryMiB, q.GPUs = o.Capacity.MilliVCPU/1000, o.Capacity.MemoryMiB, o.Capacity.GPUs
	var answer struct {
		told
		Refused string `json:"refused"`
		Message string `json:"message"`
	}
	if err := c.ask(ctx, q, &answer); err != nil {
		return Instance{}, err
	}
	answer.Name = o.Name
	refusal := &Refusal{Text: clean(answer.Message, maxRefusal)}
	switch answer.Refused {
	case "":
		i, err := answer.instance()
		if err != nil {
			err = fmt.Errorf("%s: launch: %w", c.Path, err)
		}
		return i, err
	case "CAPACITY":
		refusal.Kind = NoCapacity
	case "UNSUPPORTED":
		refusal.Kind = Unsupported
	case "FAILED":
	default:
		return Instance{}, fmt.Errorf("%s: launch: refused must be CAPACITY, UNSUPPORTED or FAILED, not %.40q", c.Path, answer.Refused)
	}
	return Instance{}, refusal
}

var instanceName = regexp.MustCompile(`^i-[0-9a-f]{17}$`)

// List implements [Provider].
func (c *Command) List(ctx context.Context) ([]Instance, error) {
	var answer struct {
		Instances []told `json:"instances"`
	}
	if err := c.ask(ctx, c.question("list"), &answer); err != nil {
		return nil, err
	}
	if answer.Instances == nil {
		// Not an empty list: every instance would be taken for gone.
		return nil, fmt.Errorf("%s: list: the answer has no instances", c.Path)
	}
	var list []Instance
	for n, t := range answer.Instances {
		if t.Owner != c.Owner {
			continue
		}
		i, err := t.instance()
		if err == nil && !instanceName.MatchString(i.Name) {
			err = fmt.Errorf("%.40q is no name that an instance was given", i.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: list: instances[%d]: %w", c.Path, n, err)
		}
		list = append(list, i)
	}
	return list, nil
}

// Terminate implements [Provider].
func (c *Command) Terminate(ctx context.Context, name string) error {
	q := c.question("terminate")
	q.Name = name
	return c.ask(ctx, q, new(struct{}))
}

// Interval implements [Provider].
func (c *Command) Interval() time.Duration {
	if c.Poll > 0 {
		return c.Poll
	}
	return 10 * time.Second
}

func (c *Command) question(action string) question {
	return question{Version: commandVersion, Action: action, Owner: c.Owner}
}

// ask runs the program, when others have ended if many run. It and all that it has started in its process group are
// killed when the time is over.
func (c *Command) ask(ctx context.Context, q question, answer any) error {
	c.once.Do(func() { c.slots = make(chan struct{}, mostQuestions) })
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.slots }()
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	input, err := json.Marshal(q)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, c.Path)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	out, excuse := &bounded{most: maxAnswer, fails: true}, &bounded{most: maxExcuse}
	cmd.Stdout, cmd.Stderr = out, excuse
	killAll(cmd)
	cmd.WaitDelay = time.Second // for children that have left the group and hold the pipes
	err = cmd.Run()
	switch {
	case out.over:
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %s", timeout)
	case errors.Is(err, exec.ErrWaitDelay):
		err = errors.New("it left something running that holds its output")
	case err == nil:
		decoder := json.NewDecoder(&out.kept)
		if err = decoder.Decode(answer); err != nil {
			err = fmt.Errorf("the answer is no JSON object as expected: %w", err)
		} else if _, failed := decoder.Token(); !errors.Is(failed, io.EOF) {
			err = errors.New("something follows the answer")
		}
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %s: %w", c.Path, q.Action, err)
	if text := clean(excuse.kept.String(), maxExcuse); text != "" {
		err = fmt.Errorf("%w; it says: %s", err, text)
	}
	return err
}

// clean makes one line of a text that a program wrote, of at most so many bytes.
func clean(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return -1
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// bounded keeps the first bytes that are written to it. More of them are
// swallowed, lest the program hang, or fail, so that it ends.
type bounded struct {
	kept  bytes.Buffer // not embedded: it would be filled past Write
	most  int
	fails bool
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - b.kept.Len()
	if len(p) <= room {
		return b.kept.Write(p)
	}
	b.kept.Write(p[:room])
	if b.over = true; b.fails {
		return room, io.ErrShortBuffer
	}
	return len(p), nil
}
