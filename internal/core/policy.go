package core

import (
	"github.com/bargehq/barge/internal/batch"
)

func (s *State) stepCreateSchedulingPolicy(now batch.Instant, in CreateSchedulingPolicy, out *Output) *batch.Error {
	if s.schedulingNames[in.Name] != 0 {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	s.last.SchedulingPolicy++
	row := SchedulingPolicyRow{ID: s.last.SchedulingPolicy, Name: in.Name, Fair: in.Fair, Spec: in.Spec, CreatedAt: now}
	s.addSchedulingPolicy(row)
	out.Changes = append(out.Changes, SchedulingPolicyPut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) stepUpdateSchedulingPolicy(now batch.Instant, in UpdateSchedulingPolicy, out *Output) *batch.Error {
	id := s.schedulingNames[in.Name]
	if id == 0 {
		return batch.Errorf(batch.NotFound, "SchedulingPolicy %s not found.", in.Name)
	}
	row := s.scheduling[id]
	if (row.Fair == nil) != (in.Fair == nil) {
		return batch.Errorf(batch.Invalid, "A scheduling policy can not change between fairsharePolicy and quotaSharePolicy.")
	}
	row.Fair = in.Fair
	s.scheduling[id] = row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, SchedulingPolicyPut{row})
	for _, q := range s.queueList {
		if q.row.SchedulingPolicy == id {
			s.joinShares(now, q, out)
		}
	}
	out.Reply = Reply{ID: id}
	return nil
}

// stepDeleteSchedulingPolicy deletes a policy that no queue has, not even one
// that is being deleted.
func (s *State) stepDeleteSchedulingPolicy(in DeleteSchedulingPolicy, out *Output) *batch.Error {
	id := s.schedulingNames[in.Name]
	if id == 0 {
		return batch.Errorf(batch.NotFound, "SchedulingPolicy %s not found.", in.Name)
	}
	for _, q := range s.queueList {
		if q.row.SchedulingPolicy == id {
			return batch.Errorf(batch.Conflict, "Cannot delete, scheduling policy is in use by a job queue")
		}
	}
	delete(s.scheduling, id)
	delete(s.schedulingNames, in.Name)
	out.Changes = append(out.Changes, SchedulingPolicyDelete{id})
	dropTags(Tagged{TagSchedulingPolicy, id}, out)
	out.Reply = Reply{ID: id}
	return nil
}

func (s *State) addSchedulingPolicy(row SchedulingPolicyRow) {
	row.Spec = nil
	s.scheduling[row.ID] = row
	s.schedulingNames[row.Name] = row.ID
}
