package main

import (
	"fmt"
	"path/filepath"

	"github.com/bargehq/barge/internal/batchsvc"
)

// training says where training jobs have their files, with a driver.
func (c *config) training(driver string) (t batchsvc.Training, err error) {
	// A plain process has no file system of its own.
	t.Mounted = driver != "process"
	if t.Dir, err = filepath.Abs(filepath.Join(c.Data, "training")); err != nil {
		return t, fmt.Errorf("find the data directory: %w", err)
	}
	if c.S3Root == "" {
		return t, nil
	}
	if t.S3, err = filepath.Abs(c.S3Root); err != nil {
		return t, fmt.Errorf("--s3-root: %w", err)
	}
	return t, nil
}
