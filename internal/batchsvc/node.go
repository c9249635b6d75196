package batchsvc

import (
	"math"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
)

// gang is what the nodes of the job need, in the core's form; nil for a job that
// is not multi-node. Nodes that are pods need nothing that is counted.
func (s *spec) gang() (*core.Gang, error) {
	if !s.multinode() {
		return nil, nil
	}
	g := &core.Gang{Size: int32(s.nodes), Main: *s.definition.req.NodeProperties.MainNode}
	var last *part
	for node := range s.nodes {
		p := s.part(node)
		if p == last {
			continue
		}
		var n amounts
		if t := taskOfPart(p); t != nil {
			var err error
			if n, err = needsOf(s.platform, t); err != nil {
				return nil, err
			}
		}
		g.Groups = append(g.Groups, core.NodeGroup{First: int32(node), Needs: n.resources()})
		last = p
	}
	return g, nil
}

// nodesConsume is what all nodes together need of consumable resources.
func (s *spec) nodesConsume() ([]consume.Need, error) {
	var sum []consume.Need
	for node := range s.nodes {
		needs, err := consumedNeeds(s.part(node).ConsumableResourceProperties)
		if err != nil {
			return nil, err
		}
		for _, n := range needs {
			i := slices.IndexFunc(sum, func(x consume.Need) bool { return x.Resource == n.Resource })
			switch {
			case i < 0:
				sum = append(sum, n)
			case sum[i].Quantity > math.MaxInt64-n.Quantity:
				return nil, invalid("quantity of consumableResource %s is too large for all nodes together.", n.Resource)
			default:
				sum[i].Quantity += n.Quantity
			}
		}
	}
	return sum, nil
}

// runner is what runs of a job, and its node: a multi-node job is told of by its
// main node.
func runner(j *store.Job) (ref batch.JobRef, node int) {
	if index, ok := j.Ref.Node(); ok {
		return j.Ref, index
	}
	if j.Gang != nil {
		return batch.NodeRef(j.Ref.ID, int(j.Gang.Main)), int(j.Gang.Main)
	}
	return j.Ref, 0
}

// address is the node's in the network of its job's latest attempt.
func (s *Service) address(j *store.Job, node int) string {
	return batch.NodeAddress(s.o.NodeSpace, j.Gang.Network, node).String()
}

// interfaces tells the address of what ran in an attempt of a job. Those of
// earlier attempts are not kept, and other jobs have the machine's.
func (s *Service) interfaces(j *store.Job, attempt int32) []batchapi.NetworkInterface {
	if j.Gang == nil || j.Gang.Network == 0 || attempt == 0 || attempt != j.Attempt {
		return []batchapi.NetworkInterface{}
	}
	_, node := runner(j)
	return []batchapi.NetworkInterface{{PrivateIpv4Address: s.address(j, node)}}
}

// nodeNetwork is where the node meets the others.
func (s *Service) nodeNetwork(j *store.Job, node int) *driver.Network {
	return &driver.Network{
		Subnet: batch.NetworkOf(s.o.NodeSpace, j.Gang.Network), Address: batch.NodeAddress(s.o.NodeSpace, j.Gang.Network, node),
	}
}

// nodeEnvironment tells a node its place. Its own address is an addition: on AWS
// it asks the instance.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
func (s *Service) nodeEnvironment(j *store.Job, node int) []driver.Var {
	g := j.Gang
	env := []driver.Var{
		{Name: "AWS_BATCH_JOB_NUM_NODES", Value: itoa(int64(g.Size))},
		{Name: "AWS_BATCH_JOB_NODE_INDEX", Value: itoa(int64(node))},
		{Name: "AWS_BATCH_JOB_MAIN_NODE_INDEX", Value: itoa(int64(g.Main))},
		{Name: "AWS_BATCH_JOB_NODE_PRIVATE_IPV4_ADDRESS", Value: s.address(j, node)},
	}
	if node != int(g.Main) { // programs tell by its absence that they are the main node
		env = append(env, driver.Var{Name: "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", Value: s.address(j, int(g.Main))})
	}
	return env
}

// describeNode fills in what one node runs, and which it is.
func (s *spec) describeNode(node int, main bool, d *batchapi.JobDetail) {
	s.describePart(s.part(node), d)
	d.NodeDetails = &batchapi.NodeDetails{NodeIndex: ptr(int32(node)), IsMainNode: &main}
}

// nodeSummary is what a listing says of a multi-node job or a node.
func nodeSummary(j *store.Job) *batchapi.NodePropertiesSummary {
	if j.Gang == nil {
		return nil
	}
	if node, ok := j.Ref.Node(); ok {
		return &batchapi.NodePropertiesSummary{IsMainNode: ptr(node == int(j.Gang.Main)), NumNodes: ptr(j.Gang.Size), NodeIndex: ptr(int32(node))}
	}
	return &batchapi.NodePropertiesSummary{NumNodes: ptr(j.Gang.Size)}
}
