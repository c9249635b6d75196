//go:build linux

package awscli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// cli is an installed AWS CLI.
type cli struct {
	path     string
	version  [2]int
	endpoint string
}

// installed returns the CLIs on the PATH, first the one that `aws` means.
func installed() ([]cli, error) {
	var all []cli
	var failed []error
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, "aws")
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		out, err := exec.Command(path, "--version").CombinedOutput()
		m := regexp.MustCompile(`aws-cli/(\d+)\.(\d+)`).FindSubmatch(out)
		if err != nil || m == nil {
			failed = append(failed, fmt.Errorf("%s --version: %w: %s", path, err, out))
			continue
		}
		c := cli{path: path}
		for i := range c.version {
			c.version[i], _ = strconv.Atoi(string(m[i+1])) // digits
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.Join(append(failed, errors.New("there is no AWS CLI on the PATH"))...)
	}
	return all, nil
}

// environment is what a client needs to reach the server and nothing of the
// user's own settings.
func (c cli) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			env = append(env, v)
		}
	}
	return append(env, "AWS_ENDPOINT_URL="+c.endpoint,
		"AWS_ACCESS_KEY_ID=barge", "AWS_SECRET_ACCESS_KEY=barge", "AWS_DEFAULT_REGION=us-east-1", "AWS_DEFAULT_OUTPUT=json",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"PYTHONUNBUFFERED=1", "AWS="+c.path)
}

// command returns a shell that runs a script in which `aws` is this CLI.
// Versions before 1.29 and 2.13, such as Debian 12's, do not know
// AWS_ENDPOINT_URL and are told the address in each call.
func (c cli) command(ctx context.Context, script string) *exec.Cmd {
	call := `aws() { "$AWS" "$@"; }`
	if c.version[0] == 1 && c.version[1] < 29 || c.version[0] == 2 && c.version[1] < 13 {
		call = `aws() { "$AWS" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }`
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", call+"\n"+script)
	cmd.Env = c.environment()
	return cmd
}

// try runs a script and returns what it prints.
func (c cli) try(t *testing.T, script string) (stdout []byte, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := c.command(ctx, script)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.String(), err
}

// run runs a script that has to succeed and reads its answer, JSON.
func (c cli) run(t *testing.T, script string, answer any) {
	t.Helper()
	out, errs, err := c.try(t, script)
	if err != nil {
		t.Fatalf("%s\n%v: %s", script, err, errs)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s\nanswers %s: %v", script, out, err)
	}
}
