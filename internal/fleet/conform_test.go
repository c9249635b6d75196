package fleet

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

func order(n int, of string) Order {
	return Order{
		Name: "i-0000000000000000" + string('0'+rune(n)), Environment: "ce", Type: of,
		Resources: json.RawMessage(`{"subnets":["subnet-1"]}`), Capacity: batch.Resources{MilliVCPU: 2000, MemoryMiB: 7953},
	}
}

func listed(t *testing.T, p Provider) (names []string) {
	t.Helper()
	list, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return names
}

// conform holds a provider, of which again returns one for the same instances
// after a restart of the server, to what Provider says. Instances of the type
// m5.large run at once.
func conform(t *testing.T, p Provider, again func() Provider) {
	t.Helper()
	if names := listed(t, p); len(names) != 0 {
		t.Fatalf("at first there are %v", names)
	}
	a, b := order(1, "m5.large"), order(2, "m5.large")
	for _, o := range []Order{a, b, a} { // a twice is one
		i, err := p.Launch(t.Context(), o)
		if err != nil || !i.Running || i.Name != o.Name {
			t.Fatalf("launch of %s: %+v, %v", o.Name, i, err)
		}
	}
	want := []string{a.Name, b.Name}
	if names := listed(t, p); !slices.Equal(names, want) {
		t.Errorf("there are %v, want %v", names, want)
	}

	p = again()
	for _, o := range []Order{a, b} {
		o.Registered = true
		if _, err := p.Launch(t.Context(), o); err != nil {
			t.Fatalf("%s after a restart: %v", o.Name, err)
		}
	}
	if names := listed(t, p); !slices.Equal(names, want) {
		t.Errorf("after a restart there are %v, want %v", names, want)
	}
	for range 2 { // twice is once
		if err := p.Terminate(t.Context(), a.Name); err != nil {
			t.Fatal(err)
		}
	}
	if names := listed(t, p); !slices.Equal(names, want[1:]) {
		t.Errorf("after the end of one there are %v, want %v", names, want[1:])
	}
	if err := p.Terminate(t.Context(), order(9, "").Name); err != nil {
		t.Errorf("the end of one that there is not: %v", err)
	}
	if err := p.Terminate(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	conform(t, new(Local), func() Provider { return new(Local) })
}

func TestLocalBoots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Local{Boot: time.Minute}
		start := time.Now()
		for range 2 {
			if _, err := l.Launch(t.Context(), order(1, "m5.large")); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("two launches of one instance took %s, want a minute", took)
		}
		o := order(2, "m5.large")
		o.Registered = true
		if _, err := l.Launch(t.Context(), o); err != nil || time.Since(start) != time.Minute {
			t.Errorf("one that has booted before was there after %s, %v", time.Since(start), err)
		}
	})
}

func TestScripted(t *testing.T) {
	t.Parallel()
	p := NewScripted(Script{})
	conform(t, p, func() Provider { return p })
}

func TestScriptedDoesAsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewScripted(Script{
			Seed: 7, BootMin: time.Minute, BootMax: 2 * time.Minute, FaultOneIn: 1, Capacity: map[string]int{"m5.large": 1},
			Unsupported: []string{"p5.48xlarge"}, InterruptOneIn: 1, Life: time.Hour, Notice: 2 * time.Minute,
		})
		a := order(1, "m5.large")
		a.Spot = true
		var refused *Refusal
		if _, err := p.Launch(t.Context(), a); err == nil || errors.As(err, &refused) {
			t.Errorf("the first launch ended with %v, want a fault that passes", err)
		}
		if i, err := p.Launch(t.Context(), a); err != nil || i.Running {
			t.Errorf("the second launch: %+v, %v", i, err)
		}
		for _, tt := range []struct {
			of   string
			want RefusalKind
		}{{"m5.large", NoCapacity}, {"p5.48xlarge", Unsupported}} {
			o := order(2, tt.of)
			p.faults[o.Name] = true
			if _, err := p.Launch(t.Context(), o); !errors.As(err, &refused) || refused.Kind != tt.want {
				t.Errorf("%s: %v, want kind %d", tt.of, err, tt.want)
			}
		}
		time.Sleep(2 * time.Minute)
		list, _ := p.List(t.Context())
		if len(list) != 1 || !list[0].Running || list[0].InterruptedAt != 0 {
			t.Errorf("after two minutes there is %+v", list)
		}
		time.Sleep(58 * time.Minute)
		if list, _ = p.List(t.Context()); len(list) != 1 || list[0].InterruptedAt == 0 {
			t.Errorf("after an hour there is %+v", list)
		}
		time.Sleep(time.Hour)
		if list, _ = p.List(t.Context()); len(list) != 0 {
			t.Errorf("after two hours there is %+v", list)
		}
	})
}

