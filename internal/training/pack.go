package training

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Keep packs what the job has made into the place that its output path stands
// for: the model as TRAINING-JOB/output/model.tar.gz and, if there is any, what is
// in output/data as output.tar.gz beside it. Without an output path nothing is
// kept.
//
// https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html
func (j *Job) Keep() error {
	path := j.OutputDataConfig.S3OutputPath
	if path == "" {
		return nil
	}
	to, err := j.Places.Find(path)
	if err != nil {
		return &Refused{err.Error()}
	}
	to = filepath.Join(to, j.Name, "output")
	if err = os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // as others have their files there
		return err
	}
	root, err := os.OpenRoot(j.Dir) // the job may have put links there, to anything
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	err = pack(root, "model", filepath.Join(to, "model.tar.gz"))
	if err == nil {
		if entries, _ := fs.ReadDir(root.FS(), "output/data"); len(entries) > 0 {
			err = pack(root, "output/data", filepath.Join(to, "output.tar.gz"))
		}
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return &Refused{"InternalServerError: the output cannot be packed: " + err.Error()}
	}
	return err
}

// pack writes what is in a directory into an archive, which is there as a whole or
// not at all. Only directories, plain files and symbolic links are packed.
func pack(root *os.Root, dir, to string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), ".packing-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	zip := gzip.NewWriter(f)
	out := tar.NewWriter(zip)
	err = fs.WalkDir(root.FS(), dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return add(out, root, dir, path, d)
	})
	if err = errors.Join(err, out.Close(), zip.Close(), f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

func add(out *tar.Writer, root *os.Root, dir, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = root.Readlink(path); err != nil {
			return err
		}
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	if header.Name, err = filepath.Rel(dir, path); err != nil {
		return err
	}
	if err = out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	in, err := root.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // nothing was written
	_, err = io.CopyN(out, in, header.Size)
	return err
}
