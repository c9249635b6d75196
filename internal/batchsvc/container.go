package batchsvc

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/driver"
)

// cannotStart says why a container cannot start, in ECS's words.
func cannotStart(format string, args ...any) error {
	return &driver.StartError{Reason: fmt.Sprintf(format, args...)}
}

// container fills in what a container of a task asks of a driver, beyond its
// name, resources and environment. grace is how long it has from SIGTERM to
// SIGKILL unless it says so itself. A *driver.StartError says what is missing here.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html
func (s *Service) container(task *batchapi.EcsTaskProperties, grace time.Duration, c *batchapi.TaskContainerProperties, out *driver.Spec) error {
	out.Image, out.Command, out.User = c.Image, c.Command, c.User
	out.Privileged, out.ReadonlyRootFS = deref(c.Privileged), deref(c.ReadonlyRootFilesystem)
	out.StopTimeout, out.MaxProcesses = grace, s.o.MaxProcesses
	if t := deref(c.StopTimeout); t > 0 {
		out.StopTimeout = time.Duration(t) * time.Second
	}
	if e := task.EphemeralStorage; e != nil {
		out.DiskGiB = int64(deref(e.SizeInGiB))
	}
	if p := task.RuntimePlatform; p != nil {
		out.Platform = driver.Platform{Architecture: p.CpuArchitecture, OS: p.OperatingSystemFamily}
	}
	out.HostPID = task.PidMode == "host"
	out.HostIPC, out.NoIPC = task.IpcMode == "host", task.IpcMode == "none"
	for _, u := range c.Ulimits {
		out.Ulimits = append(out.Ulimits, driver.Ulimit{Name: u.Name, Soft: int64(deref(u.SoftLimit)), Hard: int64(deref(u.HardLimit))})
	}
	linuxParameters(c.LinuxParameters, out)
	for _, m := range c.MountPoints {
		mount, err := s.mount(task.Volumes, m)
		if err != nil {
			return err
		}
		out.Mounts = append(out.Mounts, mount)
	}
	if err := s.outputTo(c.LogConfiguration, out); err != nil {
		return err
	}
	if c.RepositoryCredentials == nil {
		return nil
	}
	var login struct{ Username, Password string }
	text, err := s.secret(c.RepositoryCredentials.CredentialsParameter)
	if err != nil {
		return err
	}
	if json.Unmarshal([]byte(text), &login) != nil || login.Username == "" {
		return cannotStart("ResourceInitializationError: unable to pull secrets or registry auth: %s: the secret is no JSON object with username and password", c.RepositoryCredentials.CredentialsParameter)
	}
	out.Registry = &driver.Credentials{User: login.Username, Password: login.Password}
	return nil
}

// secret resolves a valueFrom.
func (s *Service) secret(from string) (string, error) {
	value, err := s.o.Secret(from)
	if err != nil {
		return "", cannotStart("ResourceInitializationError: unable to pull secrets or registry auth: %s", err)
	}
	return value, nil
}

func linuxParameters(p *batchapi.LinuxParameters, out *driver.Spec) {
	if p == nil {
		return
	}
	out.Init, out.SharedMemMiB = deref(p.InitProcessEnabled), int64(deref(p.SharedMemorySize))
	for _, t := range p.Tmpfs {
		out.Tmpfs = append(out.Tmpfs, driver.Tmpfs{Path: t.ContainerPath, SizeMiB: int64(deref(t.Size)), Options: t.MountOptions})
	}
	for _, d := range p.Devices {
		device := driver.Device{Host: d.HostPath, Path: d.ContainerPath, Read: true, Write: true, Mknod: true}
		if device.Path == "" {
			device.Path = d.HostPath
		}
		if len(d.Permissions) > 0 {
			has := func(name string) bool { return slices.Contains(d.Permissions, name) }
			device.Read, device.Write, device.Mknod = has("READ"), has("WRITE"), has("MKNOD")
		}
		out.Devices = append(out.Devices, device)
	}
	if p.MaxSwap != nil { // AWS ignores swappiness without it
		out.MaxSwapMiB = ptr(int64(*p.MaxSwap))
		if p.Swappiness != nil {
			out.Swappiness = ptr(int64(*p.Swappiness))
		}
	}
}

// mount finds what stands behind a mount point.
func (s *Service) mount(volumes []batchapi.Volume, m batchapi.MountPoint) (driver.Mount, error) {
	i := slices.IndexFunc(volumes, func(v batchapi.Volume) bool { return v.Name == m.SourceVolume })
	if i < 0 {
		return driver.Mount{}, cannotStart("CannotCreateContainerError: mountPoints: there is no volume %s", m.SourceVolume)
	}
	v := volumes[i]
	var mount driver.Mount
	var err error
	switch {
	case v.EfsVolumeConfiguration != nil:
		c := v.EfsVolumeConfiguration
		point := ""
		if c.AuthorizationConfig != nil {
			point = c.AuthorizationConfig.AccessPointId
		}
		mount, err = s.fileSystem("EFS", c.FileSystemId, point, c.RootDirectory)
	case v.S3filesVolumeConfiguration != nil:
		c := v.S3filesVolumeConfiguration
		mount, err = s.fileSystem("S3 Files", lastOf(c.FileSystemArn), lastOf(c.AccessPointArn), c.RootDirectory)
	case v.Host != nil && v.Host.SourcePath != "":
		mount.Host = v.Host.SourcePath
	default:
		mount.Volume = v.Name
	}
	mount.Path, mount.ReadOnly = m.ContainerPath, deref(m.ReadOnly)
	return mount, err
}

// fileSystem finds the directory that stands for a file system of AWS, or for an
// access point of one.
func (s *Service) fileSystem(kind, id, accessPoint, root string) (driver.Mount, error) {
	if accessPoint != "" {
		id += "/" + accessPoint
	}
	mount, ok := s.o.Volumes[id]
	if !ok {
		return mount, cannotStart("ResourceInitializationError: failed to set up %s volume %s: no directory stands for it here, see barge serve --volume", kind, id)
	}
	root = path.Clean("/" + root) // nothing above the directory
	if mount.NFS != nil {
		mount.NFS = &driver.NFS{Server: mount.NFS.Server, Path: path.Join(mount.NFS.Path, root)}
	} else {
		mount.Host = path.Join(mount.Host, root)
	}
	return mount, nil
}

// lastOf is the id at the end of an ARN.
func lastOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// outputTo passes on a log driver that is not ours. The output of awslogs, the
// default, is read from the driver and goes to the log store.
func (s *Service) outputTo(l *batchapi.LogConfiguration, out *driver.Spec) error {
	if l == nil || l.LogDriver == batchapi.LogDriverAwslogs {
		return nil
	}
	out.Log = &driver.Log{Driver: l.LogDriver, Options: make(map[string]string, len(l.Options)+len(l.SecretOptions))}
	for key, value := range l.Options {
		out.Log.Options[key] = value
	}
	for _, o := range l.SecretOptions {
		value, err := s.secret(o.ValueFrom)
		if err != nil {
			return err
		}
		out.Log.Options[o.Name] = value
	}
	return nil
}
