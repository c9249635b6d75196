package oci_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/driver"
)

// TestProtection: root in a container reaches nothing of the machine, and what it
// writes is seen by nobody else; a privileged one is asked no questions.
func TestProtection(t *testing.T) {
	need(t)
	images := shelf(t)
	try := func(what, command string) string {
		return "if " + command + " >/dev/null 2>&1; then echo " + what + "; else echo no " + what + "; fi\n"
	}
	script := try("device", "mknod /k c 1 11 && head -c 1 /k") +
		try("mount", "mkdir -p /m && mount -t tmpfs none /m") +
		try("user namespace", "unshare -U true") +
		try("sysctl", "sh -c 'echo 1 >/proc/sys/kernel/sysrq'") +
		try("cgroup", "mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/x") +
		try("root of its own", "touch /written") +
		try("earlier container", "test -e /left") + "touch /left\n" +
		try("names", "grep -q localhost /etc/hosts") +
		try("processes of others", "test $(ls -d /proc/[0-9]* | wc -l) -gt 4") + // its own are some of a shell, ls and wc
		"ls /dev/kmsg 2>/dev/null; grep CapEff /proc/self/status\n"
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			d := open(t, t.TempDir(), runtime, images)
			defer d.Close()
			for range 2 {
				got := run(t, d, driver.Spec{Unit: newUnit(), Image: testImage, Command: []string{"/bin/sh", "-c", script}})
				want := []string{
					"no device", "no mount", "no user namespace", "no sysctl", "no cgroup", "root of its own", "no earlier container",
					"names", "no processes of others", "CapEff:\t00000000a80425fb", // as Docker's
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			script := try("device", "head -c 1 /dev/kmsg") + try("mount", "mkdir -p /m && mount -t tmpfs none /m") + try("cgroup", "mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/x")
			got := run(t, d, driver.Spec{Unit: newUnit(), Image: testImage, Privileged: true, Command: []string{"/bin/sh", "-c", script}})
			if diff := cmp.Diff([]string{"device", "mount"}, got[:2]); diff != "" {
				t.Errorf("privileged (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := os.Stat("/left"); err == nil {
		t.Error("a container wrote into the machine's root")
	}
}

// run runs a container to its end and returns its output.
func run(t *testing.T, d driver.Driver, spec driver.Spec) (lines []string) {
	t.Helper()
	if err := d.Start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	err := d.Output(t.Context(), spec.Unit, 0, func(l driver.Line) error {
		lines = append(lines, strings.TrimSpace(string(l.Text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), spec.Unit); err != nil {
		t.Error(err)
	}
	return lines
}
