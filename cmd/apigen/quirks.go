package main

import (
	"cmp"
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

// leftToService lists the members that the generated checks do not look at,
// because AWS answers in words of its own that the service knows.
var leftToService = map[string]bool{ //nolint:gochecknoglobals // a table that nothing writes
	// "Capability X is not valid. Valid capabilities: […]"
	"RegisterJobDefinitionRequest.platformCapabilities": true,
	// "Size of a tmpfs is invalid. The size is required and must be a positive integer."
	"Tmpfs.size": true,
}

// quirksExist refuses an entry that a new model has outlived.
func (m *model) quirksExist() error {
	for _, table := range []struct {
		entries map[string]bool
		kind    string
	}{{emptyStructCounts, "structure"}, {emptyTextCounts, "string"}, {leftToService, ""}} {
		for path := range table.entries {
			if !m.has(path, table.kind) {
				return fmt.Errorf("quirk %s: the model has no such %s", path, cmp.Or(table.kind, "member"))
			}
		}
	}
	return nil
}

// has reports whether the model has the member, of the kind if one is given.
func (m *model) has(path, kind string) bool {
	owner, name, _ := strings.Cut(path, ".")
	s := m.Shapes[owner]
	if s == nil {
		return false
	}
	for _, mb := range s.Members {
		if mb.Name == name {
			return kind == "" || mb.of.Type == kind
		}
	}
	return false
}
