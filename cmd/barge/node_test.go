package main

import "testing"

func TestNodeSpace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ driver, flag, want string }{
		{"docker", "100.64.0.0/10", "100.64.0.0/10"},
		{"process", "100.64.0.0/10", "127.64.0.0/10"},
		{"docker", "10.0.0.0/16", ""},
		{"docker", "10.1.0.0/10", ""},
		{"docker", "fd00::/10", ""},
		{"docker", "", ""},
	} {
		s := settings{Nodes: c.flag}
		got, err := s.nodeSpace(c.driver)
		if (err != nil) != (c.want == "") || err == nil && got.String() != c.want {
			t.Errorf("--node-networks %q with driver %s gives %s, %v; want %q", c.flag, c.driver, got, err, c.want)
		}
	}
}
