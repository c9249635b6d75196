package process

import (
	"log/slog"
	"time"
)

// Options says how to open the driver.
type Options struct {
	// Dir is the data directory; it is made when missing.
	Dir string
	// RunnerCommand is a program with arguments that calls [RunRunner] for Dir.
	RunnerCommand []string
	// Cgroups is `auto`, the default when empty, or `off`.
	Cgroups string
	Log     *slog.Logger // nil: no log
}

// RunnerOptions says how to run the runner.
type RunnerOptions struct {
	Dir string
	// Linger is how long it stays when nothing runs and nobody is connected; zero means 10 s.
	Linger time.Duration
	Log    *slog.Logger // nil: no log
	// NewMaker returns what makes the processes of [Driver.Make]; nil where there are
	// none of its kind. It is called when no other runner holds the directory.
	NewMaker func() (Maker, error)
}
