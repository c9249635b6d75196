package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wrkProgram is https://github.com/wg/wrk, a package of Debian. The request is
// fixed, so its Lua runs before and after the load only.
type wrkProgram struct{ path, dir string }

func (p wrkProgram) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrk.method = \"POST\"\nwrk.path = \"/v1/submitjob\"\nwrk.body = [==[%s]==]\n", submitBody)
	for _, h := range submitHeaders {
		fmt.Fprintf(&b, "wrk.headers[%q] = %q\n", h[0], h[1])
	}
	b.WriteString(`
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
		latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
`)
	return b.String()
}

func (p wrkProgram) drive(ctx context.Context, addr string, clients int, length time.Duration) (load, error) {
	script := filepath.Join(p.dir, "submit.lua")
	if err := os.WriteFile(script, []byte(p.script()), 0o600); err != nil {
		return load{}, err
	}
	// Whole seconds are all that it takes.
	seconds := max(1, int(length.Round(time.Second)/time.Second))
	cmd := exec.CommandContext(ctx, p.path, "--threads", "1", "--connections", strconv.Itoa(clients),
		"--duration", strconv.Itoa(seconds)+"s", "--script", script, "http://"+addr)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	_, line, _ := strings.Cut(string(out), "RESULT ")
	var requests, duration, p50, p99, refused, failed int64
	if _, err := fmt.Sscan(line, &requests, &duration, &p50, &p99, &refused, &failed); err != nil {
		return load{}, fmt.Errorf("wrk printed no result: %s", bytes.TrimSpace(out))
	}
	if refused+failed > 0 || requests == 0 {
		return load{}, fmt.Errorf("of %d requests %d were refused and %d failed", requests, refused, failed)
	}
	return load{
		rate: float64(requests) / (float64(duration) / 1e6),
		p50:  time.Duration(p50) * time.Microsecond, p99: time.Duration(p99) * time.Microsecond,
	}, nil
}
