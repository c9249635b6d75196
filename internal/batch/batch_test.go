package batch

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestJobID(t *testing.T) {
	t.Parallel()
	uuid4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	earlier := NewJobID(1_700_000_000_000).String()
	later := NewJobID(1_700_000_000_001).String()
	for _, id := range []string{earlier, later} {
		if !uuid4.MatchString(id) {
			t.Errorf("%s is no version 4 UUID", id)
		}
	}
	if earlier >= later {
		t.Errorf("ids do not sort by time: %s, then %s", earlier, later)
	}
	if one, other := NewJobID(1), NewJobID(1); one == other {
		t.Error("two ids of one moment are equal")
	}
}

func TestRefsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ref := JobRef{ID: NewJobID(1)}
		switch index := rapid.IntRange(0, 999_999).Draw(t, "index"); rapid.IntRange(0, 2).Draw(t, "kind") {
		case 1:
			ref = ChildRef(ref.ID, index)
		case 2:
			ref = NodeRef(ref.ID, index)
			if i, node := ref.Node(); !node || i != index {
				t.Fatalf("node %d is node %d, %t", index, i, node)
			}
		}
		if got, ok := ParseJobRef(ref.String()); !ok || got != ref {
			t.Fatalf("%s reads back as %v, %t", ref, got, ok)
		}
		a := AttemptID{Job: ref, Number: rapid.IntRange(1, 10).Draw(t, "attempt")}
		if got, ok := ParseAttemptID(a.String()); !ok || got != a {
			t.Fatalf("%s reads back as %v, %t", a, got, ok)
		}
		if len(a.TaskID()) != 32 {
			t.Fatalf("task id %s has not 32 digits", a.TaskID())
		}
	})
}

func TestMalformedRefs(t *testing.T) {
	t.Parallel()
	id := NewJobID(1).String()
	for _, s := range []string{"", "x", id[1:], id + "x", id + ":", id + ":-1", id + ":01", id + ":x", id + "#", id + "#-1", id + "#01", id + "#0:0", id + ":0#0", id + ":99999999999", "{" + id + "}"} {
		if ref, ok := ParseJobRef(s); ok {
			t.Errorf("%q reads as %v", s, ref)
		}
	}
	for _, s := range []string{id, id + "/", id + "/0", id + "/x", "/1"} {
		if a, ok := ParseAttemptID(s); ok {
			t.Errorf("%q reads as %v", s, a)
		}
	}
}

func TestEdges(t *testing.T) {
	t.Parallel()
	for from := range JobState(JobStates) {
		for to := range JobState(JobStates) {
			if from.Terminal() && from.May(to) {
				t.Errorf("%s is final and may become %s", from, to)
			}
		}
		if s, ok := ParseJobState(from.String()); !ok || s != from {
			t.Errorf("%s reads back as %s, %t", from, s, ok)
		}
	}
	if !Running.May(Runnable) || Runnable.May(Running) || Runnable.May(Succeeded) {
		t.Error("retries go from Running to Runnable; nothing runs or succeeds without starting")
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	s := Scope{Partition: "aws", Region: "us-east-1", Account: "123456789012"}
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"q", "q", true},
		{s.ARN(ARNJobQueue, "q"), "q", true},
		{"arn:aws:batch:eu-west-1:1:job-queue/q", "q", true},
		{s.ARN(ARNJobDefinition, "d:1"), "d:1", false},
		{"arn:aws:sqs:us-east-1:123456789012:job-queue/q", "", false},
		{"arn:aws:batch:us-east-1:123456789012:job-queue/", "", false},
		{"arn:", "", false},
	} {
		if got, ok := NameOf(ARNJobQueue, c.in); ok != c.ok || ok && got != c.want {
			t.Errorf("NameOf(%q) = %q, %t; want %q, %t", c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestResourcesSaturate(t *testing.T) {
	t.Parallel()
	r := Resources{MilliVCPU: 1000, MemoryMiB: Unlimited}
	if got := r.Sub(Resources{MilliVCPU: 250, MemoryMiB: 1 << 40}); got != (Resources{MilliVCPU: 750, MemoryMiB: Unlimited}) {
		t.Errorf("unlimited less something is %v", got)
	}
	if got := (Resources{GPUs: Unlimited - 1}).Add(Resources{GPUs: 5}); got.GPUs != Unlimited {
		t.Errorf("the sum of large amounts is %d", got.GPUs)
	}
}
