//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestSettings: what a definition asks for is what its container sees, or the
// attempt fails and names it.
func TestSettings(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		refused := func(what string) string {
			return "FAILED: Task failed to start, CannotCreateContainerError: " + what + ".*\n.*never ran"
		}
		efs := func(id, path string) func(*types.ContainerProperties) {
			return func(p *types.ContainerProperties) {
				p.Volumes = []types.Volume{{Name: aws.String("v"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{
					FileSystemId: &id, RootDirectory: aws.String("/sub"),
				}}}
				p.MountPoints = []types.MountPoint{{SourceVolume: aws.String("v"), ContainerPath: &path}}
			}
		}
		for title, c := range map[string]struct {
			script string
			change func(*types.ContainerProperties)
			log    []string
			want   map[string]string // an end other than success, by driver
		}{
			"environment": {
				script: `echo $SITE $AWS_EXECUTION_ENV $AWS_BATCH_JQ_NAME $AWS_BATCH_CE_NAME $AWS_BATCH_JOB_ATTEMPT; env | grep -c ECS_CONTAINER_METADATA`,
				change: func(p *types.ContainerProperties) { p.Command[2] += "; true" },
				log:    []string{"lab AWS_ECS_EC2 queue env 1", "0"},
			},
			"a job's own value counts before the server's": {
				script: `echo $SITE`,
				change: func(p *types.ContainerProperties) {
					p.Environment = []types.KeyValuePair{{Name: aws.String("SITE"), Value: aws.String("mine")}}
				},
				log: []string{"mine"},
			},
			"secrets": {
				// The log must not show them either, so the job only counts.
				script: `printf $TOKEN | wc -c | tr -d ' '; test "$TOKEN" = "$PASSWORD" && echo the same`,
				change: func(p *types.ContainerProperties) {
					p.Secrets = []types.Secret{
						{Name: aws.String("TOKEN"), ValueFrom: aws.String("token")},
						{Name: aws.String("PASSWORD"), ValueFrom: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf:password::")},
					}
				},
				log: []string{"13", "the same"},
			},
			"no such secret": {
				change: func(p *types.ContainerProperties) {
					p.Secrets = []types.Secret{{Name: aws.String("TOKEN"), ValueFrom: aws.String("arn:aws:ssm:us-east-1:123456789012:parameter/none")}}
				},
				want: map[string]string{
					"": "FAILED: Task failed to start, ResourceInitializationError: unable to pull secrets or registry auth: .*parameter/none.*\n.*never ran",
				},
			},
			"file system": {
				script: "echo text >" + s.efs + "/sub/file && echo written",
				change: efs("fs-0123", s.efs+"/sub"), log: []string{"written"},
			},
			"file system elsewhere": {
				script: "touch /elsewhere/file && echo written", change: efs("fs-0123", "/elsewhere"),
				log: []string{"written"}, want: map[string]string{"process": refused("mountPoints")},
			},
			"no such file system": {
				change: efs("fs-9999", "/x"),
				want:   map[string]string{"": "FAILED: Task failed to start, ResourceInitializationError: failed to set up EFS volume fs-9999: .*\n.*never ran"},
			},
			"read-only root": {
				script: "touch /here 2>/dev/null || echo read only",
				change: func(p *types.ContainerProperties) { p.ReadonlyRootFilesystem = aws.Bool(true) },
				log:    []string{"read only"}, want: map[string]string{"process": refused("readonlyRootFilesystem")},
			},
			"ulimits": {
				script: "ulimit -n",
				change: func(p *types.ContainerProperties) {
					p.Ulimits = []types.Ulimit{{Name: aws.String("nofile"), SoftLimit: aws.Int32(99), HardLimit: aws.Int32(99)}}
				},
				log: []string{"99"},
			},
			"shared memory": {
				script: `df -k /dev/shm | tail -n 1 | awk '{print $2}'`,
				change: func(p *types.ContainerProperties) {
					p.LinuxParameters = &types.LinuxParameters{SharedMemorySize: aws.Int32(9)}
				},
				log: []string{"9216"}, want: map[string]string{"process": refused("linuxParameters.sharedMemorySize")},
			},
			"another log driver": {
				script: "echo lost",
				change: func(p *types.ContainerProperties) {
					p.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverJsonFile}
				},
			},
			"a log driver that is not there": {
				change: func(p *types.ContainerProperties) {
					p.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverSplunk}
				},
				want: map[string]string{"process": refused("logConfiguration.logDriver"), "oci": refused("logConfiguration.logDriver"), "docker": "FAILED: Task failed to start, Cannot.*\n.*never ran"},
			},
		} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				d := s.script(t, c.script)
				c.change(d.ContainerProperties)
				j := s.ended(t, s.submit(t, d))
				want, log := "SUCCEEDED: "+exited+", code 0\n.*", c.log
				for _, driver := range []string{"", s.driver} {
					if w := c.want[driver]; w != "" {
						want, log = w, nil
					}
				}
				if got := summary(j); !regexp.MustCompile(`^` + want + `$`).MatchString(got) {
					t.Errorf("the job ended as\n%s\nwant\n%s", got, want)
				}
				if got := s.log(t, j.Container.LogStreamName); !slices.Equal(got, log) {
					t.Errorf("the log is %q, want %q", got, log)
				}
				if text, err := json.Marshal(j); err != nil || bytes.Contains(text, []byte(value)) {
					t.Errorf("the description shows a secret, or %v: %s", err, text)
				}
			})
		}
	})
}

// TestSecretsStayHidden: the server writes no secret to any of its files.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		d := s.script(t, `echo up; sleep 1`)
		d.ContainerProperties.Secrets = []types.Secret{{Name: aws.String("TOKEN"), ValueFrom: aws.String("token")}}
		id := s.submit(t, d)
		s.await(t, id, types.JobStatusRunning)
		for range 2 { // while it runs, and behind it
			err := filepath.WalkDir(filepath.Join(s.dir), func(path string, e fs.DirEntry, err error) error {
				if err != nil || !e.Type().IsRegular() || path == filepath.Join(s.dir, "secrets") {
					return nil //nolint:nilerr // files come and go under us
				}
				if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(value)) {
					t.Errorf("%s has a secret", path)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
			if err != nil {
				t.Error(err)
			}
			for _, path := range lines {
				if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(value)) {
					t.Errorf("%s shows a secret: %q", path, text)
				}
			}
			s.ended(t, id)
		}
	})
}
