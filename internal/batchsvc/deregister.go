package batchsvc

import (
	"context"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// DeregisterJobDefinition makes a revision inactive: no job can be submitted by
// it any more, and those that were go on. It is described still.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeregisterJobDefinition.html
func (s *Service) DeregisterJobDefinition(ctx context.Context, in *batchapi.DeregisterJobDefinitionRequest) (*batchapi.DeregisterJobDefinitionResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.revision(ctx, in.JobDefinition)
		if err != nil || !row.Active {
			return err
		}
		if _, err = do(core.DeregisterDefinition{Row: row}); err == nil {
			s.definitions.retire(row.Name, row.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeregisterJobDefinitionResponse), nil
}

// revision finds the one revision that `name:revision` or its ARN names.
func (s *Service) revision(ctx context.Context, ref string) (row core.DefinitionRow, err error) {
	name, revision, err := definitionRef(ref)
	if err != nil {
		return row, err
	}
	if revision == 0 {
		return row, invalid("jobDefinition %s must name a revision, as in %s:1", ref, name)
	}
	rows, err := s.o.Store.Definitions(ctx, store.DefinitionFilter{Name: name, Revision: revision, Limit: 1})
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, batch.Errorf(batch.NotFound, "%s:%d does not exist", s.o.Scope.ARN(batch.ARNJobDefinition, name), revision)
	}
	return rows[0], nil
}
