package process

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/driver"
)

// However a stream is cut into blocks, its lines are the same, and reading
// from any cursor continues there.
func TestRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []string
		for _, size := range rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 100),
			rapid.SampledFrom([]int{driver.MaxLine - 1, driver.MaxLine, driver.MaxLine + 1, 2 * driver.MaxLine}),
		), 0, 6).Draw(t, "lines") {
			text := strings.Repeat("x", size)
			stream = append(append(stream, text...), '\n')
			for len(text) > driver.MaxLine {
				want, text = append(want, text[:driver.MaxLine]), text[driver.MaxLine:]
			}
			want = append(want, text)
		}
		if rapid.Bool().Draw(t, "unfinished") {
			stream, want = append(stream, "end"...), append(want, "end")
		}
		var s splitter
		var file []byte
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, min(len(rest), 300_000)).Draw(t, "block")
			file, rest = s.feed(file, 7, rest[:n]), rest[n:]
		}
		file = s.end(file, 8)

		path := filepath.Join(os.TempDir(), "records"+rapid.StringMatching("[a-z]{12}").Draw(t, "name"))
		defer os.Remove(path)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		read := func(from int64) (texts []string, cursors []int64) {
			end, err := readRecords(f, from, int64(len(file)), func(l driver.Line) error {
				texts, cursors = append(texts, string(l.Text)), append(cursors, l.Cursor)
				return nil
			})
			if err != nil || end != int64(len(file)) {
				t.Fatalf("reading from %d ended at %d with %v", from, end, err)
			}
			return texts, cursors
		}
		got, cursors := read(0)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("lines (-want +got):\n%s", diff)
		}
		for i, cursor := range cursors {
			if rest, _ := read(cursor); !slices.Equal(rest, want[i+1:]) {
				t.Fatalf("after line %d come %d lines, want %d", i, len(rest), len(want)-i-1)
			}
		}
		if len(file) > 0 { // a killed runner may leave this
			torn := int64(len(file) - 1)
			n := 0
			end, err := readRecords(f, 0, torn, func(driver.Line) error { n++; return nil })
			if err != nil || end != torn || n != len(want)-1 {
				t.Fatalf("a torn file has %d lines to %d, %v; want %d", n, end, err, len(want)-1)
			}
		}
	})
}

func TestJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, before, err := openJournal(dir, "scope 1")
	if err != nil || before != "" {
		t.Fatalf("a new journal is from scope %q, %v", before, err)
	}
	code := int32(3)
	want := map[string]record{
		"a": {Attempt: "a", Pid: 7, After: 1, Before: 2, Work: 1},
		"b": {Attempt: "b", Ended: true, Code: &code, Reason: "r", StartedAt: 5, StoppedAt: 6},
	}
	for _, r := range []record{{Attempt: "a"}, want["b"], {Attempt: "c"}, want["a"], {Attempt: "c", Removed: true}} {
		if err = j.put(r); err != nil {
			t.Fatal(err)
		}
	}
	reopen := func(scope, wantBefore string) {
		t.Helper()
		if err = j.close(); err != nil {
			t.Fatal(err)
		}
		if j, before, err = openJournal(dir, scope); err != nil || before != wantBefore {
			t.Fatalf("the journal is from scope %q, %v, want %q", before, err, wantBefore)
		}
		if diff := cmp.Diff(want, j.live); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
	reopen("scope 2", "scope 1")

	// A line torn in the middle of the file costs that line.
	if _, err = j.file.WriteString(`{"attempt":"x","pi` + "\n" + `{"attempt":"b","rem`); err != nil {
		t.Fatal(err)
	}
	reopen("scope 3", "scope 2")

	// After a failed write, the next one brings everything.
	if err = j.file.Close(); err != nil {
		t.Fatal(err)
	}
	want["d"] = record{Attempt: "d", Pid: 9}
	if err = j.put(want["d"]); err == nil {
		t.Error("writing to a closed file succeeds")
	}
	want["e"] = record{Attempt: "e"}
	if err = j.put(want["e"]); err != nil {
		t.Fatal(err)
	}
	reopen("scope 4", "scope 3")

	// It does not grow for ever.
	j.size = compactAt + 1
	delete(want, "e")
	if err = j.put(record{Attempt: "e", Removed: true}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil || bytes.Count(text, []byte("\n")) != 1+len(want) {
		t.Errorf("the journal is %q, %v, want a line per record of %v", text, err, slices.Collect(maps.Keys(want)))
	}
	reopen("scope 5", "scope 4")
}

func TestHierarchies(t *testing.T) {
	t.Parallel()
	const v1 = `30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
35 30 0:31 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory
`
	const pids = "36 30 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	const v2 = "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
	for _, c := range []struct {
		name, mounts, own string
		want              hierarchies
	}{
		{
			"version 1", v1, "4:memory:/a/b\n3:cpu,cpuacct:/c\n1:name=systemd:/d\n",
			hierarchies{homes: []string{"/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/cpu,cpuacct/c"}, cpu: 1, accounts: "/sys/fs/cgroup/cpu,cpuacct/c"},
		},
		{
			"version 1 with pids", v1 + pids, "5:pids:/p\n4:memory:/a\n3:cpu,cpuacct:/c\n",
			hierarchies{homes: []string{"/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/cpu,cpuacct/c"}, cpu: 1, accounts: "/sys/fs/cgroup/cpu,cpuacct/c", pids: "/sys/fs/cgroup/pids/p"},
		},
		{
			"hybrid", v2 + v1, "4:memory:/\n3:cpu,cpuacct:/\n0::/x\n",
			hierarchies{homes: []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct"}, cpu: 1, accounts: "/sys/fs/cgroup/cpu,cpuacct"},
		},
		{"together", "33 30 0:29 / /cg rw - cgroup none rw,cpu,memory\n", "4:memory,cpu:/x\n", hierarchies{homes: []string{"/cg/x"}}},
		{
			"version 2", "31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/user.slice/x.service\n",
			hierarchies{unified: true, homes: []string{"/sys/fs/cgroup/user.slice/x.service"}, mount: "/sys/fs/cgroup"},
		},
		{
			"container", strings.ReplaceAll(v1, " / /sys/fs/cgroup/", " /docker/77 /sys/fs/cgroup/"), "4:memory:/docker/77/y\n3:cpu,cpuacct:/docker/77\n",
			hierarchies{homes: []string{"/sys/fs/cgroup/memory/y", "/sys/fs/cgroup/cpu,cpuacct"}, cpu: 1, accounts: "/sys/fs/cgroup/cpu,cpuacct"},
		},
		{"none", "1 2 0:3 / / rw - ext4 /dev/vda rw\n", "", hierarchies{}},
		{"half", "35 30 0:31 / /m rw - cgroup cgroup rw,memory\n" + v2, "4:memory:/\n", hierarchies{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseHierarchies(c.mounts, c.own)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(hierarchies{})); diff != "" || (err != nil) != (c.want.homes == nil) {
				t.Errorf("error %v, hierarchies (-want +got):\n%s", err, diff)
			}
		})
	}
}

// The files of version 2, on a plain directory in the place of a cgroup.
func TestUnifiedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"memory.max", "memory.swap.max", "cpu.weight", "cgroup.subtree_control"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "jobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jobs", "cgroup.subtree_control"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := hierarchies{unified: true, homes: []string{dir}, mount: dir}
	if parents, err := h.prepare("jobs"); err != nil || !slices.Equal(parents, []string{filepath.Join(dir, "jobs")}) {
		t.Errorf("lanes go to %v, %v", parents, err)
	}
	if err := h.limitMemory(&controls{dir: dir}, 64); err != nil {
		t.Error(err)
	}
	if err := h.shareCPU(&controls{dir: dir}, 1000); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"memory.max": "67108864", "memory.swap.max": "0", "cpu.weight": "39",
		"cgroup.subtree_control": "+memory +cpu", "jobs/cgroup.subtree_control": "+memory +cpu",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}

// Only the very process that was recorded is killed as an orphan.
func TestOrphans(t *testing.T) {
	t.Parallel()
	born, err := bornAt(os.Getpid())
	if err != nil || born > sinceBoot() {
		t.Fatalf("this process began at %d, %v, and now is %d", born, err, sinceBoot())
	}
	for _, r := range []record{
		{Pid: os.Getpid(), After: born - 5000, Before: born - 1000},
		{Pid: os.Getpid(), After: born + 1000, Before: born + 5000},
		{Pid: 1 << 30, After: born, Before: born + 10},
	} {
		if killOrphan(r) {
			t.Errorf("killed the process of %+v", r)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		for spec, ours := range map[string]bool{"": true, "0": false, "0:0": false} {
			if _, err := lookupUser(spec); (err == nil) != ours {
				t.Errorf("user %q: %v", spec, err)
			}
		}
		return
	}
	for spec, want := range map[string]*identity{
		"": nil, "0:0": {}, "4711": {uid: 4711}, "4711:12": {uid: 4711, gid: 12}, "root:4711": {gid: 4711},
	} {
		got, err := lookupUser(spec)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(identity{})); diff != "" || err != nil {
			t.Errorf("user %q: %v (-want +got):\n%s", spec, err, diff)
		}
	}
	for _, spec := range []string{"nobody-here", ":", "-1", "4294967296", "0:nobody-here"} {
		if got, err := lookupUser(spec); err == nil {
			t.Errorf("user %q is %+v, want an error", spec, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment("task", "/w", []driver.Var{{Name: "A", Value: "1"}, {Name: "PATH", Value: "/p"}, {Name: "BARGE_TASK", Value: "no"}, {Name: "A", Value: "2=3"}})
	want := []string{"PATH=/p", "LANG=C.UTF-8", "HOME=/w", "TMPDIR=/w", "A=2=3", "BARGE_TASK=task"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if _, err := executable("sh", "/", []string{"PATH=/nowhere:bin"}); err != nil {
		t.Errorf("sh in a relative PATH: %v", err)
	}
	if file, err := executable("sh", "/", []string{"PATH="}); err == nil {
		t.Errorf("found %q without a PATH", file)
	}
}
