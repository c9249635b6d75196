package batchsvc

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// AWS's limit of tags on a resource, and the prefix that it keeps to itself.
const (
	maxTags     = 50
	awsReserved = "aws:"
)

// TagResource gives a resource further tags, and those that it has other values.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html
func (s *Service) TagResource(ctx context.Context, in *batchapi.TagResourceRequest) (*batchapi.TagResourceResponse, error) {
	for _, key := range sortedKeys(in.Tags) {
		if err := checkTagKey(key); err != nil {
			return nil, err
		}
	}
	err := s.retag(ctx, in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return invalid("A resource can have at most %d tags, got %d.", maxTags, len(tags))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.TagResourceResponse), nil
}

// UntagResource takes tags from a resource. Those that it does not have are no
// error.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UntagResource.html
func (s *Service) UntagResource(ctx context.Context, in *batchapi.UntagResourceRequest) (*batchapi.UntagResourceResponse, error) {
	for _, key := range in.TagKeys {
		if err := checkTagKey(key); err != nil {
			return nil, err
		}
	}
	err := s.retag(ctx, in.ResourceArn, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.UntagResourceResponse), nil
}

// ListTagsForResource lists a resource's tags.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListTagsForResource.html
func (s *Service) ListTagsForResource(ctx context.Context, in *batchapi.ListTagsForResourceRequest) (*batchapi.ListTagsForResourceResponse, error) {
	of, made, err := s.tagged(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.tagsNow(ctx, of, made)
	if err != nil {
		return nil, err
	}
	return &batchapi.ListTagsForResourceResponse{Tags: tags}, nil
}

func (s *Service) retag(ctx context.Context, arn string, edit func(map[string]string) error) error {
	return s.change(ctx, func(do command) error {
		of, made, err := s.tagged(ctx, arn)
		if err != nil {
			return err
		}
		tags, err := s.tagsNow(ctx, of, made)
		if err != nil {
			return err
		}
		put := core.PutTags{Of: of, Tags: maps.Clone(tags)}
		if err = edit(put.Tags); err != nil {
			return err
		}
		if err = s.reset(ctx, arn, tags, &put); err != nil {
			return err
		}
		_, err = do(put)
		return err
	})
}

// reset has changed tags of a queue take effect that are settings of Barge. Other
// resources get those when they are made, and keep them.
func (s *Service) reset(ctx context.Context, arn string, old map[string]string, put *core.PutTags) error {
	changed := ""
	for _, tags := range []map[string]string{old, put.Tags} {
		for _, key := range sortedKeys(tags) {
			was, had := old[key]
			now, has := put.Tags[key]
			if strings.HasPrefix(key, extensionPrefix) && (was != now || had != has) {
				changed = key
			}
		}
	}
	switch {
	case changed == "":
		return nil
	case put.Of.Kind != core.TagQueue:
		return badTag(changed, "is a setting of Barge, which a resource gets when it is made and keeps.")
	}
	settings, err := queueSettings(put.Tags)
	if err != nil {
		return err
	}
	row, err := s.queueRow(ctx, arn)
	put.Queue, put.Spec = &settings, row.Spec
	return err
}

// checkTagKey refuses AWS's own keys, which nobody can change.
func checkTagKey(key string) error {
	if reservedKey(key) {
		return badTag(key, "starts with "+awsReserved+", which is reserved.")
	}
	return nil
}

func reservedKey(key string) bool {
	return len(key) >= len(awsReserved) && strings.EqualFold(key[:len(awsReserved)], awsReserved)
}

// tagsNow are the tags of a resource that was made with the given ones.
func (s *Service) tagsNow(ctx context.Context, of core.Tagged, made map[string]string) (map[string]string, error) {
	found, err := s.o.Store.Tags(ctx, []core.Tagged{of})
	if err != nil {
		return nil, err
	}
	if tags, changed := found[of]; changed {
		return tags, nil
	}
	return orMap(made), nil
}

// tagged finds the resource of an ARN, and the tags that it was made with.
func (s *Service) tagged(ctx context.Context, arn string) (of core.Tagged, made map[string]string, err error) {
	kind, name, _ := batch.SplitARN(arn)
	switch kind {
	case batch.ARNComputeEnvironment:
		row, err := s.environmentNamed(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := decodeEnvironment(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagEnvironment, ID: row.ID}, d.Tags, nil
	case batch.ARNJobQueue:
		row, err := s.queueRow(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := decodeQueue(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagQueue, ID: row.ID}, d.Tags, nil
	case batch.ARNSchedulingPolicy:
		row, err := s.policyRow(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := s.policyDetail(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagSchedulingPolicy, ID: row.ID}, d.Tags, nil
	case batch.ARNJobDefinition:
		row, err := s.revision(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := decodeDefinition(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagDefinition, ID: row.ID}, d.req.Tags, nil
	case batch.ARNServiceEnvironment:
		row, err := s.serviceEnvironmentRow(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := decodeServiceEnvironment(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagServiceEnvironment, ID: row.ID}, d.Tags, nil
	case batch.ARNQuotaShare:
		_, row, err := s.quotaShareRow(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		d, err := decodeQuotaShare(row)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagQuotaShare, ID: row.ID}, d.Tags, nil
	case batch.ARNConsumable:
		row, made, err := s.consumable(ctx, arn)
		return core.Tagged{Kind: core.TagConsumable, ID: row.ID}, made, err
	case batch.ARNServiceJob:
		j, err := s.serviceJob(ctx, arn)
		if err != nil {
			return of, nil, err
		}
		request, err := serviceRequest(&j)
		if err != nil {
			return of, nil, err
		}
		return core.Tagged{Kind: core.TagJob, ID: j.Seq}, request.Tags, nil
	case batch.ARNJob:
		return s.taggedJob(ctx, arn, name)
	default:
		return of, nil, &batch.Error{Code: batch.Invalid, Field: "resourceArn", Message: "resourceArn " + arn + " is not the ARN of a resource that can have tags."}
	}
}

func (s *Service) taggedJob(ctx context.Context, arn, name string) (of core.Tagged, made map[string]string, err error) {
	ref, ok := batch.ParseJobRef(name)
	if ok && ref.Child > 0 {
		return of, nil, &batch.Error{Code: batch.Invalid, Field: "resourceArn", Message: "resourceArn " + arn + " is that of a child of an array job, which can not have tags."}
	}
	if ok {
		jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{ref})
		if err != nil {
			return of, nil, err
		}
		if len(jobs) == 1 && jobs[0].Kind == core.Plain {
			var request batchapi.SubmitJobRequest
			if err := request.UnmarshalJSON(jobs[0].Spec); err != nil {
				return of, nil, fmt.Errorf("decode the request of job %s: %w", name, err)
			}
			return core.Tagged{Kind: core.TagJob, ID: jobs[0].Seq}, request.Tags, nil
		}
	}
	return of, nil, batch.Errorf(batch.NotFound, "%s does not exist", arn)
}

// changedTags are the tags of resources of one kind since they were changed, by
// row key.
type changedTags map[int64]map[string]string

// over returns the tags of a resource that was made with the given ones.
func (c changedTags) over(id int64, made map[string]string) map[string]string {
	if tags, changed := c[id]; changed {
		return tags
	}
	return made
}

// tagsOf reads the changed tags of rows.
func tagsOf[T any](ctx context.Context, s *Service, kind core.TagKind, rows []T, id func(T) int64) (changedTags, error) {
	of := make([]core.Tagged, len(rows))
	for i, r := range rows {
		of[i] = core.Tagged{Kind: kind, ID: id(r)}
	}
	found, err := s.o.Store.Tags(ctx, of)
	if err != nil {
		return nil, err
	}
	tags := make(changedTags, len(found))
	for k, v := range found {
		tags[k.ID] = v
	}
	return tags, nil
}
