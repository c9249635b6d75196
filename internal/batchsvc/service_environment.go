package batchsvc

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
)

// AWS's limit of capacity limits, and the unit that counts instances of any type.
const (
	maxCapacityLimits = 5
	numInstances      = core.AnyInstance
)

var instanceTypePattern = regexp.MustCompile(`^ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+$`)

// capacityRules are AWS's checks of capacity limits. The texts are those that the
// service was seen to answer with, but for those marked "ours".
var capacityRules = []rule[[]batchapi.CapacityLimit]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(l []batchapi.CapacityLimit) bool { return len(l) == 0 }, message: "Capacitylimits are required."},
	{broken: func(l []batchapi.CapacityLimit) bool { return len(l) > maxCapacityLimits }, message: "Number of capacity limits exceeds 5."},
	{broken: func(l []batchapi.CapacityLimit) bool {
		return slices.ContainsFunc(l, func(c batchapi.CapacityLimit) bool { return deref(c.MaxCapacity) <= 0 })
	}, message: "Max capacity must be more than 0."},
	{
		broken: func(l []batchapi.CapacityLimit) bool { return slices.ContainsFunc(l, unknownUnit) }, message: "%s is unknown capacity unit",
		about: func(l []batchapi.CapacityLimit) string { return l[slices.IndexFunc(l, unknownUnit)].CapacityUnit },
	},
	{broken: func(l []batchapi.CapacityLimit) bool {
		return slices.ContainsFunc(l, counted) && slices.ContainsFunc(l, func(c batchapi.CapacityLimit) bool { return !counted(c) }) ||
			slices.ContainsFunc(l, func(c batchapi.CapacityLimit) bool { return c.CapacityUnit == "" })
	}, message: "Capacity units must specify either number of instances OR instance type"},
	{broken: func(l []batchapi.CapacityLimit) bool {
		return twice(l, func(c batchapi.CapacityLimit) string { return c.CapacityUnit })
	}, message: "Duplicate capacity units are not allowed."}, // ours
}

func unknownUnit(c batchapi.CapacityLimit) bool {
	return c.CapacityUnit != "" && !counted(c) && !instanceTypePattern.MatchString(c.CapacityUnit)
}

func counted(c batchapi.CapacityLimit) bool { return c.CapacityUnit == numInstances }

func instanceLimits(list []batchapi.CapacityLimit) quota.Amounts {
	amounts := make([]quota.Amount, 0, len(list))
	for _, c := range list {
		amounts = append(amounts, quota.Amount{Unit: c.CapacityUnit, N: int64(deref(c.MaxCapacity))})
	}
	return quota.Of(amounts...)
}

