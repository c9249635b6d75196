package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// simulated runs the command, which needs no server.
func simulated(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetArgs(append([]string{"simulate"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

const smallTrace = `; MaxProcs: 4
1 0 -1 100 3 -1 -1 3 200 -1 1 1 -1 -1 -1 -1 -1 -1
2 10 -1 50 4 -1 -1 4 60 -1 1 2 -1 -1 -1 -1 -1 -1
3 20 -1 20 1 -1 -1 1 30 -1 1 1 -1 -1 -1 -1 -1 -1
4 20 -1 -1 1 -1 -1 1 30 -1 5 1 -1 -1 -1 -1 -1 -1
`

func TestSimulate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trace, starts := filepath.Join(dir, "t.swf"), filepath.Join(dir, "starts.csv")
	if err := os.WriteFile(trace, []byte(smallTrace), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := simulated(t, "--trace", trace, "--vcpus", "4", "--policy", "strict", "--json", "--starts", starts)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err = json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"jobs": 3, "meanWaitSeconds": (90 + 130) / 3.0, "meanBoundedSlowdown": (1 + 140/50.0 + 150/20.0) / 3, "makespanSeconds": 170,
		"utilization": (300 + 200 + 20) / (4 * 170.0),
	} {
		if x, ok := got[name].(float64); !ok || x < want-1e-9 || x > want+1e-9 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"jainIndex", "wallSeconds"} {
		if x, ok := got[name].(float64); !ok || x <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if skipped, ok := got["skippedJobs"].(map[string]any); !ok || skipped["unknownRuntime"] != 1.0 {
		t.Errorf("skipped: %v", got["skippedJobs"])
	}
	b, err := os.ReadFile(starts)
	if err != nil {
		t.Fatal(err)
	}
	if want := "job,share,vcpus,submit,start,end,attempts,environment,outcome\n1,u1,3,0.000,0.000,100.000,1,machine,SUCCEEDED\n" +
		"2,u2,4,10.000,100.000,150.000,1,machine,SUCCEEDED\n3,u1,1,20.000,150.000,170.000,1,machine,SUCCEEDED\n"; string(b) != want {
		t.Errorf("starts:\n%s\nwant:\n%s", b, want)
	}

	// The header knows how large the machine is.
	if out, err = simulated(t, "--trace", trace, "--policy", "strict,fair-share"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"strict  fair-share", "wait, mean", "73.3 s", "skipped: runtime unknown 1,"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestSimulateScenario(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, drawn := filepath.Join(dir, "s.yaml"), filepath.Join(dir, "s.svg")
	err := os.WriteFile(path, []byte("environments: [{name: e, maxvCpus: 2}]\nqueues: [{name: q, computeEnvironmentOrder: [e]}]\n"+
		"jobs: [{name: j, queue: q, vcpus: 2, runtime: 10s, count: 3, every: 1s}]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out, err := simulated(t, "--scenario", path, "--json", "--chart", drawn)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ MakespanSeconds, MeanWaitSeconds float64 }
	if err = json.Unmarshal([]byte(out), &got); err != nil || got.MakespanSeconds != 30 || got.MeanWaitSeconds != 9 {
		t.Errorf("%v, %+v", err, got)
	}
	if b, err := os.ReadFile(drawn); err != nil || !bytes.HasPrefix(b, []byte("<svg ")) {
		t.Errorf("the chart is %.20q, %v", b, err)
	}
}

func TestSimulateRefuses(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "t.swf")
	if err := os.WriteFile(trace, []byte(smallTrace+"5 x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "either --trace or --scenario is needed"},
		{[]string{"--trace", trace, "--scenario", trace}, "either --trace or --scenario is needed"},
		{[]string{"--scenario", trace}, trace + ": "},
		{[]string{"--trace", trace}, trace + ": line 6: 2 fields"},
		{[]string{"--trace", trace + "x"}, "no such file"},
		{[]string{"--trace", trace, "--policy", "lifo"}, `policy "lifo" is none of`},
		{[]string{"--trace", trace, "--policy", "strict,fair-share", "--starts", "x"}, "--starts is for one policy"},
	} {
		if _, err := simulated(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %s", tt.args, err, tt.want)
		}
	}
}
