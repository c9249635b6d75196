package core

// stepPutTags stores tags. Nothing is decided by them but by the settings of a
// queue, so the core keeps none.
func (s *State) stepPutTags(in PutTags, out *Output) {
	out.Changes = append(out.Changes, TagsPut{TagsRow{Of: in.Of, Tags: in.Tags}})
	q := s.queues[in.Of.ID]
	if in.Queue == nil || in.Of.Kind != TagQueue || q == nil {
		return
	}
	q.row.Settings = *in.Queue
	row := q.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, QueuePut{row})
	for _, share := range q.fairShares() {
		q.tellOf(share)
	}
}

// dropTags forgets the tags of a resource that is gone.
func dropTags(of Tagged, out *Output) { out.Changes = append(out.Changes, TagsPut{TagsRow{Of: of}}) }
