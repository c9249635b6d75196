package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/bargehq/barge/internal/batch"
)

// config is what the flags of `barge serve` say.
type config struct {
	Listen   string
	Data     string
	Driver   string // auto, docker, oci or process
	Docker   string // the engine's address, empty for the default one
	Images   string // directory of images for the oci driver
	Runtime  string // its runtime, empty for the best one
	Scope    batch.Scope
	Insecure bool
	KeepJobs retention // that have ended
	settings
	instances
	events
}

func defaultConfig() config {
	data := ".barge"
	if home, err := os.UserHomeDir(); err == nil {
		data = filepath.Join(home, ".barge")
	}
	return config{
		instances: defaultInstances(),
		settings:  settings{MaxProcesses: 4096, MaxArraySize: 10_000, MaxDependencies: 20, MaxShares: 500, Nodes: "10.192.0.0/10"},
		Listen:    "127.0.0.1:8642", Data: data, Driver: "auto", KeepJobs: retention(30 * day),
		Scope: batch.Scope{Partition: "aws", Region: "us-east-1", Account: "123456789012"},
	}
}

// validate returns all that is wrong with the configuration.
func (c config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		bad("--listen %q is not host:port", c.Listen)
	} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !c.Insecure {
		bad("--listen %s is not a loopback address, and there is no authentication: whoever reaches it can run commands on this machine; --insecure-no-auth accepts that", c.Listen)
	}
	switch c.Driver {
	case "auto", "docker", "oci", "process":
	default:
		bad("--driver must be auto, docker, oci or process, not %q", c.Driver)
	}
	if len(c.GPUs) > 0 && (c.Driver == "process" || c.Driver == "oci") {
		bad("--gpus needs the docker driver: a process sees all of the machine's GPUs, and the oci driver gives none")
	}
	if c.Images != "" {
		if st, err := os.Stat(c.Images); err != nil || !st.IsDir() {
			bad("--images %s is no directory", c.Images)
		}
		if c.Driver == "docker" || c.Driver == "process" {
			bad("--images needs the oci driver")
		}
	}
	if _, err := c.volumes(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.jobEnv(); err != nil {
		errs = append(errs, err)
	}
	if err := c.check(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkLimits(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.nodeSpace("docker"); err != nil {
		errs = append(errs, err)
	}
	if c.Data == "" {
		bad("--data must name a directory")
	}
	if !regexp.MustCompile(`^\d{12}$`).MatchString(c.Scope.Account) {
		bad("--account must have 12 digits, not %q", c.Scope.Account)
	}
	if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(c.Scope.Region) {
		bad("--region %q is no region name", c.Scope.Region)
	}
	return errors.Join(errs...)
}

func newServeCommand() *cobra.Command {
	c := defaultConfig()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server. Jobs keep running when it stops, and are taken up again when it starts.\n" +
			"Any AWS client reaches it with AWS_ENDPOINT_URL set; its first lines say how.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.validate(); err != nil {
				return err
			}
			return run(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", c.Listen, "address to listen on")
	f.StringVar(&c.Data, "data", c.Data, "directory of the database, the logs and what runs")
	f.StringVar(&c.Driver, "driver", c.Driver, "what runs jobs: docker, oci, process, or auto (oci with --images, docker where an engine answers)")
	f.StringVar(&c.Images, "images", "", "directory of images for the oci driver: archives as of `docker save`, OCI layouts and archives of them; others are pulled")
	f.StringVar(&c.Runtime, "runtime", "", "OCI runtime of the oci driver, by name or path; without it crun, or else runc")
	f.StringVar(&c.Docker, "docker-host", "", "address of the Docker Engine or Podman, such as unix:///run/podman/podman.sock")
	f.StringVar(&c.Scope.Region, "region", c.Scope.Region, "region in the ARNs")
	f.StringVar(&c.Scope.Account, "account", c.Scope.Account, "account in the ARNs")
	c.settings.flags(f)
	c.instances.flags(f)
	c.eventFlags(f)
	f.Var(&c.KeepJobs, "keep-jobs", "how long jobs are kept that have ended, such as 30d or 36h, or forever")
	f.BoolVar(&c.Insecure, "insecure-no-auth", false, "listen on an address that others can reach, without authentication")
	return cmd
}
