package training

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/driver"
)

func TestParse(t *testing.T) {
	t.Parallel()
	channel := `{"ChannelName": "c", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/k"}}}`
	for _, tt := range []struct{ payload, want string }{
		{`{}`, ""},
		{`{"InputDataConfig": [` + channel + `], "Unknown": 1}`, ""},
		{`[]`, " must be of another type than array"},
		{`{`, "it is not a JSON object"},
		{`{"HyperParameters": {"n": 1}}`, "must be of another type than number"},
		{`{"InputDataConfig": [` + channel + `,` + channel + `]}`, "ChannelName c is given twice"},
		{`{"InputDataConfig": [{"ChannelName": ".."}]}`, `ChannelName ".." is not valid`},
		{`{"InputDataConfig": [{"ChannelName": "a/b"}]}`, `ChannelName "a/b" is not valid`},
		{`{"InputDataConfig": [{"ChannelName": "c"}]}`, "DataSource of channel c must be one of S3DataSource and FileSystemDataSource"},
		{`{"InputDataConfig": [` + strings.Replace(channel, `"c",`, `"c", "InputMode": "Pipe",`, 1) + `]}`, "InputMode Pipe of channel c is not supported"},
		{`{"ResourceConfig": {"InstanceCount": 0}}`, "InstanceCount must be at least 1"},
		{`{"ResourceConfig": {"InstanceCount": 2}}`, "an InstanceCount of more than 1 is not supported"},
		{`{"Environment": {"A=B": ""}}`, `the name "A=B" in Environment is not valid`},
		{`{"HyperParameters": {"p": "` + strings.Repeat("x", 2501) + `"}}`, "more than 2500 characters"},
	} {
		_, err := Parse(tt.payload)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.payload, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s gives the error %v, want %q", tt.payload, err, tt.want)
		}
	}
}

// No URI leads out of the directory that stands for S3.
func TestPlaces(t *testing.T) {
	t.Parallel()
	p := Places{S3: "/s3"}
	for uri, want := range map[string]string{
		"s3://b/k/x/":        "/s3/b/k/x",
		"s3://b":             "/s3/b",
		"s3://b/../../etc":   "/s3/b/etc",
		"s3://b/%2e%2e/%2e.": "/s3/b",
		"file:///data/../d":  "/d",
		"s3://../etc":        "",
		"s3:///k":            "",
		"https://b/k":        "",
		"file://host/d":      "",
		"relative":           "",
		"s3://b/\x00":        "",
	} {
		got, err := p.Find(uri)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q stands for %q, %v, want %q", uri, got, err, want)
		}
	}
	if _, err := (Places{}).Find("s3://b/k"); err == nil || !strings.Contains(err.Error(), "--s3-root") {
		t.Errorf("without a directory for S3: %v", err)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string][2][]string{
		`{}`: {nil, {"train"}},
		`{"AlgorithmSpecification": {"ContainerEntrypoint": ["/e"]}}`:                                   {{"/e"}, nil},
		`{"AlgorithmSpecification": {"ContainerArguments": ["a"]}}`:                                     {nil, {"a"}},
		`{"AlgorithmSpecification": {"ContainerEntrypoint": ["/e", "x"], "ContainerArguments": ["a"]}}`: {{"/e", "x"}, {"a"}},
	} {
		r, err := Parse(payload)
		if err != nil {
			t.Fatal(err)
		}
		entrypoint, arguments := r.Command()
		if diff := cmp.Diff(want, [2][]string{entrypoint, arguments}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", payload, diff)
		}
	}
}

