package logsvc

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

// listLimit is the most groups or streams in a page, and the default.
const listLimit = 50

// CreateLogGroupInput is what CreateLogGroup takes. Tags are accepted and
// forgotten.
type CreateLogGroupInput struct {
	LogGroupName  *string `json:"logGroupName"`
	LogGroupClass *string `json:"logGroupClass"`
	KMSKeyID      *string `json:"kmsKeyId"`
	Protected     bool    `json:"deletionProtectionEnabled"`
}

// CreateLogGroup makes a group.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
func (s *Service) CreateLogGroup(ctx context.Context, in *CreateLogGroupInput) (*Nothing, error) {
	var c checks
	c.required(in.LogGroupName, "logGroupName")
	c.group(in.LogGroupName, "logGroupName")
	c.oneOf(in.LogGroupClass, "logGroupClass", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
	switch err := c.err(); {
	case err != nil:
		return nil, err
	case strings.HasPrefix(*in.LogGroupName, "aws/"):
		return nil, batch.Errorf(batch.Invalid, "Log group names starting with 'aws/' are reserved for AWS.")
	case in.LogGroupClass != nil && *in.LogGroupClass != "STANDARD":
		return nil, batch.Errorf(batch.NotBuilt, "Log groups of class %s are not implemented", *in.LogGroupClass)
	case in.KMSKeyID != nil:
		return nil, batch.Errorf(batch.NotBuilt, "Encryption of log groups (kmsKeyId) is not implemented")
	case in.Protected:
		return nil, batch.Errorf(batch.NotBuilt, "Protection of log groups from deletion is not implemented")
	}
	created, err := s.store.CreateGroup(ctx, *in.LogGroupName, 0)
	if err == nil && !created {
		err = batch.Errorf(batch.Conflict, "The specified log group already exists")
	}
	return nil, err
}

// GroupInput names a group.
type GroupInput struct {
	LogGroupName *string `json:"logGroupName"`
}

func (in *GroupInput) check() error {
	var c checks
	c.required(in.LogGroupName, "logGroupName")
	c.group(in.LogGroupName, "logGroupName")
	return c.err()
}

// DeleteLogGroup removes a group with its streams.
func (s *Service) DeleteLogGroup(ctx context.Context, in *GroupInput) (*Nothing, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	return nil, s.store.DeleteGroup(ctx, *in.LogGroupName)
}

// PutRetentionPolicyInput is what PutRetentionPolicy takes.
type PutRetentionPolicyInput struct {
	LogGroupName    *string `json:"logGroupName"`
	RetentionInDays *int64  `json:"retentionInDays"`
}

// PutRetentionPolicy says for how many days a group's events are kept.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
func (s *Service) PutRetentionPolicy(ctx context.Context, in *PutRetentionPolicyInput) (*Nothing, error) {
	var c checks
	c.required(in.LogGroupName, "logGroupName")
	c.group(in.LogGroupName, "logGroupName")
	if in.RetentionInDays == nil {
		c = append(c, "Value null at 'retentionInDays' failed to satisfy constraint: Member must not be null")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	allowed := []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
	if !slices.Contains(allowed, *in.RetentionInDays) {
		return nil, batch.Errorf(batch.Invalid, "retentionInDays %d is not one of %v", *in.RetentionInDays, allowed)
	}
	return nil, s.store.SetRetention(ctx, *in.LogGroupName, int(*in.RetentionInDays))
}

// DeleteRetentionPolicy keeps a group's events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *GroupInput) (*Nothing, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	return nil, s.store.SetRetention(ctx, *in.LogGroupName, 0)
}

// DescribeLogGroupsInput is what DescribeLogGroups takes.
type DescribeLogGroupsInput struct {
	LogGroupNamePrefix  *string  `json:"logGroupNamePrefix"`
	LogGroupNamePattern *string  `json:"logGroupNamePattern"`
	LogGroupIdentifiers []string `json:"logGroupIdentifiers"`
	LogGroupClass       *string  `json:"logGroupClass"`
	NextToken           *string  `json:"nextToken"`
	Limit               *int64   `json:"limit"`
}

// DescribeLogGroupsOutput is a page of groups.
type DescribeLogGroupsOutput struct {
	LogGroups []LogGroup `json:"logGroups"`
	NextToken string     `json:"nextToken,omitempty"`
}

// LogGroup is one group in DescribeLogGroupsOutput.
type LogGroup struct {
	LogGroupName      string        `json:"logGroupName"`
	CreationTime      batch.Instant `json:"creationTime"`
	RetentionInDays   int           `json:"retentionInDays,omitempty"`
	MetricFilterCount int           `json:"metricFilterCount"`
	ARN               string        `json:"arn"`
	StoredBytes       int64         `json:"storedBytes"`
	LogGroupClass     string        `json:"logGroupClass"`
	LogGroupARN       string        `json:"logGroupArn"`
}

// DescribeLogGroups lists groups by name. The token is the last name, as on AWS.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
func (s *Service) DescribeLogGroups(ctx context.Context, in *DescribeLogGroupsInput) (*DescribeLogGroupsOutput, error) {
	var c checks
	c.group(in.LogGroupNamePrefix, "logGroupNamePrefix")
	c.text(in.LogGroupNamePattern, "logGroupNamePattern", 0, 512, groupForm())
	c.oneOf(in.LogGroupClass, "logGroupClass", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
	c.token(in.NextToken)
	c.between(in.Limit, "limit", 1, listLimit)
	if len(in.LogGroupIdentifiers) > listLimit {
		c = append(c, "Value at 'logGroupIdentifiers' failed to satisfy constraint: Member must have length less than or equal to 50")
	}
	switch err := c.err(); {
	case err != nil:
		return nil, err
	case in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil:
		return nil, batch.Errorf(batch.Invalid, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	out := &DescribeLogGroupsOutput{LogGroups: []LogGroup{}}
	if in.LogGroupClass != nil && *in.LogGroupClass != "STANDARD" {
		return out, nil
	}
	if len(in.LogGroupIdentifiers) > 0 {
		return out, s.describeNamed(ctx, in.LogGroupIdentifiers, out)
	}
	limit := listLimit
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	groups, err := s.store.Groups(ctx, logs.GroupQuery{
		Prefix: value(in.LogGroupNamePrefix), Contains: value(in.LogGroupNamePattern), After: value(in.NextToken), Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	if len(groups) > limit {
		groups = groups[:limit]
		out.NextToken = groups[limit-1].Name
	}
	for _, g := range groups {
		out.LogGroups = append(out.LogGroups, s.describe(g))
	}
	return out, nil
}

func (s *Service) describeNamed(ctx context.Context, identifiers []string, out *DescribeLogGroupsOutput) error {
	slices.Sort(identifiers)
	for _, identifier := range slices.Compact(identifiers) {
		name, ok := s.groupIn(identifier)
		if !ok {
			continue
		}
		g, err := s.store.Group(ctx, name)
		if no, ok := errors.AsType[*batch.Error](err); ok && no.Code == batch.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		out.LogGroups = append(out.LogGroups, s.describe(g))
	}
	return nil
}

func (s *Service) describe(g logs.Group) LogGroup {
	arn := s.groupARN(g.Name)
	return LogGroup{
		LogGroupName: g.Name, CreationTime: g.Created, RetentionInDays: g.RetentionDays,
		ARN: arn + ":*", LogGroupARN: arn, StoredBytes: g.StoredBytes, LogGroupClass: "STANDARD",
	}
}
