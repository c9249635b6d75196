package batchsvc

// rule is one thing that AWS refuses: a row of a table.
type rule[T any] struct {
	broken  func(T) bool
	message string
	// about, where it is set, gives what stands for %s in the message.
	about func(T) string
}

// check returns the message of the first rule that v breaks.
func check[T any](rules []rule[T], v T) error {
	for _, r := range rules {
		switch {
		case !r.broken(v):
		case r.about != nil:
			return invalid(r.message, r.about(v))
		default:
			return invalid("%s", r.message)
		}
	}
	return nil
}

// member is one member of a shape: what it is called and whether it is given.
type member[T any] struct {
	name  string
	given func(T) bool
}

// firstGiven names the first of the members that is given, or is empty.
func firstGiven[T any](members []member[T], v T) string {
	for _, m := range members {
		if m.given(v) {
			return m.name
		}
	}
	return ""
}
