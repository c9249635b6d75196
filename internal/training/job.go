package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/driver"
)

// Refused says why a job cannot run, or why its output cannot be kept.
type Refused struct{ Reason string }

// Error returns the reason.
func (r *Refused) Error() string { return r.Reason }

// Job is one attempt of a training job.
type Job struct {
	*Request

	Name, ARN string // of the training job
	Dir       string // its own; made and removed by its methods
	Mounted   bool   // the driver shows it as /opt/ml
	Places    Places
}

// ml is where SageMaker's containers find everything.
const ml = "/opt/ml"

// host is the name of the one instance.
const host = "algo-1"

// base is what the job sees as /opt/ml.
func (j *Job) base() string {
	if j.Mounted {
		return ml
	}
	return j.Dir
}

// Mounts are what the driver has to show the job.
func (j *Job) Mounts() ([]driver.Mount, error) {
	if !j.Mounted {
		return nil, nil
	}
	mounts := []driver.Mount{{Path: ml, Host: j.Dir}}
	for i := range j.InputDataConfig {
		c := &j.InputDataConfig[i]
		source, err := j.source(c)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, driver.Mount{Path: ml + "/input/data/" + c.ChannelName, Host: source, ReadOnly: true})
	}
	return mounts, nil
}

// source is the directory with the data of a channel.
func (j *Job) source(c *Channel) (string, error) {
	path, err := j.Places.find(c)
	if err != nil {
		return "", &Refused{err.Error()}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Refused{fmt.Sprintf("ClientError: the data of channel %s does not exist: there is no %s", c.ChannelName, path)}
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", &Refused{fmt.Sprintf("ClientError: the data of channel %s is no directory: %s", c.ChannelName, path)}
	}
	return path, nil
}

// Prepare makes the job's directory. It may be called again.
func (j *Job) Prepare() error {
	if j.AlgorithmSpecification.TrainingImage == "" {
		return &Refused{"ValidationException: AlgorithmSpecification.TrainingImage is missing in the serviceRequestPayload"}
	}
	for _, dir := range []string{"input/config", "input/data", "model", "output/data", "code", "checkpoints"} {
		if err := os.MkdirAll(filepath.Join(j.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	// What the job writes it may write as any user.
	for _, dir := range []string{"model", "output", "output/data", "checkpoints"} {
		if err := os.Chmod(filepath.Join(j.Dir, dir), 0o777); err != nil {
			return err
		}
	}
	for i := range j.InputDataConfig {
		c := &j.InputDataConfig[i]
		source, err := j.source(c)
		if err != nil {
			return err
		}
		at := filepath.Join(j.Dir, "input/data", c.ChannelName)
		if j.Mounted {
			err = os.MkdirAll(at, 0o755)
		} else if err = os.Symlink(source, at); errors.Is(err, fs.ErrExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	for name, content := range map[string]any{
		"hyperparameters.json": j.hyperParameters(), "inputdataconfig.json": j.inputs(), "resourceconfig.json": j.resources(),
	} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(j.Dir, "input/config", name), text, 0o644); err != nil { //nolint:gosec // the job reads it, as whatever user
			return err
		}
	}
	return nil
}

func (j *Job) hyperParameters() map[string]string {
	if j.HyperParameters == nil {
		return map[string]string{}
	}
	return j.HyperParameters
}

func (j *Job) inputs() map[string]map[string]string {
	all := make(map[string]map[string]string)
	for _, c := range j.InputDataConfig {
		x := map[string]string{"TrainingInputMode": "File", "RecordWrapperType": "None", "S3DistributionType": "FullyReplicated"}
		if c.ContentType != "" {
			x["ContentType"] = c.ContentType
		}
		all[c.ChannelName] = x
	}
	return all
}

func (j *Job) resources() map[string]any {
	return map[string]any{
		"current_host": host, "current_instance_type": j.ResourceConfig.InstanceType, "current_group_name": "homogeneousCluster",
		"hosts": []string{host}, "network_interface_name": "eth0",
		"instance_groups": []map[string]any{{
			"instance_group_name": "homogeneousCluster", "instance_type": j.ResourceConfig.InstanceType, "hosts": []string{host},
		}},
	}
}

// Variables are what the job finds in its environment: the request's, and what
// SageMaker and its training toolkit set.
func (j *Job) Variables() []driver.Var {
	var env []driver.Var
	set := func(name, value string) { env = append(env, driver.Var{Name: name, Value: value}) }
	list := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic("training: strings that are no JSON: " + err.Error())
		}
		return string(text)
	}
	channels := make([]string, 0, len(j.InputDataConfig))
	for _, c := range j.InputDataConfig {
		channels = append(channels, c.ChannelName)
		set("SM_CHANNEL_"+variable(c.ChannelName), j.base()+"/input/data/"+c.ChannelName)
	}
	for _, name := range sortedKeys(j.HyperParameters) {
		set("SM_HP_"+variable(name), j.HyperParameters[name])
	}
	set("SM_HPS", list(j.hyperParameters()))
	set("SM_CHANNELS", list(channels))
	set("SM_HOSTS", list([]string{host}))
	set("SM_CURRENT_HOST", host)
	set("SM_CURRENT_INSTANCE_TYPE", j.ResourceConfig.InstanceType)
	set("SM_INPUT_DIR", j.base()+"/input")
	set("SM_INPUT_CONFIG_DIR", j.base()+"/input/config")
	set("SM_MODEL_DIR", j.base()+"/model")
	set("SM_OUTPUT_DIR", j.base()+"/output")
	set("SM_OUTPUT_DATA_DIR", j.base()+"/output/data")
	for _, name := range sortedKeys(j.Environment) {
		set(name, j.Environment[name])
	}
	set("TRAINING_JOB_NAME", j.Name)
	set("TRAINING_JOB_ARN", j.ARN)
	return env
}

// variable is a name as a part of a variable's.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// maxFailure is how much SageMaker takes of the file in which a job says why it
// has failed, in bytes.
const maxFailure = 1024

// Failure is what the job has written of why it has failed.
func (j *Job) Failure() (string, error) {
	root, err := os.OpenRoot(j.Dir) // the job may have put links there, to anything
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	if info, failure := root.Lstat("output/failure"); failure != nil || !info.Mode().IsRegular() {
		return "", nil //nolint:nilerr // it has written none
	}
	f, err := root.Open("output/failure")
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	b := make([]byte, maxFailure)
	n, _ := f.Read(b) // of what cannot be read nothing is told
	return strings.TrimSpace(strings.ToValidUTF8(string(b[:n]), "")), nil
}

// Discard removes the job's directory.
func (j *Job) Discard() error { return os.RemoveAll(j.Dir) }
