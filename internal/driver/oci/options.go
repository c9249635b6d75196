package oci

import "log/slog"

// Options say how to open the driver.
type Options struct {
	// Dir is the data directory; it is made when missing.
	Dir string
	// RunnerCommand is a program with arguments that runs [process.RunRunner] for Dir
	// with a [Maker]. The program, given `init -- COMMAND…`, must be the init process
	// of COMMAND; it must be static to run in any image.
	RunnerCommand []string
	// Runtime is the name or the path of runc, crun or one with their command line.
	// Empty means crun, or else runc.
	Runtime string
	// Images is a directory of images, see [images.Options]; empty for none.
	Images string
	Log    *slog.Logger // nil: no log
}
