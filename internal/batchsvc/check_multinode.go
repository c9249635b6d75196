package batchsvc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// AWS's limits of a multi-node job.
const (
	maxNodes  = 1000
	maxRanges = 5
)

// nodeRange is a range of nodes, both ends included. Open means that it ends
// with the last node, whatever their number.
type nodeRange struct {
	from, to int
	open     bool
}

// contains reports whether all of b is in a.
func (a nodeRange) contains(b nodeRange) bool { return a.from <= b.from && b.to <= a.to }

func (a nodeRange) meets(b nodeRange) bool { return a.from <= b.to && b.from <= a.to }

// parseRange reads `n`, `a:b`, `:b` or `a:` for a job of that many nodes.
func parseRange(s string, nodes int) (r nodeRange, err error) {
	from, to, isRange := strings.Cut(s, ":")
	bad := invalid("targetNodes should contain only digits.")
	if r.from, err = nodeIndex(from, 0); err != nil {
		return r, bad
	}
	switch {
	case !isRange && from == "":
		return r, bad
	case !isRange:
		r.to = r.from
		return r, nil
	case to == "":
		r.open = true
	}
	if r.to, err = nodeIndex(to, nodes-1); err != nil {
		return r, bad
	}
	return r, nil
}

// nodeIndex reads an index without a sign; otherwise counts where there is none.
func nodeIndex(s string, otherwise int) (int, error) {
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err
}

// checkNodes checks what the nodes of a job run.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_NodeProperties.html
func checkNodes(p platform, n *batchapi.NodeProperties) error {
	nodes, ranges := *n.NumNodes, n.NodeRangeProperties
	if err := firstRefusal(
		refusal{nodes < 1 || nodes > maxNodes, fmt.Sprintf("Number of nodes must be between 1 and %d.", maxNodes)},
		refusal{len(ranges) > maxRanges, fmt.Sprintf("Maximum allowed size of node range properties is %d", maxRanges)},
		refusal{*n.MainNode < 0 || *n.MainNode >= nodes, "Main node index is out of range, must be less than numNodes."},
	); err != nil {
		return err
	}
	if err := checkRanges(ranges, int(nodes)); err != nil {
		return err
	}
	for i := range ranges {
		r := &ranges[i]
		if err := firstError(
			func() error { return checkRangeKind(r) },
			func() error { return checkConsumables(r.ConsumableResourceProperties) },
			func() error { return checkPart(p, r) },
		); err != nil {
			return err
		}
	}
	return checkNamespaces(ranges)
}

// checkRanges checks that the ranges cover all nodes, and lie apart or one
// inside the other.
func checkRanges(list []part, nodes int) error {
	var before []nodeRange
	covered := make([]bool, nodes)
	for _, p := range list {
		r, err := parseRange(p.TargetNodes, nodes)
		if err != nil {
			return err
		}
		if r.from > r.to || r.to >= nodes {
			return invalid("targetNodes %s is out of range, must be less than numNodes.", p.TargetNodes)
		}
		for i, b := range before {
			if r.meets(b) && r.contains(b) == b.contains(r) {
				return invalid("targetNodes %s and %s must not overlap unless one is nested in the other.", list[i].TargetNodes, p.TargetNodes)
			}
		}
		before = append(before, r)
		for n := r.from; n <= r.to; n++ {
			covered[n] = true
		}
	}
	for n, ok := range covered {
		if !ok {
			return invalid("targetNodes must cover all nodes, node %d is in no range.", n)
		}
	}
	return nil
}

func checkRangeKind(r *part) error {
	container, ecs, eks := r.Container != nil, r.EcsProperties != nil, r.EksProperties != nil
	return firstRefusal(
		refusal{!container && !ecs && !eks, "Must specify container for node range " + r.TargetNodes},
		refusal{container && ecs, "NodeRangeProperties can not use both ecsProperties and container fields"},
		refusal{container && eks, "NodeRangeProperties can not use both eksProperties and container fields"},
		refusal{ecs && eks, "NodeRangeProperties can not use both ecsProperties and eksProperties fields"},
		refusal{len(r.InstanceTypes) > 0 && !ecs, "Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs."},
		refusal{len(r.InstanceTypes) > 1, "instanceTypes can have at most 1 element."},
	)
}

// checkNamespaces checks that nodes are pods all or none, and all in one
// namespace.
func checkNamespaces(list []part) error {
	for i := range list {
		first, e := list[0].EksProperties, list[i].EksProperties
		if (first == nil) != (e == nil) {
			return invalid("NodeRangeProperties can not use eksProperties in some ranges only")
		}
		if namespace(first) != namespace(e) {
			return invalid("All node ranges must have the same kubernetesNamespace.")
		}
	}
	return nil
}

func namespace(e *batchapi.EksProperties) string {
	if e == nil {
		return ""
	}
	return deref(deref(e.PodProperties).Metadata).Namespace
}