// newJob returns a job with one channel, and the directory that stands for S3.
func newJob(t *testing.T, mounted bool) (*Job, string) {
	t.Helper()
	s3 := t.TempDir()
	if err := os.MkdirAll(filepath.Join(s3, "bucket/in"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(`{"AlgorithmSpecification": {"TrainingImage": "image"}, "HyperParameters": {"learning-rate": "0.1"},
		"InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/in"}}}],
		"OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}, "ResourceConfig": {"InstanceType": "ml.m5.large"}, "Environment": {"A": "b"}}`)
	if err != nil {
		t.Fatal(err)
	}
	return &Job{Request: r, Name: "job", ARN: "arn", Dir: filepath.Join(t.TempDir(), "ml"), Mounted: mounted, Places: Places{S3: s3}}, s3
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	for _, mounted := range []bool{true, false} {
		j, s3 := newJob(t, mounted)
		for range 2 { // as after a crash
			if err := j.Prepare(); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range map[string]string{
			"hyperparameters.json": `{"learning-rate":"0.1"}`,
			"inputdataconfig.json": `{"train":{"ContentType":"text/csv","RecordWrapperType":"None","S3DistributionType":"FullyReplicated","TrainingInputMode":"File"}}`,
			"resourceconfig.json": `{"current_group_name":"homogeneousCluster","current_host":"algo-1","current_instance_type":"ml.m5.large","hosts":["algo-1"],` +
				`"instance_groups":[{"hosts":["algo-1"],"instance_group_name":"homogeneousCluster","instance_type":"ml.m5.large"}],"network_interface_name":"eth0"}`,
		} {
			if got, err := os.ReadFile(filepath.Join(j.Dir, "input/config", name)); err != nil || string(got) != want || !json.Valid(got) {
				t.Errorf("%s is %s, %v, want %s", name, got, err, want)
			}
		}
		mounts, err := j.Mounts()
		if err != nil {
			t.Fatal(err)
		}
		var want []driver.Mount
		base := j.Dir
		if mounted {
			base = "/opt/ml"
			want = []driver.Mount{
				{Path: "/opt/ml", Host: j.Dir}, {Path: "/opt/ml/input/data/train", Host: filepath.Join(s3, "bucket/in"), ReadOnly: true},
			}
		} else if at, err := os.Readlink(filepath.Join(j.Dir, "input/data/train")); at != filepath.Join(s3, "bucket/in") {
			t.Errorf("the channel leads to %q, %v", at, err)
		}
		if diff := cmp.Diff(want, mounts); diff != "" {
			t.Errorf("mounts (-want +got):\n%s", diff)
		}
		env := j.Variables()
		for _, want := range []driver.Var{
			{Name: "SM_CHANNEL_TRAIN", Value: base + "/input/data/train"},
			{Name: "SM_HP_LEARNING_RATE", Value: "0.1"},
			{Name: "SM_MODEL_DIR", Value: base + "/model"},
			{Name: "SM_CHANNELS", Value: `["train"]`},
			{Name: "A", Value: "b"},
			{Name: "TRAINING_JOB_NAME", Value: "job"},
		} {
			if !slices.Contains(env, want) {
				t.Errorf("no %v among %v", want, env)
			}
		}
	}
}

func TestPrepareRefused(t *testing.T) {
	t.Parallel()
	j, s3 := newJob(t, true)
	if err := os.Remove(filepath.Join(s3, "bucket/in")); err != nil {
		t.Fatal(err)
	}
	var refused *Refused
	if err := j.Prepare(); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "the data of channel train does not exist") {
		t.Errorf("without the data: %v", err)
	}
	j.AlgorithmSpecification.TrainingImage = ""
	if err := j.Prepare(); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "TrainingImage is missing") {
		t.Errorf("without an image: %v", err)
	}
}

// What the job puts into its directory, links among it, is packed; nothing
// outside of it is.
func TestKeep(t *testing.T) {
	t.Parallel()
	j, s3 := newJob(t, true)
	if err := j.Prepare(); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "secret")
	write(filepath.Join(j.Dir, "model/sub/weights"), "weights")
	for at, to := range map[string]string{"model/out": secret, "output/failure": secret} {
		if err := os.Symlink(to, filepath.Join(j.Dir, at)); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := j.Failure(); text != "" || err != nil {
		t.Errorf("a link is read as %q, %v", text, err)
	}
	for range 2 {
		if err := j.Keep(); err != nil {
			t.Fatal(err)
		}
	}
	packed := filepath.Join(s3, "bucket/out/job/output")
	if entries, err := os.ReadDir(packed); err != nil || len(entries) != 1 {
		t.Errorf("kept is %v, %v, want the model alone", entries, err)
	}
	want := map[string]string{"sub": "", "sub/weights": "weights", "out": "→ " + secret}
	if diff := cmp.Diff(want, unpack(t, filepath.Join(packed, "model.tar.gz"))); diff != "" {
		t.Errorf("the model (-want +got):\n%s", diff)
	}

	// A directory that is a link is not followed.
	if err := errors.Join(os.RemoveAll(filepath.Join(j.Dir, "model")), os.Symlink(filepath.Dir(secret), filepath.Join(j.Dir, "model"))); err != nil {
		t.Fatal(err)
	}
	if err := j.Keep(); err == nil {
		t.Errorf("packed through a link: %v", unpack(t, filepath.Join(packed, "model.tar.gz")))
	}
	if err := j.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(secret); err != nil {
		t.Errorf("a link was followed by the removal: %v", err)
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	j, _ := newJob(t, true)
	if err := j.Prepare(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.Dir, "output/failure"), []byte("\nno data\xff"+strings.Repeat("x", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := j.Failure()
	if err != nil || !strings.HasPrefix(got, "no dataxxx") || len(got) > maxFailure {
		t.Errorf("the failure is %q, %v", got, err)
	}
}

// unpack returns what is in an archive: texts of files, targets of links.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if h.Linkname != "" {
			text = []byte("→ " + h.Linkname)
		}
		found[strings.TrimSuffix(h.Name, "/")] = string(text)
	}
}
