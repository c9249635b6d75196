package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/driver"
)

// settings are what this machine has for jobs, as the flags of `barge serve` say.
type settings struct {
	Secrets string   // see secret.Open
	Volumes []string // ID=PATH or ID=nfs://SERVER/PATH
	S3Root  string   // the directory that stands for S3; empty for none
	JobEnv  []string // NAME=VALUE
	Nodes   string   // address space of the nodes of multi-node jobs on Docker
	GPUs    []string // ids

	InstanceTypes string // a file; empty for EC2's types alone

	MaxProcesses    int64
	MaxArraySize    int32
	MaxDependencies int
	MaxShares       int
}

// checkLimits returns all that is wrong with the limits.
func (s *settings) checkLimits() error {
	var errs []error
	if s.MaxArraySize < 2 || s.MaxArraySize > batchsvc.MostArraySize {
		errs = append(errs, fmt.Errorf("--max-array-size must be from 2 to %d, not %d", batchsvc.MostArraySize, s.MaxArraySize))
	}
	if s.MaxProcesses < 0 || s.MaxProcesses > 1<<22 {
		errs = append(errs, fmt.Errorf("--max-processes must be from 1 to %d, or 0, not %d", 1<<22, s.MaxProcesses))
	}
	if s.MaxDependencies < 1 || s.MaxDependencies > 1000 {
		errs = append(errs, fmt.Errorf("--max-dependencies must be from 1 to 1000, not %d", s.MaxDependencies))
	}
	if s.MaxShares < 1 || s.MaxShares > batchsvc.MostShares {
		errs = append(errs, fmt.Errorf("--max-shares must be from 1 to %d, not %d", batchsvc.MostShares, s.MaxShares))
	}
	return errors.Join(errs...)
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.Secrets, "secrets", "", "file with the values that jobs name in secrets.valueFrom: a JSON object or lines NAME=VALUE, by ARN or name; or env:PREFIX for variables of the server")
	f.StringVar(&s.S3Root, "s3-root", "", "directory that stands for S3 in the requests of training jobs: s3://BUCKET/KEY is DIR/BUCKET/KEY")
	f.StringArrayVar(&s.Volumes, "volume", nil, "directory that stands for a file system of EFS or S3 Files, such as fs-0123=/mnt/x or fs-0123=nfs://server/export; fs-0123/fsap-1=… for an access point; repeatable")
	f.StringSliceVar(&s.GPUs, "gpus", nil, "GPUs that jobs may have, by index or UUID as nvidia-smi has them, such as 0,1; needs the docker driver")
	f.StringVar(&s.InstanceTypes, "instance-types", "", "file with instance types of your own, their prices, and other prices for EC2's: JSON, YAML or CSV; see docs/cost.md")
	f.Int64Var(&s.MaxProcesses, "max-processes", s.MaxProcesses, "the most processes and threads that a container of a job may have at once, where the driver can limit anything; 0 for no limit")
	f.Int32Var(&s.MaxArraySize, "max-array-size", s.MaxArraySize, "the most children of an array job, up to 1000000; AWS has 10000")
	f.IntVar(&s.MaxDependencies, "max-dependencies", s.MaxDependencies, "the most jobs that a job can depend on, up to 1000; AWS has 20")
	f.IntVar(&s.MaxShares, "max-shares", s.MaxShares, "the most share identifiers that may be active in a job queue, up to 10000; AWS has 500")
	f.StringVar(&s.Nodes, "node-networks", s.Nodes, "addresses for the networks of multi-node jobs on Docker, such as 10.192.0.0/10 or 100.64.0.0/10; processes use 127.64.0.0/10")
	f.StringArrayVar(&s.JobEnv, "job-env", nil, "NAME=VALUE in the environment of every job that does not set it itself; repeatable")
}

// volumes reads --volume.
func (s *settings) volumes() (map[string]driver.Mount, error) {
	all := make(map[string]driver.Mount, len(s.Volumes))
	for _, text := range s.Volumes {
		id, target, ok := strings.Cut(text, "=")
		if !ok || id == "" || target == "" {
			return nil, fmt.Errorf("--volume %q is not ID=PATH", text)
		}
		if _, twice := all[id]; twice {
			return nil, fmt.Errorf("--volume names %s twice", id)
		}
		if export, nfs := strings.CutPrefix(target, "nfs://"); nfs {
			server, dir, _ := strings.Cut(export, "/")
			if server == "" || strings.ContainsAny(server, ", ") {
				return nil, fmt.Errorf("--volume %q is not ID=nfs://SERVER/PATH", text)
			}
			all[id] = driver.Mount{NFS: &driver.NFS{Server: server, Path: path.Clean("/" + dir)}}
			continue
		}
		if !filepath.IsAbs(target) {
			return nil, fmt.Errorf("--volume %s must be absolute, not %s", id, target)
		}
		all[id] = driver.Mount{Host: filepath.Clean(target)}
	}
	return all, nil
}

// nodeSpace reads --node-networks, for the driver with the given name. Processes
// live on the loopback interface, of which a part is left to whatever else a
// machine has there.
func (s *settings) nodeSpace(driver string) (netip.Prefix, error) {
	if driver == "process" {
		return netip.MustParsePrefix("127.64.0.0/10"), nil
	}
	p, err := netip.ParsePrefix(s.Nodes)
	if err != nil || !p.Addr().Is4() || p.Bits() != batch.NodeSpaceBits || p != p.Masked() {
		return p, fmt.Errorf("--node-networks %q is no range of IPv4 addresses with a prefix of /%d, such as 10.192.0.0/%d", s.Nodes, batch.NodeSpaceBits, batch.NodeSpaceBits)
	}
	return p, nil
}

// jobEnv reads --job-env.
func (s *settings) jobEnv() ([]driver.Var, error) {
	var all []driver.Var
	for _, text := range s.JobEnv {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("--job-env %q is not NAME=VALUE", text)
		case strings.HasPrefix(name, "AWS_BATCH"):
			return nil, fmt.Errorf("--job-env must not set %s: AWS_BATCH is reserved", name)
		}
		all = append(all, driver.Var{Name: name, Value: value})
	}
	return all, nil
}
