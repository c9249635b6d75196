package batch

import "testing"

// FuzzNames: what is read as a name prints as what was read, in lower case, and
// nothing else is taken for one.
func FuzzNames(f *testing.F) {
	const id = "5f1d3c52-6a0e-4b53-8f0b-0a7c5d1e2f34"
	for _, s := range []string{id, id + ":0", id + ":9999", id + ":00", id + "#1", id + "/1", id + ":3/2", "arn:aws:batch:r:1:job/" + id, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := ParseJobID(s); ok {
			if again, ok := ParseJobID(id.String()); !ok || again != id {
				t.Errorf("job id %q reads as %s, which reads as %s", s, id, again)
			}
		}
		if ref, ok := ParseJobRef(s); ok {
			if again, ok := ParseJobRef(ref.String()); !ok || again != ref {
				t.Errorf("job %q reads as %s, which reads as %s", s, ref, again)
			}
		}
		if a, ok := ParseAttemptID(s); ok {
			if again, ok := ParseAttemptID(a.String()); !ok || again != a {
				t.Errorf("attempt %q reads as %s, which reads as %s", s, a, again)
			}
		}
		kind, name, ok := SplitARN(s)
		if ok && (kind+"/"+name == "/" || name == "") {
			t.Errorf("%q is an ARN without a name", s)
		}
		if name, ok := NameOf(ARNJob, s); ok && len(name) > len(s) {
			t.Errorf("the name %q is longer than %q", name, s)
		}
	})
}
