package docker

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/pkg/authconfig"
	types "github.com/moby/moby/api/types/registry"
)

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	helper := `#!/bin/sh
read host
case $host in
token.test) echo '{"Username":"<token>","Secret":"identity"}' ;;
store.test) echo '{"Username":"stored","Secret":"s:ecret"}' ;;
*) echo 'credentials not found'; exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-barge"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	file := filepath.Join(dir, "config.json")
	logins := `{
		"auths": {
			"https://index.docker.io/v1/": {"auth": "aHViOmE6Yg=="},
			"store.test": {},
			"broken.test": {"auth": "%"}
		},
		"credHelpers": {"token.test": "barge", "odd.test": "../barge"},
		"credsStore": "barge"
	}`
	if err := os.WriteFile(file, []byte(logins), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Driver{opt: Options{ConfigFile: file}, log: slog.New(slog.DiscardHandler)}
	for domain, want := range map[string]types.AuthConfig{
		"docker.io":  {Username: "hub", Password: "a:b", ServerAddress: "https://index.docker.io/v1/"},
		"token.test": {IdentityToken: "identity", ServerAddress: "token.test"},
		"store.test": {Username: "stored", Password: "s:ecret", ServerAddress: "store.test"},
	} {
		header, err := d.credentials(t.Context(), domain, nil)
		if err != nil {
			t.Errorf("credentials of %s: %v", domain, err)
			continue
		}
		got, err := authconfig.Decode(header)
		if err != nil {
			t.Errorf("credentials of %s: %v", domain, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("credentials of %s (-want +got):\n%s", domain, diff)
		}
	}
	for _, domain := range []string{"broken.test", "odd.test", "unknown.test"} {
		if header, err := d.credentials(t.Context(), domain, nil); err == nil || header != "" {
			t.Errorf("credentials of %s are %q with error %v, want an error only", domain, header, err)
		}
	}
	d.opt.ConfigFile = filepath.Join(dir, "none.json")
	if header, err := d.credentials(t.Context(), "docker.io", nil); err != nil || header != "" {
		t.Errorf("credentials without a file are %q and %v, want nothing", header, err)
	}
}
