package batchsvc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/store"
)

// The types of consumable resources. The model has no enum for them.
const (
	replenishable    = "REPLENISHABLE"
	nonReplenishable = "NON_REPLENISHABLE"
)

// maxConsumed is AWS's limit of consumable resources that a job needs.
const maxConsumed = 5

// CreateConsumableResource makes a consumable resource, of nothing where no
// quantity is given.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateConsumableResource.html
func (s *Service) CreateConsumableResource(ctx context.Context, in *batchapi.CreateConsumableResourceRequest) (*batchapi.CreateConsumableResourceResponse, error) {
	kind := strings.ToUpper(in.ResourceType)
	switch {
	case !namePattern.MatchString(in.ConsumableResourceName):
		return nil, invalid("ConsumableResource name should match a valid pattern.")
	case deref(in.TotalQuantity) < 0:
		return nil, invalid("totalQuantity cannot be a negative number.")
	case kind != "" && kind != replenishable && kind != nonReplenishable:
		return nil, invalid("resourceType must be %s or %s, got %s", replenishable, nonReplenishable, in.ResourceType)
	}
	if err := checkExtensions(onConsumable, in.Tags); err != nil {
		return nil, err
	}
	stored := batchapi.CreateConsumableResourceRequest{Tags: in.Tags} // the row has the rest
	_, err := s.o.Do(ctx, core.CreateConsumable{
		Name: in.ConsumableResourceName, Spent: kind == nonReplenishable, Total: deref(in.TotalQuantity), Spec: stored.AppendJSON(nil),
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateConsumableResourceResponse{
		ConsumableResourceName: in.ConsumableResourceName,
		ConsumableResourceArn:  s.o.Scope.ARN(batch.ARNConsumable, in.ConsumableResourceName),
	}, nil
}

// consumableName reads a name or ARN.
func consumableName(ref string) (string, error) {
	name, ok := batch.NameOf(batch.ARNConsumable, ref)
	if !ok || !namePattern.MatchString(name) {
		return "", invalid("Provided name <%s> is not supported pattern[a-zA-Z_0-9-]{1,128}", ref)
	}
	return name, nil
}

// UpdateConsumableResource changes how much there is of a resource: to the
// quantity, unless the operation is to ADD or REMOVE it.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateConsumableResource.html
func (s *Service) UpdateConsumableResource(ctx context.Context, in *batchapi.UpdateConsumableResourceRequest) (*batchapi.UpdateConsumableResourceResponse, error) {
	name, err := consumableName(in.ConsumableResource)
	if err != nil {
		return nil, err
	}
	cmd := core.UpdateConsumable{Name: name, Quantity: deref(in.Quantity)}
	switch strings.ToUpper(in.Operation) {
	case "", "SET":
		cmd.Operation = core.Set
	case "ADD":
		cmd.Operation = core.Add
	case "REMOVE":
		cmd.Operation = core.Remove
	default:
		return nil, invalid("operation must be one of SET | ADD | REMOVE, got %s", in.Operation)
	}
	switch {
	case in.Quantity == nil:
		return nil, &batch.Error{Code: batch.Invalid, Field: "quantity", Message: "quantity is required."}
	case *in.Quantity < 0:
		return nil, &batch.Error{Code: batch.Invalid, Field: "quantity", Message: "quantity cannot be a negative number."}
	}
	if in.ClientToken != "" {
		request := *in
		request.ConsumableResource = name
		cmd.Claim = core.Claim{Token: digest([]byte("UpdateConsumableResource\x00" + in.ClientToken)), Request: digest(request.AppendJSON(nil))}
	}
	reply, err := s.o.Do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &batchapi.UpdateConsumableResourceResponse{
		ConsumableResourceName: name, ConsumableResourceArn: s.o.Scope.ARN(batch.ARNConsumable, name), TotalQuantity: ptr(reply.Total),
	}, nil
}

// DeleteConsumableResource removes a resource, also while jobs use it. One that
// is gone stays gone.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteConsumableResource.html
func (s *Service) DeleteConsumableResource(ctx context.Context, in *batchapi.DeleteConsumableResourceRequest) (*batchapi.DeleteConsumableResourceResponse, error) {
	name, err := consumableName(in.ConsumableResource)
	if err != nil {
		return nil, err
	}
	if _, err := s.o.Do(ctx, core.DeleteConsumable{Name: name}); err != nil {
		return nil, err
	}
	return &batchapi.DeleteConsumableResourceResponse{}, nil
}

// DescribeConsumableResource describes one resource.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeConsumableResource.html
func (s *Service) DescribeConsumableResource(ctx context.Context, in *batchapi.DescribeConsumableResourceRequest) (*batchapi.DescribeConsumableResourceResponse, error) {
	row, made, err := s.consumable(ctx, in.ConsumableResource)
	if err != nil {
		return nil, err
	}
	tags, err := s.tagsNow(ctx, core.Tagged{Kind: core.TagConsumable, ID: row.ID}, made)
	if err != nil {
		return nil, err
	}
	amounts := consume.Amounts{Total: row.Total, InUse: row.InUse}
	return &batchapi.DescribeConsumableResourceResponse{
		ConsumableResourceName: row.Name, ConsumableResourceArn: s.o.Scope.ARN(batch.ARNConsumable, row.Name),
		TotalQuantity: ptr(row.Total), InUseQuantity: ptr(row.InUse), AvailableQuantity: ptr(amounts.Available()),
		ResourceType: consumableType(row), CreatedAt: ptr(int64(row.CreatedAt)), Tags: tags,
	}, nil
}

// consumable finds a resource, and the tags that it was made with.
func (s *Service) consumable(ctx context.Context, ref string) (row core.ConsumableRow, made map[string]string, err error) {
	name, err := consumableName(ref)
	if err != nil {
		return row, nil, err
	}
	rows, err := s.o.Store.Consumables(ctx, store.ConsumableFilter{Name: name, Limit: 1})
	if err != nil {
		return row, nil, err
	}
	if len(rows) == 0 {
		return row, nil, batch.Errorf(batch.NotFound, "ConsumableResource %s does not exist.", ref)
	}
	var spec batchapi.CreateConsumableResourceRequest
	if err = spec.UnmarshalJSON(rows[0].Spec); err != nil {
		return row, nil, fmt.Errorf("decode consumable resource %s: %w", name, err)
	}
	return rows[0], spec.Tags, nil
}

func consumableType(row core.ConsumableRow) string {
	if row.Spent {
		return nonReplenishable
	}
	return replenishable
}

// ListConsumableResources lists resources by name.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListConsumableResources.html
func (s *Service) ListConsumableResources(ctx context.Context, in *batchapi.ListConsumableResourcesRequest) (*batchapi.ListConsumableResourcesResponse, error) {
	f := store.ConsumableFilter{}
	name, value, err := onlyFilter(in.Filters, "CONSUMABLE_RESOURCE_NAME")
	if err != nil {
		return nil, err
	}
	if name != "" {
		f.Like = foldedPattern(value)
	}
	limit, err := limitOf(in.MaxResults, maxNames)
	if err != nil {
		return nil, err
	}
	if f.After, err = readToken(in.NextToken); err != nil {
		return nil, err
	}
	if f.After != "" && !namePattern.MatchString(f.After) {
		return nil, badToken()
	}
	f.Limit = limit + 1
	rows, err := s.o.Store.Consumables(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListConsumableResourcesResponse{ConsumableResources: []batchapi.ConsumableResourceSummary{}}
	if len(rows) > limit {
		rows = rows[:limit]
		out.NextToken = writeToken(rows[limit-1].Name)
	}
	for _, row := range rows {
		out.ConsumableResources = append(out.ConsumableResources, batchapi.ConsumableResourceSummary{
			ConsumableResourceName: row.Name, ConsumableResourceArn: s.o.Scope.ARN(batch.ARNConsumable, row.Name),
			TotalQuantity: ptr(row.Total), InUseQuantity: ptr(row.InUse), ResourceType: consumableType(row),
		})
	}
	return out, nil
}

// onlyFilter reads a list of at most one filter with one value. Names are those
// allowed; their case matters, as AWS says. It returns no name where there is no
// filter.
func onlyFilter(filters []batchapi.KeyValuesPair, names ...string) (name, value string, err error) {
	switch {
	case len(filters) == 0:
		return "", "", nil
	case len(filters) > 1:
		return "", "", invalid("Only one filter key-value pair can be specified.")
	case len(filters[0].Values) > 1:
		return "", "", invalid("Filter cannot take more than one value.")
	case !slices.Contains(names, filters[0].Name):
		return "", "", invalid("Filter name %s is not valid. Valid names: %s.", filters[0].Name, strings.Join(names, ", "))
	case len(filters[0].Values) == 0 || filters[0].Values[0] == "":
		return "", "", invalid("Filter %s needs a value.", filters[0].Name)
	}
	return filters[0].Name, filters[0].Values[0], nil
}

// foldedPattern reads a name whose case does not matter, with `*` at its end for
// any rest.
func foldedPattern(value string) store.NamePattern {
	name, prefix := strings.CutSuffix(value, "*")
	return store.NamePattern{Name: strings.ToLower(name), Prefix: prefix}
}

// ListJobsByConsumableResource lists the jobs that need a resource, newest first.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobsByConsumableResource.html
func (s *Service) ListJobsByConsumableResource(ctx context.Context, in *batchapi.ListJobsByConsumableResourceRequest) (*batchapi.ListJobsByConsumableResourceResponse, error) {
	f, err := consumerFilter(in)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	f.Limit++
	jobs, err := s.o.Store.Consumers(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListJobsByConsumableResourceResponse{Jobs: []batchapi.ListJobsByConsumableResourceSummary{}}
	if len(jobs) > limit {
		jobs = jobs[:limit]
		out.NextToken = writeToken(itoa(jobs[limit-1].Seq))
	}
	c, err := s.context(ctx, jobs)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for i := range jobs {
		ids = append(ids, jobs[i].Basket)
	}
	rows, err := s.o.Store.Baskets(ctx, unique(ids))
	if err != nil {
		return nil, err
	}
	baskets := make(map[int64][]consume.Need, len(rows))
	for _, row := range rows {
		baskets[row.ID] = row.Needs
	}
	for i := range jobs {
		out.Jobs = append(out.Jobs, c.consumer(&jobs[i], f.Resource, baskets[jobs[i].Basket]))
	}
	return out, nil
}

func (c *surroundings) consumer(j *store.Job, resource string, needs []consume.Need) batchapi.ListJobsByConsumableResourceSummary {
	scope := c.s.o.Scope
	out := batchapi.ListJobsByConsumableResourceSummary{
		JobArn: scope.ARN(batch.ARNJob, j.Ref.String()), JobQueueArn: scope.ARN(batch.ARNJobQueue, c.queues[j.Queue]), JobName: j.Name,
		JobDefinitionArn: scope.ARN(batch.ARNJobDefinition, c.definitions[j.Definition].ref()), JobStatus: j.State.String(),
		StatusReason: j.StatusReason, StartedAt: instant(j.StartedAt), CreatedAt: ptr(int64(j.CreatedAt)),
		ConsumableResourceProperties: &batchapi.ConsumableResourceProperties{ConsumableResourceList: []batchapi.ConsumableResourceRequirement{}},
	}
	for _, n := range needs {
		if n.Resource == resource {
			out.Quantity = ptr(n.Quantity)
		}
		p := out.ConsumableResourceProperties
		p.ConsumableResourceList = append(p.ConsumableResourceList, batchapi.ConsumableResourceRequirement{
			ConsumableResource: scope.ARN(batch.ARNConsumable, n.Resource), Quantity: ptr(n.Quantity),
		})
	}
	return out
}

func consumerFilter(in *batchapi.ListJobsByConsumableResourceRequest) (f store.ConsumerFilter, err error) {
	if f.Resource, err = consumableName(in.ConsumableResource); err != nil {
		return f, err
	}
	name, value, err := onlyFilter(in.Filters, "JOB_STATUS", "JOB_NAME")
	if err != nil {
		return f, err
	}
	switch name {
	case "JOB_STATUS":
		state, ok := batch.ParseJobState(strings.ToUpper(value))
		if !ok {
			return f, invalid("Job status is not one of SUBMITTED | PENDING | RUNNABLE | STARTING | RUNNING | SUCCEEDED | FAILED")
		}
		f.State = &state
	case "JOB_NAME":
		f.Like = foldedPattern(value)
	}
	if f.Limit, err = limitOf(in.MaxResults, maxNames); err != nil {
		return f, err
	}
	f.Before, err = readKey(in.NextToken)
	return f, err
}

// consumed are the consumable resources that a job needs: the definition's, or
// the submit's in their place.
func (s *spec) consumed() *batchapi.ConsumableResourceProperties {
	if o := s.submit.ConsumableResourcePropertiesOverride; o != nil {
		return o
	}
	return s.definition.req.ConsumableResourceProperties
}

// consumes checks them and returns them in the core's form.
func (s *spec) consumes() ([]consume.Need, error) {
	if s.multinode() {
		return s.nodesConsume()
	}
	return consumedNeeds(s.consumed())
}

func consumedNeeds(p *batchapi.ConsumableResourceProperties) ([]consume.Need, error) {
	if p == nil {
		return nil, nil
	}
	if len(p.ConsumableResourceList) > maxConsumed {
		return nil, invalid("Each ConsumableResourceProperty can have at most %d consumableResources", maxConsumed)
	}
	var needs []consume.Need
	for _, r := range p.ConsumableResourceList {
		name, err := consumableName(r.ConsumableResource)
		switch {
		case err != nil:
			return nil, err
		case slices.ContainsFunc(needs, func(n consume.Need) bool { return n.Resource == name }):
			return nil, invalid("Cannot have duplicate consumableResource in consumableResourceProperties")
		case deref(r.Quantity) < 1:
			return nil, invalid("quantity of consumableResource %s must be at least 1.", name)
		}
		needs = append(needs, consume.Need{Resource: name, Quantity: *r.Quantity})
	}
	return needs, nil
}
