package core

import "github.com/bargehq/barge/internal/batch"

func (s *State) stepCreateEnvironment(now batch.Instant, in CreateEnvironment, out *Output) *batch.Error {
	if s.environmentNames[in.Name] != nil {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	s.last.Environment++
	row := EnvironmentRow{
		ID: s.last.Environment, Name: in.Name, Enabled: in.Enabled, MaxVCPU: in.MaxVCPU, Spec: in.Spec, CreatedAt: now,
	}
	s.addEnvironment(row)
	out.Changes = append(out.Changes, EnvironmentPut{row})
	if in.Enabled {
		out.Effects = append(out.Effects, Scale{Environment: row.ID, VCPU: row.MaxVCPU})
	}
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) stepCreateQueue(now batch.Instant, in CreateQueue, out *Output) *batch.Error {
	if s.queueNames[in.Name] != nil {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	ids := make([]int64, 0, len(in.Environments))
	for _, name := range in.Environments {
		e := s.environmentNames[name]
		if e == nil {
			return batch.Errorf(batch.NotFound, "Compute Environments must be created and valid before attaching them to a job queue")
		}
		ids = append(ids, e.row.ID)
	}
	s.last.Queue++
	row := QueueRow{
		ID: s.last.Queue, Name: in.Name, Enabled: in.Enabled, Priority: in.Priority, Environments: ids, Spec: in.Spec, CreatedAt: now,
	}
	s.addQueue(row)
	out.Changes = append(out.Changes, QueuePut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) stepRegisterDefinition(now batch.Instant, in RegisterDefinition, out *Output) *batch.Error {
	s.last.Definition++
	s.revisions[in.Name]++
	row := DefinitionRow{
		ID: s.last.Definition, Name: in.Name, Revision: s.revisions[in.Name], Active: true, Spec: in.Spec, CreatedAt: now,
	}
	out.Changes = append(out.Changes, DefinitionPut{row})
	out.Reply = Reply{ID: row.ID, Revision: row.Revision}
	return nil
}
