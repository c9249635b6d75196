package batchsvc

import "github.com/bargehq/barge/internal/awsapi/batchapi"

// unbuilt lists the members of definitions that are stored and described and
// that nothing honours yet. A job that has one is refused: it would run, but not
// as asked. Whoever builds one takes its row away.
var unbuilt = []struct { //nolint:gochecknoglobals // a table that nothing writes
	member string
	given  func(p *part, t *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool
}{
	{"ecsProperties.taskProperties.pidMode task", func(_ *part, t *batchapi.EcsTaskProperties, _ *batchapi.TaskContainerProperties) bool {
		return t.PidMode == "task" && len(t.Containers) > 1
	}},
	{"ecsProperties.taskProperties.ipcMode task", func(_ *part, t *batchapi.EcsTaskProperties, _ *batchapi.TaskContainerProperties) bool {
		return t.IpcMode == "task" && len(t.Containers) > 1
	}},
	// They would have to share the node's address.
	{"nodeProperties with several containers", func(p *part, t *batchapi.EcsTaskProperties, _ *batchapi.TaskContainerProperties) bool {
		return p.TargetNodes != "" && len(t.Containers) > 1
	}},
	{"firelensConfiguration", func(_ *part, _ *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool {
		return c.FirelensConfiguration != nil
	}},
	{"enableExecuteCommand", func(_ *part, t *batchapi.EcsTaskProperties, _ *batchapi.TaskContainerProperties) bool {
		return deref(t.EnableExecuteCommand)
	}},
	{"logConfiguration.logDriver awsfirelens", func(_ *part, _ *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool {
		return deref(c.LogConfiguration).LogDriver == batchapi.LogDriverAwsfirelens
	}},
	{"logConfiguration.secretOptions", func(_ *part, _ *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool {
		l := deref(c.LogConfiguration)
		return l.LogDriver == batchapi.LogDriverAwslogs && len(l.SecretOptions) > 0
	}},
	{"logConfiguration.options.awslogs-datetime-format", func(_ *part, _ *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool {
		return awslogsOption(c, "awslogs-datetime-format")
	}},
	{"logConfiguration.options.awslogs-multiline-pattern", func(_ *part, _ *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) bool {
		return awslogsOption(c, "awslogs-multiline-pattern")
	}},
}

func awslogsOption(c *batchapi.TaskContainerProperties, name string) bool {
	l := deref(c.LogConfiguration)
	return l.LogDriver == batchapi.LogDriverAwslogs && l.Options[name] != ""
}

// checkRunnable refuses a job that is right and that this version cannot run as
// asked.
func (s *spec) checkRunnable() error {
	for n := range s.parts {
		p, t := &s.parts[n], taskOfPart(&s.parts[n])
		if t == nil {
			return notBuilt("eksProperties")
		}
		for _, m := range unbuilt {
			for i := range t.Containers {
				if m.given(p, t, &t.Containers[i]) {
					return notBuilt(m.member)
				}
			}
		}
	}
	return nil
}