// CreateServiceEnvironment makes a service environment, which is valid at once.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateServiceEnvironment.html
func (s *Service) CreateServiceEnvironment(ctx context.Context, in *batchapi.CreateServiceEnvironmentRequest) (*batchapi.CreateServiceEnvironmentResponse, error) {
	if !namePattern.MatchString(in.ServiceEnvironmentName) {
		return nil, invalid("Service environment name should match a valid pattern.")
	}
	if err := check(capacityRules, in.CapacityLimits); err != nil {
		return nil, err
	}
	if err := checkExtensions(onServiceEnvironment, in.Tags); err != nil {
		return nil, err
	}
	d := batchapi.ServiceEnvironmentDetail{ServiceEnvironmentType: in.ServiceEnvironmentType, CapacityLimits: in.CapacityLimits, Tags: in.Tags}
	err := s.change(ctx, func(do command) error {
		_, err := do(core.CreateServiceEnvironment{
			Name: in.ServiceEnvironmentName, Enabled: in.State != batchapi.ServiceEnvironmentStateDisabled,
			Limits: instanceLimits(in.CapacityLimits), Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateServiceEnvironmentResponse{
		ServiceEnvironmentName: in.ServiceEnvironmentName,
		ServiceEnvironmentArn:  s.o.Scope.ARN(batch.ARNServiceEnvironment, in.ServiceEnvironmentName),
	}, nil
}

// UpdateServiceEnvironment changes the state or the limits of a service
// environment.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateServiceEnvironment.html
func (s *Service) UpdateServiceEnvironment(ctx context.Context, in *batchapi.UpdateServiceEnvironmentRequest) (*batchapi.UpdateServiceEnvironmentResponse, error) {
	out := new(batchapi.UpdateServiceEnvironmentResponse)
	err := s.change(ctx, func(do command) error {
		row, err := s.serviceEnvironmentRow(ctx, in.ServiceEnvironment)
		if err != nil {
			return err
		}
		d, err := decodeServiceEnvironment(row)
		if err != nil {
			return err
		}
		if in.CapacityLimits != nil {
			if err = check(capacityRules, in.CapacityLimits); err != nil {
				return err
			}
			d.CapacityLimits = in.CapacityLimits
			if err = s.checkQuotaUse(ctx, row, d); err != nil {
				return err
			}
		}
		out.ServiceEnvironmentName, out.ServiceEnvironmentArn = row.Name, s.o.Scope.ARN(batch.ARNServiceEnvironment, row.Name)
		_, err = do(core.UpdateServiceEnvironment{
			Name: row.Name, Enabled: enabled(in.State, row.Enabled), Limits: instanceLimits(d.CapacityLimits), Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkQuotaUse refuses limits by number of instances where quota shares need
// those of instance types.
func (s *Service) checkQuotaUse(ctx context.Context, row core.ServiceEnvironmentRow, d *batchapi.ServiceEnvironmentDetail) error {
	if !counted(d.CapacityLimits[0]) {
		return nil
	}
	queues, err := s.o.Store.Queues(ctx)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if q.ServiceEnvironment != row.ID {
			continue
		}
		kind, err := s.sharing(ctx, q)
		if err != nil {
			return err
		}
		if kind == byQuota {
			return invalid("capacityLimits of a service environment for quota management must have instance types as capacityUnit.")
		}
	}
	return nil
}

// DeleteServiceEnvironment deletes a service environment that is disabled and in
// no queue.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteServiceEnvironment.html
func (s *Service) DeleteServiceEnvironment(ctx context.Context, in *batchapi.DeleteServiceEnvironmentRequest) (*batchapi.DeleteServiceEnvironmentResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.serviceEnvironmentRow(ctx, in.ServiceEnvironment)
		if err != nil {
			return err
		}
		_, err = do(core.DeleteServiceEnvironment{Name: row.Name})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeleteServiceEnvironmentResponse), nil
}

// DescribeServiceEnvironments lists service environments by name. Names that do
// not exist are left out.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeServiceEnvironments.html
func (s *Service) DescribeServiceEnvironments(ctx context.Context, in *batchapi.DescribeServiceEnvironmentsRequest) (*batchapi.DescribeServiceEnvironmentsResponse, error) {
	rows, err := s.o.Store.ServiceEnvironments(ctx)
	if err != nil {
		return nil, err
	}
	name := func(r core.ServiceEnvironmentRow) string { return r.Name }
	if rows, err = named(rows, name, batch.ARNServiceEnvironment, in.ServiceEnvironments); err != nil {
		return nil, err
	}
	rows, token, err := page(rows, name, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, s, core.TagServiceEnvironment, rows, func(r core.ServiceEnvironmentRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	out := &batchapi.DescribeServiceEnvironmentsResponse{ServiceEnvironments: []batchapi.ServiceEnvironmentDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := decodeServiceEnvironment(row)
		if err != nil {
			return nil, err
		}
		d.ServiceEnvironmentName, d.ServiceEnvironmentArn = row.Name, s.o.Scope.ARN(batch.ARNServiceEnvironment, row.Name)
		d.State, d.Status = stateOf(row.Enabled), batchapi.ServiceEnvironmentStatusValid
		d.Tags = orMap(tags.over(row.ID, d.Tags))
		out.ServiceEnvironments = append(out.ServiceEnvironments, *d)
	}
	return out, nil
}

// stateOf is what AWS calls it, the same for all that can be disabled.
func stateOf(enabled bool) string {
	if enabled {
		return batchapi.ServiceEnvironmentStateEnabled
	}
	return batchapi.ServiceEnvironmentStateDisabled
}

func decodeServiceEnvironment(row core.ServiceEnvironmentRow) (*batchapi.ServiceEnvironmentDetail, error) {
	d := new(batchapi.ServiceEnvironmentDetail)
	if err := d.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode service environment %s: %w", row.Name, err)
	}
	return d, nil
}

// serviceEnvironmentRow finds a service environment by name or ARN.
func (s *Service) serviceEnvironmentRow(ctx context.Context, ref string) (core.ServiceEnvironmentRow, error) {
	rows, err := s.o.Store.ServiceEnvironments(ctx)
	if err != nil {
		return core.ServiceEnvironmentRow{}, err
	}
	return find(s, rows, batch.ARNServiceEnvironment, ref, func(r core.ServiceEnvironmentRow) string { return r.Name })
}

// serviceEnvironmentName is the service environment of a queue that has been
// checked; empty where it has none.
func serviceEnvironmentName(d *batchapi.JobQueueDetail) string {
	if len(d.ServiceEnvironmentOrder) == 0 {
		return ""
	}
	name, _ := batch.NameOf(batch.ARNServiceEnvironment, d.ServiceEnvironmentOrder[0].ServiceEnvironment)
	return name
}

// checkServiceEnvironment checks what a queue of service jobs is attached to.
// Quota shares need one of their own, with limits by instance type.
func (s *Service) checkServiceEnvironment(ctx context.Context, queue string, c queueCheck) error {
	row, err := s.serviceEnvironmentRow(ctx, c.d.ServiceEnvironmentOrder[0].ServiceEnvironment)
	if err != nil {
		return batch.Errorf(batch.NotFound, "Service environments must be created and valid before attaching them to a job queue.")
	}
	d, err := decodeServiceEnvironment(row)
	if err != nil {
		return err
	}
	quota := c.policy != nil && c.policy.QuotaSharePolicy != nil
	if quota && counted(d.CapacityLimits[0]) {
		return invalid("capacityLimits of a service environment for quota management must have instance types as capacityUnit.")
	}
	queues, err := s.o.Store.Queues(ctx)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if q.ServiceEnvironment != row.ID || q.Name == queue {
			continue
		}
		kind, err := s.sharing(ctx, q)
		if err != nil {
			return err
		}
		if quota || kind == byQuota {
			return invalid("A service environment for quota management can only be attached to one job queue.")
		}
	}
	return nil
}

// serviceOrder is the order as it is described: by ARN.
func (s *Service) serviceOrder(list []batchapi.ServiceEnvironmentOrder) []batchapi.ServiceEnvironmentOrder {
	list = slices.Clone(list)
	for i := range list {
		if name, ok := batch.NameOf(batch.ARNServiceEnvironment, list[i].ServiceEnvironment); ok {
			list[i].ServiceEnvironment = s.o.Scope.ARN(batch.ARNServiceEnvironment, name)
		}
	}
	return list
}
