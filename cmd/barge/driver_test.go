package main

import (
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/driver/oci"
)

func TestDriverFlags(t *testing.T) {
	t.Parallel()
	images := t.TempDir()
	for _, c := range []struct {
		change func(*config)
		want   string
	}{
		{func(c *config) { c.Driver = "oci" }, ""},
		{func(c *config) { c.Driver, c.Images = "oci", images }, ""},
		{func(c *config) { c.Images = images }, ""},
		{func(c *config) { c.Driver = "kube" }, "--driver must be auto, docker, oci or process"},
		{func(c *config) { c.Driver, c.Images = "oci", images+"/none" }, "is no directory"},
		{func(c *config) { c.Driver, c.Images = "docker", images }, "--images needs the oci driver"},
		{func(c *config) { c.Driver, c.GPUs = "oci", []string{"0"} }, "--gpus needs the docker driver"},
	} {
		all := defaultConfig()
		c.change(&all)
		err := all.validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("driver %s, images %q: %v, want %q", all.Driver, all.Images, err, c.want)
		}
	}
}

// auto never changes what runs the jobs of a server that was given no images.
func TestChooseDriver(t *testing.T) {
	t.Parallel()
	choose := func(change func(*config)) string {
		c := defaultConfig()
		c.Docker = "unix:///nowhere/docker.sock"
		change(&c)
		return c.chooseDriver(t.Context())
	}
	if got := choose(func(*config) {}); got != "process" {
		t.Errorf("without images and engine auto is %s", got)
	}
	if got := choose(func(c *config) { c.Driver = "oci" }); got != "oci" {
		t.Errorf("oci is %s", got)
	}
	want := "process"
	if oci.Available("") == nil {
		want = "oci"
	}
	if got := choose(func(c *config) { c.Images = t.TempDir() }); got != want {
		t.Errorf("with images auto is %s, want %s", got, want)
	}
	if got := choose(func(c *config) { c.Images, c.Runtime = t.TempDir(), "/no/such/runtime" }); got != "process" {
		t.Errorf("with images and no runtime auto is %s", got)
	}
}
