package process_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/drivertest"
	"github.com/bargehq/barge/internal/driver/process"
)

// tempDir returns a directory that other users can reach.
func tempDir(t testing.TB) string {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir, cgroups string) driver.Driver {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := process.Open(t.Context(), process.Options{Dir: dir, RunnerCommand: []string{self, "runner", dir}, Cgroups: cgroups})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "runner.log"))
		t.Fatalf("open: %v\n%s", err, log)
	}
	return d
}

func TestConformance(t *testing.T) {
	dir := tempDir(t)
	drivertest.Run(t, drivertest.Harness{
		Open:         func(t *testing.T) driver.Driver { return open(t, dir, "auto") },
		MemoryLimits: true,
		ExactUsage:   true,
		Users:        os.Geteuid() == 0,
		Refuses: []driver.Setting{
			driver.SettingReadonly, driver.SettingSharedMem, driver.SettingTmpfs, driver.SettingMaxSwap, driver.SettingSwappiness,
		},
		NoVolumes: true,
		Nodes:     netip.MustParsePrefix("127.64.0.0/10"),
	})
}
