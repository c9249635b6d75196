package core

// stepPutTags stores tags. Nothing is decided by them, so the core keeps none.
func (s *State) stepPutTags(in PutTags, out *Output) {
	out.Changes = append(out.Changes, TagsPut{TagsRow(in)})
}

// dropTags forgets the tags of a resource that is gone.
func dropTags(of Tagged, out *Output) { out.Changes = append(out.Changes, TagsPut{TagsRow{Of: of}}) }
