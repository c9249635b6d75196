package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the list of the surface")

const root = "../.."

// The files in the tree are what the generator writes: nobody edited them, and
// nobody changed the generator without running it.
func TestCurrent(t *testing.T) {
	t.Parallel()
	m, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, missing := os.ReadFile(filepath.Join(root, outputDir, name))
		if missing != nil {
			t.Fatal(missing)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: run `go run ./cmd/apigen`", name)
		}
	}
	present, err := filepath.Glob(filepath.Join(root, outputDir, "*.gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if files[filepath.Base(path)] == nil {
			t.Errorf("%s is not written by the generator: delete it", path)
		}
	}
}

func TestSurface(t *testing.T) {
	t.Parallel()
	m, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	var p printer
	writeSurface(m, &p)
	path := filepath.Join(root, outputDir, "testdata", "surface.txt")
	if *update {
		if err = os.WriteFile(path, p.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(p.String(), "\n")); diff != "" {
		t.Errorf("the surface changed; if that is meant, run this test with -update (-old +new):\n%s", diff)
	}
}

// A model that was changed in place is not read.
func TestPinned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "spec"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, modelFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := load(dir); err == nil || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("a changed model gave the error %v, want one about the pinned checksum", err)
	}
}

// What the templates do not know is refused, not guessed.
func TestRefused(t *testing.T) {
	t.Parallel()
	const model = `{"operations": {"Do": {"http": {"method": "POST", "requestUri": "/do"},
		"input": {"shape": "In"}, "output": {"shape": "In"}}},
		"shapes": {"In": {"type": "structure", "members": {"a": {"shape": "A"}}}, "S": {"type": "string"}, "A": %}}`
	for _, tt := range []struct{ name, shape, want string }{
		{"blob", `{"type": "blob"}`, "the type blob"},
		{"timestamp", `{"type": "timestamp"}`, "the type timestamp"},
		{"list of itself", `{"type": "list", "member": {"shape": "A"}}`, "recursive"},
		{"itself", `{"type": "structure", "members": {"in": {"shape": "In"}}}`, "recursive"},
		{"no such shape", `{"type": "list", "member": {"shape": "X"}}`, "no shape X"},
		{"no such member", `{"type": "structure", "members": {"x": {"shape": "X"}}}`, "no shape X"},
		{"least length only", `{"type": "string", "min": 1}`, "a least length"},
		{"map to structure", `{"type": "map", "key": {"shape": "S"}, "value": {"shape": "E"}}`, "no shape E"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse([]byte(strings.Replace(model, "%", tt.shape, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse gave %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// An entry of the quirk tables that names nothing is an error.
func TestQuirksExist(t *testing.T) {
	t.Parallel()
	m := &model{Shapes: map[string]*shape{}}
	if err := m.quirksExist(); err == nil {
		t.Error("quirks of shapes that do not exist were accepted")
	}
}

// Members keep the model's order, which decides the order on the wire.
func TestMemberOrder(t *testing.T) {
	t.Parallel()
	var ms members
	if err := json.Unmarshal([]byte(`{"z": {"shape": "Z"}, "a": {"shape": "A", "location": "uri"}, "m": {"shape": "M"}}`), &ms); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, mb := range ms {
		got = append(got, mb.Name+" "+mb.Shape+" "+mb.Location)
	}
	if diff := cmp.Diff([]string{"z Z ", "a A uri", "m M "}, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestConstant(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ enum, value, want string }{
		{"JobStatus", "RUNNABLE", "JobStatusRunnable"},
		{"ArrayJobDependency", "N_TO_N", "ArrayJobDependencyNToN"},
		{"LogDriver", "json-file", "LogDriverJsonFile"},
		{"CRType", "EC2", "CRTypeEc2"},
		{"ServiceResourceIdName", "TrainingJobArn", "ServiceResourceIdNameTrainingJobArn"},
	} {
		if got := constant(tt.enum, tt.value); got != tt.want {
			t.Errorf("constant(%q, %q) = %q, want %q", tt.enum, tt.value, got, tt.want)
		}
	}
}
