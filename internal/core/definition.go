package core

import "github.com/bargehq/barge/internal/batch"

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

// stepDeregisterDefinition takes a revision out of use. The core keeps no
// revisions: jobs refer to their row, which stays, and the counter of its name
// goes on.
func (s *State) stepDeregisterDefinition(in DeregisterDefinition, out *Output) {
	row := in.Row
	row.Active = false
	out.Changes = append(out.Changes, DefinitionPut{row})
	out.Reply = Reply{ID: row.ID, Revision: row.Revision}
}
