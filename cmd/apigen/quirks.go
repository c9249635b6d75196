package main

import (
	"fmt"
	"strings"
)

// emptyStructCounts lists the members whose mere presence says something, so
// that an empty structure is not the same as none.
var emptyStructCounts = map[string]bool{ //nolint:gochecknoglobals // a table that nothing writes
	// Refused without attempts; Terraform's users know the message.
	"RegisterJobDefinitionRequest.retryStrategy": true,
	// Both choose the kind of a volume.
	"EksVolume.emptyDir": true,
	"Volume.host":        true,
	// Chooses the kind of a policy; every member has a default.
	"CreateSchedulingPolicyRequest.fairsharePolicy": true,
	"UpdateSchedulingPolicyRequest.fairsharePolicy": true,
	// Refused when it changes nothing.
	"UpdateComputeEnvironmentRequest.computeResources": true,
	// Removes the template.
	"ComputeResourceUpdate.launchTemplate": true,
}

// emptyTextCounts lists the members where an empty string removes a value and
// absence leaves it. They are *string in Go.
var emptyTextCounts = map[string]bool{ //nolint:gochecknoglobals // a table that nothing writes
	"ComputeResourceUpdate.ec2KeyPair": true,
	"ComputeResourceUpdate.imageId":    true,
}

// quirksExist refuses an entry that a new model has outlived.
func (m *model) quirksExist() error {
	for _, table := range []struct {
		entries map[string]bool
		kind    string
	}{{emptyStructCounts, "structure"}, {emptyTextCounts, "string"}} {
		for path := range table.entries {
			if !m.has(path, table.kind) {
				return fmt.Errorf("quirk %s: the model has no such %s", path, table.kind)
			}
		}
	}
	return nil
}

func (m *model) has(path, kind string) bool {
	owner, name, _ := strings.Cut(path, ".")
	s := m.Shapes[owner]
	if s == nil {
		return false
	}
	for _, mb := range s.Members {
		if mb.Name == name {
			return mb.of.Type == kind
		}
	}
	return false
}
