package batchsvc

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
)

// TestSpec runs testdata/spec: what becomes of a definition and a submit, for
// every kind, whether or not it can run yet.
//
//	define               the registration below, checked
//	submit [node=N]      the members of a submit below: what DescribeJobs says of
//	    it, or what a node runs and needs
//
// Answers have a line for each list and each member that is no structure.
func TestSpec(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/spec/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			var d *definition
			datadriven.RunTest(t, path, func(t *testing.T, c *datadriven.TestData) string {
				if c.Cmd == "define" {
					in, err := batchapi.DecodeRegisterJobDefinitionRequest([]byte(c.Input))
					if err == nil {
						err = checkDefinition(in)
					}
					if err != nil {
						return err.Error() + "\n"
					}
					d = &definition{name: in.JobDefinitionName, revision: 1, active: true, req: in}
					return "ok\n"
				}
				node := -1
				c.MaybeScanArgs(t, "node", &node)
				return submitted(t, d, c.Input, node) + "\n"
			})
		})
	}
}

func submitted(t *testing.T, d *definition, members string, node int) string {
	t.Helper()
	before := d.req.AppendJSON(nil)
	in, err := batchapi.DecodeSubmitJobRequest([]byte(strings.TrimSuffix(members, "}") + `,"jobName":"j","jobQueue":"q","jobDefinition":"d"}`))
	if err != nil {
		return err.Error()
	}
	s, err := newSpec(d, in)
	if err != nil {
		return err.Error()
	}
	if _, err := s.checkNeeds(); err != nil {
		return err.Error()
	}
	var lines []string
	if node < 0 {
		detail := &batchapi.JobDetail{Parameters: s.parameters}
		s.describe(detail)
		lines = leaves("", detail.AppendJSON(nil))
	} else {
		lines = leaves("", s.task(node).AppendJSON(nil))
		id := batch.AttemptID{Number: 1}
		for _, c := range s.task(node).Containers {
			group, stream := s.log(&c, id)
			lines = append(lines, "log "+group+" "+strings.ReplaceAll(stream, id.TaskID(), "TASK"))
		}
		needs, err := needsOf(s.platform, s.task(node))
		if err != nil {
			t.Error(err)
		}
		lines = append(lines, "needs "+needs.resources().String())
	}
	if after := d.req.AppendJSON(nil); string(after) != string(before) {
		t.Errorf("the submit %s has changed the definition from %s to %s", members, before, after)
	}
	return strings.Join(lines, "\n")
}

// leaves prints a document with one line for each value, pairs in one with
// their list.
func leaves(path string, text []byte) []string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err)
	}
	var lines []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if len(v) > 0 && path != "parameters" {
				for _, key := range slices.Sorted(maps.Keys(v)) {
					walk(strings.TrimPrefix(path+"."+key, "."), v[key])
				}
				return
			}
		case []any:
			for _, e := range v {
				if m, ok := e.(map[string]any); !ok || len(m) <= 2 && !strings.HasSuffix(path, "Properties") {
					continue
				}
				for i, e := range v {
					walk(fmt.Sprintf("%s[%d]", path, i), e)
				}
				return
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		lines = append(lines, path+"="+string(b))
	}
	walk(path, v)
	return lines
}

// Whatever ranges a definition may have and however many nodes a submit may ask
// for: each node runs one part, the innermost of those that name it.
func TestPartOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		registered := rapid.IntRange(1, 12).Draw(t, "nodes")
		index := rapid.Custom(func(t *rapid.T) string {
			if n := rapid.IntRange(-1, registered-1).Draw(t, "index"); n >= 0 {
				return itoa(int64(n))
			}
			return ""
		})
		n := &batchapi.NodeProperties{NumNodes: ptr(int32(registered)), MainNode: new(int32)}
		for range rapid.IntRange(0, 3).Draw(t, "ranges") {
			n.NodeRangeProperties = append(n.NodeRangeProperties, part{TargetNodes: index.Draw(t, "from") + ":" + index.Draw(t, "to")})
		}
		at := rapid.IntRange(0, len(n.NodeRangeProperties)).Draw(t, "place of the range of all")
		n.NodeRangeProperties = slices.Insert(n.NodeRangeProperties, at, part{TargetNodes: rapid.SampledFrom([]string{":", "0:"}).Draw(t, "all")})
		if checkRanges(n.NodeRangeProperties, registered) != nil {
			t.Skip("refused")
		}
		nodes := rapid.IntRange(1, 15).Draw(t, "overriding nodes")
		if !mayHave(n, int32(nodes)) {
			t.Fatalf("%d nodes are refused, with a range of all nodes", nodes)
		}
		s := spec{
			definition: &definition{req: &batchapi.RegisterJobDefinitionRequest{NodeProperties: n}},
			platform:   platform{nodes: true}, nodes: nodes, parts: n.NodeRangeProperties,
		}
		for node := range nodes {
			// Naively: of all that name the node, the one with the fewest nodes in the definition.
			want, fewest := -1, registered+1
			for i, p := range n.NodeRangeProperties {
				from, to, _ := strings.Cut(p.TargetNodes, ":")
				lo, _ := strconv.Atoi(from)
				hi, err := strconv.Atoi(to)
				size := hi - lo
				if err != nil {
					hi, size = nodes, registered-1-lo
				}
				if lo <= node && node <= hi && size < fewest {
					want, fewest = i, size
				}
			}
			if got := s.partOf(node); got != want {
				t.Fatalf("node %d of %d runs part %d of %+v, want %d", node, nodes, got, n.NodeRangeProperties, want)
			}
		}
	})
}
