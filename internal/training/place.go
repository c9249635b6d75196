package training

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// Places says where on this machine the data is that a request names.
type Places struct {
	// S3 is the directory that stands for S3: of each bucket it has a directory
	// with the bucket's name. Empty means that there is no S3.
	S3 string
	// FileSystem finds the directory of a file system by its id.
	FileSystem func(id string) (dir string, ok bool)
}

// Find returns the local path that a URI stands for: of `file:///dir`, or of
// `s3://bucket/key`.
func (p Places) Find(uri string) (string, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is not a URI", uri)
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path):
		return filepath.Clean(u.Path), nil
	case u.Scheme != "s3" || u.Host == "" || strings.Trim(u.Host, ".") == "":
		return "", fmt.Errorf("%q is neither s3://BUCKET/KEY nor file:///PATH", uri)
	case p.S3 == "":
		return "", fmt.Errorf("%s stands for no directory: the server has been started without --s3-root", uri)
	}
	return filepath.Join(p.S3, u.Host, filepath.FromSlash(path.Clean("/"+u.Path))), nil
}

// find returns the directory or file of a channel.
func (p Places) find(c *Channel) (string, error) {
	if s3 := c.DataSource.S3DataSource; s3 != nil {
		return p.Find(s3.S3Uri)
	}
	fs := c.DataSource.FileSystemDataSource
	if p.FileSystem != nil {
		if dir, ok := p.FileSystem(fs.FileSystemID); ok {
			return filepath.Join(dir, filepath.FromSlash(path.Clean("/"+fs.DirectoryPath))), nil
		}
	}
	return "", fmt.Errorf("file system %s stands for no directory: the server has been started without a --volume for it", fs.FileSystemID)
}

// Check refuses a request whose data is nowhere on this machine.
func (p Places) Check(r *Request) error {
	for i := range r.InputDataConfig {
		if _, err := p.find(&r.InputDataConfig[i]); err != nil {
			return err
		}
	}
	if r.OutputDataConfig.S3OutputPath == "" {
		return nil
	}
	_, err := p.Find(r.OutputDataConfig.S3OutputPath)
	return err
}
