package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/core/quota"
)

// Request is the part of CreateTrainingJob's request that means something here.
//
// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
type Request struct {
	AlgorithmSpecification struct {
		TrainingImage       string
		TrainingInputMode   string
		ContainerEntrypoint []string
		ContainerArguments  []string
	}
	HyperParameters  map[string]string
	InputDataConfig  []Channel
	OutputDataConfig struct{ S3OutputPath string }
	ResourceConfig   struct {
		InstanceType   string
		InstanceCount  *int64
		InstanceGroups []json.RawMessage
	}
	StoppingCondition struct{ MaxRuntimeInSeconds int32 }
	Environment       map[string]string
}

// Channel is one of the inputs.
type Channel struct {
	ChannelName     string
	ContentType     string
	CompressionType string
	InputMode       string
	DataSource      struct {
		S3DataSource *struct {
			S3DataType             string
			S3Uri                  string
			S3DataDistributionType string
		}
		FileSystemDataSource *struct {
			FileSystemID  string `json:"FileSystemId"`
			DirectoryPath string
		}
	}
}

// SageMaker's limits.
const (
	maxChannels = 20
	maxValue    = 2500
)

var (
	channelPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	envPattern     = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,511}$`)
)

// Parse reads a request and refuses what would mean something that is not built.
// The errors are sentences for who submits.
func Parse(payload string) (*Request, error) {
	r := new(Request)
	if err := json.Unmarshal([]byte(payload), r); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return nil, fmt.Errorf("%s must be of another type than %s", kind.Field, kind.Value)
		}
		return nil, errors.New("it is not a JSON object")
	}
	names := make([]string, 0, len(r.InputDataConfig))
	for _, c := range r.InputDataConfig {
		switch {
		case !channelPattern.MatchString(c.ChannelName) || strings.Trim(c.ChannelName, ".") == "":
			return nil, fmt.Errorf("ChannelName %q is not valid", c.ChannelName)
		case slices.Contains(names, c.ChannelName):
			return nil, fmt.Errorf("ChannelName %s is given twice", c.ChannelName)
		case (c.DataSource.S3DataSource == nil) == (c.DataSource.FileSystemDataSource == nil):
			return nil, fmt.Errorf("DataSource of channel %s must be one of S3DataSource and FileSystemDataSource", c.ChannelName)
		case c.InputMode == "Pipe":
			return nil, fmt.Errorf("InputMode Pipe of channel %s is not supported by this version of Barge", c.ChannelName)
		}
		if s3 := c.DataSource.S3DataSource; s3 != nil && s3.S3DataType != "" && s3.S3DataType != "S3Prefix" {
			return nil, fmt.Errorf("S3DataType %s is not supported by this version of Barge", s3.S3DataType)
		}
		names = append(names, c.ChannelName)
	}
	switch {
	case len(names) > maxChannels:
		return nil, fmt.Errorf("InputDataConfig has more than %d channels", maxChannels)
	case r.AlgorithmSpecification.TrainingInputMode == "Pipe":
		return nil, errors.New("TrainingInputMode Pipe is not supported by this version of Barge")
	case len(r.ResourceConfig.InstanceGroups) > 0:
		return nil, errors.New("InstanceGroups are not supported by this version of Barge")
	case r.ResourceConfig.InstanceCount != nil && *r.ResourceConfig.InstanceCount < 1:
		return nil, errors.New("InstanceCount must be at least 1")
	case r.ResourceConfig.InstanceCount != nil && *r.ResourceConfig.InstanceCount > 1:
		return nil, errors.New("an InstanceCount of more than 1 is not supported by this version of Barge")
	case r.StoppingCondition.MaxRuntimeInSeconds < 0:
		return nil, errors.New("MaxRuntimeInSeconds must be at least 1")
	}
	for name := range r.Environment {
		if !envPattern.MatchString(name) {
			return nil, fmt.Errorf("the name %q in Environment is not valid", name)
		}
	}
	for name, value := range r.HyperParameters {
		if len(name) > maxValue || len(value) > maxValue {
			return nil, fmt.Errorf("a hyperparameter has more than %d characters", maxValue)
		}
	}
	return r, nil
}

// Instances are what the job takes of its service environment.
func (r *Request) Instances() quota.Amounts {
	return quota.Of(quota.Amount{Unit: r.ResourceConfig.InstanceType, N: 1})
}

// Command is what is run in the image: its entry point replaced, if not nil, and
// its arguments. Without either it is `train`, as SageMaker runs images.
func (r *Request) Command() (entrypoint, arguments []string) {
	a := &r.AlgorithmSpecification
	if len(a.ContainerEntrypoint) == 0 && len(a.ContainerArguments) == 0 {
		return nil, []string{"train"}
	}
	return a.ContainerEntrypoint, a.ContainerArguments
}
