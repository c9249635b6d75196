package batch

import (
	"strconv"
	"strings"
)

// UnitID names what a driver runs: one container of an attempt. The container
// of a job that has a single one is 0.
type UnitID struct {
	Attempt   AttemptID
	Container int // its index in the job's definition
}

// Unit returns the id of an attempt's container.
func (a AttemptID) Unit(container int) UnitID { return UnitID{Attempt: a, Container: container} }

// String prints the attempt, and behind a point the container unless it is the
// first: `uuid/1`, `uuid/1.2`.
func (u UnitID) String() string {
	if u.Container == 0 {
		return u.Attempt.String()
	}
	return u.Attempt.String() + "." + strconv.Itoa(u.Container)
}

// ParseUnitID reads the form that String prints.
func ParseUnitID(s string) (UnitID, bool) {
	attempt, container, several := strings.Cut(s, ".")
	id, ok := ParseAttemptID(attempt)
	if !ok || !several {
		return UnitID{Attempt: id}, ok
	}
	n, err := strconv.ParseUint(container, 10, 8)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != container {
		return UnitID{}, false
	}
	return UnitID{Attempt: id, Container: int(n)}, true
}

// Name is the attempt's task id, with the container behind it unless it is the
// first. It names containers, files and volumes.
func (u UnitID) Name() string {
	if u.Container == 0 {
		return u.Attempt.TaskID()
	}
	return u.Attempt.TaskID() + "-" + strconv.Itoa(u.Container)
}

// GoString helps test failures.
func (u UnitID) GoString() string { return "unit " + u.String() }
