//go:build linux

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// container is one of several.
func (s *server) container(name, script string, change ...func(*types.TaskContainerProperties)) types.TaskContainerProperties {
	c := types.TaskContainerProperties{
		Name: &name, Image: &s.image, Command: []string{"/bin/sh", "-c", script}, ResourceRequirements: requirements("1", "64"),
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func sidecar(c *types.TaskContainerProperties) { c.Essential = aws.Bool(false) }

func after(name, condition string) func(*types.TaskContainerProperties) {
	return func(c *types.TaskContainerProperties) {
		c.DependsOn = append(c.DependsOn, types.TaskContainerDependency{ContainerName: &name, Condition: &condition})
	}
}

func quick(c *types.TaskContainerProperties) { c.StopTimeout = aws.Int32(2) }

func (s *server) several(t *testing.T, task types.EcsTaskProperties) *batch.RegisterJobDefinitionInput {
	return &batch.RegisterJobDefinitionInput{
		JobDefinitionName: name(t), Type: types.JobDefinitionTypeContainer,
		EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}},
	}
}

// TestSeveral: jobs of several containers. Beside jobs.md §17.
func TestSeveral(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		for title, c := range map[string]struct {
			containers []types.TaskContainerProperties
			want       string
		}{
			"main and a helper": {
				[]types.TaskContainerProperties{
					s.container("main", "sleep 1", after("helper", "START")), s.container("helper", "trap 'exit 143' TERM; sleep 600 & wait", sidecar),
				},
				"SUCCEEDED: " + exited + "\nattempt: " + exited + "\nmain, code 0\nhelper, code 143",
			},
			"prepared": {
				[]types.TaskContainerProperties{
					s.container("init", "sleep 0.3; exit 0", sidecar), s.container("main", "exit 5", after("init", "SUCCESS")),
				},
				"FAILED: " + exited + "\nattempt: " + exited + "\ninit, code 0\nmain, code 5",
			},
			"not prepared": {
				[]types.TaskContainerProperties{
					s.container("init", "exit 2", sidecar), s.container("main", "exit 0", after("init", "SUCCESS")),
				},
				"FAILED: Task failed to start\nattempt: Task failed to start\ninit, code 2\n" +
					"main, CannotStartContainerError: the container depends on init, which did not reach SUCCESS",
			},
			"killed": {
				[]types.TaskContainerProperties{
					s.container("main", "sleep 1", after("stubborn", "START")), s.container("stubborn", "trap '' TERM; while :; do sleep 0.1; done", sidecar, quick),
				},
				"SUCCEEDED: " + exited + "\nattempt: " + exited + "\nmain, code 0\nstubborn, code 137",
			},
			"one essential container ends before the other": {
				[]types.TaskContainerProperties{s.container("one", "exit 0"), s.container("other", "trap 'exit 143' TERM; sleep 600 & wait", after("one", "START"))},
				"",
			},
		} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				j := s.ended(t, s.submit(t, s.several(t, types.EcsTaskProperties{Containers: c.containers})))
				if c.want == "" { // how far the other one comes is chance; that it does not succeed is not
					if j.Status != types.JobStatusFailed {
						t.Errorf("the job ended as %s", summary(j))
					}
					return
				}
				if got := summary(j); got != c.want {
					t.Errorf("the job ended as\n%s\nwant\n%s", got, c.want)
				}
			})
		}
		t.Run("shared", func(t *testing.T) {
			t.Parallel()
			s.shared(t)
		})
	})
}

// shared: containers share a volume and the network, and each has its log.
func (s *server) shared(t *testing.T) {
	dir := "/shared"
	volume := types.Volume{Name: aws.String("shared")}
	if s.driver == "process" { // which has no volumes of its own
		dir = t.TempDir()
		volume.Host = &types.Host{SourcePath: &dir}
	}
	mount := func(c *types.TaskContainerProperties) {
		c.MountPoints = []types.MountPoint{{SourceVolume: volume.Name, ContainerPath: &dir}}
	}
	d := s.several(t, types.EcsTaskProperties{
		Volumes: []types.Volume{volume},
		Containers: []types.TaskContainerProperties{
			s.container("init", "echo written >"+dir+"/file; echo from init", sidecar, mount),
			s.container("main", "cat "+dir+"/file; readlink /proc/self/ns/net", after("init", "SUCCESS"), mount),
			s.container("other", "readlink /proc/self/ns/net; trap 'exit 0' TERM; sleep 600 & wait", sidecar, after("init", "COMPLETE")),
		},
	})
	j := s.ended(t, s.submit(t, d))
	task := j.EcsProperties.TaskProperties[0]
	var logs [3][]string
	for i, c := range task.Containers {
		if c.LogStreamName == nil || !strings.HasPrefix(*c.LogStreamName, *name(t)+"/"+*c.Name+"/") {
			t.Errorf("the stream of %s is called %s", *c.Name, aws.ToString(c.LogStreamName))
		}
		logs[i] = s.log(t, c.LogStreamName)
	}
	if j.Status != types.JobStatusSucceeded || len(logs[1]) != 2 || logs[0][0] != "from init" || logs[1][0] != "written" ||
		len(logs[2]) != 1 || logs[2][0] != logs[1][1] {
		t.Errorf("the job ended as\n%s\nwith the logs %q", summary(j), logs)
	}
}

// TestSeveralRestart: the server dies while containers run and others wait for
// them, and the task goes on.
func TestSeveralRestart(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		gate := t.TempDir()
		wait := func(name string) string { return "until [ -e " + gate + "/" + name + " ]; do sleep 0.1; done" }
		visible := func(c *types.TaskContainerProperties) {
			c.MountPoints = []types.MountPoint{{SourceVolume: aws.String("gate"), ContainerPath: &gate}}
		}
		touch := func(name string) { until(t, "gate "+name, func() bool { return write(gate+"/"+name) == nil }) }
		id := s.submit(t, s.several(t, types.EcsTaskProperties{
			Volumes: []types.Volume{{Name: aws.String("gate"), Host: &types.Host{SourcePath: &gate}}},
			Containers: []types.TaskContainerProperties{
				s.container("init", "echo begun; touch "+gate+"/begun; "+wait("a"), sidecar, visible),
				s.container("main", wait("b")+"; exit 7", after("init", "SUCCESS"), visible),
				s.container("helper", "trap 'exit 9' TERM; sleep 600 & wait", sidecar, after("main", "START")),
			},
		}))
		s.await(t, id, types.JobStatusStarting)
		until(t, "init to begin", func() bool { _, err := os.Stat(gate + "/begun"); return err == nil })
		s.kill()
		touch("a")
		s.start()
		s.await(t, id, types.JobStatusRunning)
		s.kill()
		touch("b")
		s.start()
		want := "FAILED: " + exited + "\nattempt: " + exited + "\ninit, code 0\nmain, code 7\nhelper, code 9"
		j := s.ended(t, id)
		if got := summary(j); got != want {
			t.Errorf("the job ended as\n%s\nwant\n%s", got, want)
		}
		if got := s.log(t, j.EcsProperties.TaskProperties[0].Containers[0].LogStreamName); !slices.Equal(got, []string{"begun"}) {
			t.Errorf("the log of init is %q: it ran more than once, or its log is not whole", got)
		}
	})
}
