package batchsvc

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/driver"
)

// maxOverrides is ECS's limit of what a task is started with beyond its
// definition, in characters of JSON. SubmitJob does not check it: the job fails
// when it is to start.
const maxOverrides = 8192

// tooLong says why ECS would not start a node's task, or nothing if it would.
// What Batch gives every container counts too.
//
// AWS does not document what exactly is measured; observed is that a command or
// an environment of that length fails the job.
func (s *spec) tooLong(node int, own []driver.Var) string {
	before := taskOfPart(&partsOf(s.definition.req)[s.partOf(node)])
	length := 0
	for i, c := range s.task(node).Containers {
		base, o := before.Containers[i], batchapi.TaskContainerOverrides{Name: c.Name}
		if !slices.Equal(base.Command, c.Command) {
			o.Command = c.Command
		}
		for _, v := range c.Environment {
			if !slices.Contains(base.Environment, v) {
				o.Environment = append(o.Environment, v)
			}
		}
		for _, v := range own {
			o.Environment = append(o.Environment, batchapi.KeyValuePair{Name: v.Name, Value: v.Value})
		}
		length += utf8.RuneCount(o.AppendJSON(nil))
	}
	if length <= maxOverrides {
		return ""
	}
	return fmt.Sprintf("Container Overrides length must be at most %d", maxOverrides)
}
