package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/driver"
)

func TestVolumes(t *testing.T) {
	t.Parallel()
	s := settings{Volumes: []string{"fs-1=/mnt/x/", "fs-1/fsap-2=/mnt/y", "fs-3=nfs://10.0.0.1/export/z", "fs-4=nfs://server"}}
	got, err := s.volumes()
	want := map[string]driver.Mount{
		"fs-1": {Host: "/mnt/x"}, "fs-1/fsap-2": {Host: "/mnt/y"},
		"fs-3": {NFS: &driver.NFS{Server: "10.0.0.1", Path: "/export/z"}}, "fs-4": {NFS: &driver.NFS{Server: "server", Path: "/"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("volumes ended with %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range [][]string{{"fs-1"}, {"=/x"}, {"fs-1="}, {"fs-1=relative"}, {"fs-1=nfs:///x"}, {"fs-1=nfs://a,b/x"}, {"fs-1=/a", "fs-1=/b"}} {
		if _, err := (&settings{Volumes: bad}).volumes(); err == nil {
			t.Errorf("--volume %q is taken", bad)
		}
	}
}

func TestJobEnv(t *testing.T) {
	t.Parallel()
	got, err := (&settings{JobEnv: []string{"A=1", "B=x=y", "C="}}).jobEnv()
	if diff := cmp.Diff([]driver.Var{{Name: "A", Value: "1"}, {Name: "B", Value: "x=y"}, {Name: "C"}}, got); diff != "" || err != nil {
		t.Errorf("variables ended with %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"A", "=1", "AWS_BATCH_X=1"} {
		if _, err := (&settings{JobEnv: []string{bad}}).jobEnv(); err == nil {
			t.Errorf("--job-env %q is taken", bad)
		}
	}
}
