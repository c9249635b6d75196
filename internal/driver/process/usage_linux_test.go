package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// fill writes files into a directory that stands for a cgroup.
func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func wantUsage(t *testing.T, m *meter, want string) {
	t.Helper()
	if got, err := json.Marshal(m.end()); err != nil || string(got) != want {
		t.Errorf("used was %s (%v), want %s", got, err, want)
	}
}

// TestMeter counts from the beginning of each attempt, in the files of both
// versions.
func TestMeter(t *testing.T) {
	t.Parallel()
	t.Run("version 1", func(t *testing.T) {
		t.Parallel()
		memory, cpu, blocks := filepath.Join(t.TempDir(), "m"), t.TempDir(), t.TempDir()
		fill(t, memory, map[string]string{"memory.max_usage_in_bytes": "9999\n", "memory.usage_in_bytes": "0\n"})
		fill(t, cpu, map[string]string{"cpuacct.usage": "5000000\n"})
		fill(t, blocks, map[string]string{"blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Write 0\n8:16 Read 1\nTotal 4097\n"})
		h := &hierarchies{homes: []string{"m", "c", "b"}, cpu: 1, accounts: "c", blocks: "b"}
		m := meter{}
		m.open(h, []string{memory, cpu, blocks})
		m.begin()
		if got, err := os.ReadFile(filepath.Join(memory, "memory.max_usage_in_bytes")); err != nil || got[0] != '0' {
			t.Errorf("the peak is %s (%v), want it set back", got, err)
		}
		fill(t, memory, map[string]string{"memory.max_usage_in_bytes": "777\n"})
		fill(t, cpu, map[string]string{"cpuacct.usage": "7500000\n"})
		fill(t, blocks, map[string]string{"blkio.throttle.io_service_bytes": "8:0 Read 8192\n8:0 Write 512\n8:16 Read 1\nTotal 8705\n"})
		wantUsage(t, &m, `{"cpu":2500,"peakMemory":777,"readBytes":4096,"writeBytes":512}`)
		m.close()
		h.accounts, h.blocks = "", "elsewhere" // where no lane could be made
		m = meter{}
		m.open(h, []string{memory, cpu, blocks})
		defer m.close()
		m.begin()
		fill(t, memory, map[string]string{"memory.max_usage_in_bytes": "5\n"})
		wantUsage(t, &m, `{"peakMemory":5}`)
	})
	t.Run("version 2", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir, map[string]string{
			"memory.peak": "123456\n", "cpu.stat": "usage_usec 100\nuser_usec 60\n",
			"io.stat": "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1\n",
		})
		m := meter{}
		m.open(&hierarchies{unified: true, homes: []string{"x"}}, []string{dir})
		defer m.close()
		m.begin()
		fill(t, dir, map[string]string{"cpu.stat": "usage_usec 350\n", "memory.peak": "4096\n", "io.stat": "8:0 rbytes=10 wbytes=2020 rios=1\n8:16 rbytes=101\n"})
		wantUsage(t, &m, `{"cpu":250,"peakMemory":4096,"readBytes":100,"writeBytes":2000}`)
		if m.once {
			t.Error("a peak that can be set back makes no lane a lane for once")
		}
	})
	t.Run("an old version 2", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir, map[string]string{"cpu.stat": "usage_usec 100\n"})
		m := meter{}
		m.open(&hierarchies{unified: true, homes: []string{"x"}}, []string{dir})
		m.begin()
		wantUsage(t, &m, `{"cpu":0}`)
	})
}