// example is the program that users are shown.
func example(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("the example needs jq")
	}
	path, err := filepath.Abs("../../examples/provider/provider.sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommand(t *testing.T) {
	path := example(t)
	t.Setenv("BARGE_EXAMPLE_DIR", t.TempDir())
	conform(t, &Command{Path: path, Owner: "me"}, func() Provider { return &Command{Path: path, Owner: "me"} })

	// Instances of others are left alone.
	if _, err := (&Command{Path: path, Owner: "other"}).Launch(t.Context(), order(3, "m5.large")); err != nil {
		t.Fatal(err)
	}
	if names := listed(t, &Command{Path: path, Owner: "me"}); len(names) != 0 {
		t.Errorf("those of others are listed: %v", names)
	}
	var refused *Refusal
	if _, err := (&Command{Path: path, Owner: "me"}).Launch(t.Context(), order(4, "p5.48xlarge")); !errors.As(err, &refused) || refused.Kind != NoCapacity {
		t.Errorf("a type that there is none of: %v", err)
	}
}

func TestCommandIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, script, launch, list string }{
		{"code", "printf 'no such\\n subnet' >&2; exit 3", "launch: exit status 3; it says: no such subnet", "list: exit status 3"},
		{"nothing", "", "no JSON object as expected: EOF", "no JSON object"},
		{"text", "echo hello", "no JSON object", "no JSON object"},
		{"more", `echo '{"state":"RUNNING","instances":[]} {}'`, "something follows the answer", "something follows the answer"},
		{"state", `echo '{"state":"UP","instances":[{"name":"i-00000000000000001","owner":"me","state":"UP"}]}'`, `not "UP"`, `instances[0]: the state must be`},
		{"name", `echo '{"state":"RUNNING","vcpus":-1,"instances":[{"name":"x","owner":"me","state":"RUNNING"}]}'`, "out of range", `"x" is no name`},
		{"no list", `echo '{"refused":"MAYBE"}'`, "refused must be CAPACITY", "the answer has no instances"},
		{"long", "head -c 9000000 /dev/zero", "the answer is longer than", "the answer is longer than"},
		{"slow", "sleep 1000", "no answer within", "no answer within"},
		{"left behind", "setsid sleep 5 & echo '{}'", "holds its output", "holds its output"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &Command{Path: program(t, tt.script), Owner: "me", Timeout: time.Minute}
			if tt.name == "slow" {
				c.Timeout = 100 * time.Millisecond
			}
			_, err := c.Launch(t.Context(), order(1, "m5.large"))
			_, listErr := c.List(t.Context())
			var refused *Refusal
			if err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), tt.launch) {
				t.Errorf("launch: %v, want %s", err, tt.launch)
			}
			if listErr == nil || !strings.Contains(listErr.Error(), tt.list) {
				t.Errorf("list: %v, want %s", listErr, tt.list)
			}
		})
	}
}

// program writes a shell script.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "provider")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommandIsBounded: a burst of launches is no burst of programs.
func TestCommandIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &Command{Owner: "me", Path: program(t, "touch "+dir+"/$$; ls "+dir+" | wc -l >&2; set -- $(ls "+dir+"); rm "+dir+"/$$; [ $# -le 16 ] && echo '{}'")}
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if err := c.Terminate(t.Context(), "i-00000000000000001"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
