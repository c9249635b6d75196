package batchsvc_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Resources that stay while a listing is read are in it exactly once, whatever
// comes and goes on either side of the place where it is.
func TestPagesWhileResourcesComeAndGo(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:batch:eu-west-1:123456789012:"
	for _, c := range []struct {
		operation, list, member, filter string
		// create makes a resource of a name; remove, which may be empty, has it go
		// from the listing.
		create, remove [2]string
	}{
		{
			operation: "DescribeComputeEnvironments", list: "computeEnvironments", member: "computeEnvironmentName",
			create: [2]string{"CreateComputeEnvironment", `{"computeEnvironmentName":"%s","type":"MANAGED","state":"DISABLED","computeResources":{"type":"EC2","minvCpus":0,
				"maxvCpus":1,"instanceTypes":["optimal"],"subnets":["s"],"securityGroupIds":["sg"],"instanceRole":"r"}}`},
			remove: [2]string{"DeleteComputeEnvironment", `{"computeEnvironment":"%s"}`},
		},
		{
			operation: "DescribeJobQueues", list: "jobQueues", member: "jobQueueName",
			create: [2]string{"CreateJobQueue", `{"jobQueueName":"%s","priority":1,"state":"DISABLED","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
			remove: [2]string{"DeleteJobQueue", `{"jobQueue":"%s"}`},
		},
		{
			operation: "ListSchedulingPolicies", list: "schedulingPolicies", member: "arn",
			create: [2]string{"CreateSchedulingPolicy", `{"name":"%s","fairsharePolicy":{}}`},
			remove: [2]string{"DeleteSchedulingPolicy", `{"arn":"` + arn + `scheduling-policy/%s"}`},
		},
		{
			operation: "ListConsumableResources", list: "consumableResources", member: "consumableResourceName",
			create: [2]string{"CreateConsumableResource", `{"consumableResourceName":"%s","totalQuantity":1}`},
			remove: [2]string{"DeleteConsumableResource", `{"consumableResource":"%s"}`},
		},
		{
			operation: "DescribeJobDefinitions", list: "jobDefinitions", member: "jobDefinitionName", filter: `"status":"ACTIVE",`,
			create: [2]string{"RegisterJobDefinition", `{"jobDefinitionName":"%s","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`},
			remove: [2]string{"DeregisterJobDefinition", `{"jobDefinition":"%s:1"}`},
		},
	} {
		for _, dir := range []string{"", t.TempDir()} {
			w := ready(t, dir)
			do := func(what [2]string, name string) { w.must(t, what[0], fmt.Sprintf(what[1], name)) }
			var want []string
			for i := range 10 {
				name := fmt.Sprintf("x%d", i) // behind those of ready
				do(c.create, name)
				if i%3 != 2 {
					if c.member == "arn" {
						name = arn + "scheduling-policy/" + name
					}
					want = append(want, name)
				}
			}
			body := fmt.Sprintf(`{%s"maxResults":2}`, c.filter)
			got := w.list(t, c.operation, c.list, c.member, body, func(page int) {
				switch page {
				case 0: // of ready's or x0, x1 at the latest
					for _, i := range []int{2, 5, 8} {
						do(c.remove, fmt.Sprintf("x%d", i))
					}
				default:
					do(c.create, fmt.Sprintf("a%d", page)) // before all of them
				}
			})
			got = got[len(got)-len(want):]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %q (-want +got):\n%s", c.operation, dir, diff)
			}
		}
	}
}
