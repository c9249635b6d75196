package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bargehq/barge/internal/driver"
)

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// taskVar marks all processes of an attempt, for the case that they leave its
// group or the runner is killed.
const taskVar = "BARGE_TASK"

// mark is its value: the task id, and the directory, of which there may be a
// copy with the same attempts.
func mark(task, dir string) string { return task + "@" + dir }

// environment is what an attempt sees; of equal names the last one counts.
func environment(mark, work string, vars []driver.Var) []string {
	all := append([]driver.Var{
		{Name: "PATH", Value: systemPath},
		{Name: "LANG", Value: "C.UTF-8"},
		{Name: "HOME", Value: work},
		{Name: "TMPDIR", Value: work},
	}, vars...)
	all = append(all, driver.Var{Name: taskVar, Value: mark})
	place := make(map[string]int, len(all))
	env := make([]string, 0, len(all))
	for _, v := range all {
		text := v.Name + "=" + v.Value
		if i, again := place[v.Name]; again {
			env[i] = text
			continue
		}
		place[v.Name] = len(env)
		env = append(env, text)
	}
	return env
}

// executable finds the file for a command's name as exec does, in the
// attempt's own PATH.
func executable(name, work string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // exec finds out
	}
	path := ""
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(work, dir)
		}
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", cannotStart("exec: %q: executable file not found in $PATH", name)
}

// startFault turns an error of fork or exec into a StartError where the
// command is to blame. What the machine lacks (memory, descriptors, processes)
// stays a fault.
func startFault(name string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case syscall.ENOENT, syscall.EACCES, syscall.EPERM, syscall.ENOEXEC, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP,
		syscall.ENAMETOOLONG, syscall.E2BIG, syscall.EINVAL, syscall.ETXTBSY, syscall.ELIBBAD:
		return cannotStart("exec: %q: %s", name, errno)
	default:
		return err
	}
}
