package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"

	"github.com/bargehq/barge/internal/driver"
)

// maxCredentials bounds the credentials file and a helper's answer, in bytes.
const maxCredentials = 1 << 20

// loginFile is what `docker login` writes, as far as it matters here.
type loginFile struct {
	Auths map[string]struct {
		Auth          string `json:"auth"` // base64 of user:password
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredsStore  string            `json:"credsStore"`  // helper for every registry
	CredHelpers map[string]string `json:"credHelpers"` // helper by registry
}

// credentials returns the encoded header value for a registry, and an empty one
// for a registry without credentials or after an error. What a job brings along
// counts before the driver's own.
func (d *Driver) credentials(ctx context.Context, domain string, as *driver.Credentials) (string, error) {
	if domain == "docker.io" {
		domain = "https://index.docker.io/v1/" // its key since before there were others
	}
	if as != nil {
		return authconfig.Encode(registry.AuthConfig{ServerAddress: domain, Username: as.User, Password: as.Password})
	}
	file, err := readLogins(d.opt.ConfigFile)
	if err != nil {
		return "", fmt.Errorf("read registry credentials: %w", err)
	}
	auth := registry.AuthConfig{ServerAddress: domain}
	login := file.Auths[domain]
	helper := file.CredHelpers[domain]
	if helper == "" && login.Auth == "" && login.IdentityToken == "" {
		helper = file.CredsStore
	}
	switch {
	case helper != "":
		auth.Username, auth.Password, err = askHelper(ctx, helper, domain)
		if err != nil {
			return "", err
		}
		if auth.Username == "<token>" { // the helpers' word for an identity token
			auth.Username, auth.Password, auth.IdentityToken = "", "", auth.Password
		}
	case login.Auth != "" || login.IdentityToken != "":
		plain, err := base64.StdEncoding.DecodeString(login.Auth)
		if err != nil {
			return "", fmt.Errorf("credentials of %s: %w", domain, err)
		}
		auth.Username, auth.Password, _ = strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
		auth.IdentityToken = login.IdentityToken
	default:
		return "", nil
	}
	return authconfig.Encode(auth)
}

// readLogins returns nothing when there is no file.
func readLogins(path string) (loginFile, error) {
	if path == "" {
		dir := os.Getenv("DOCKER_CONFIG")
		if dir == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return loginFile{}, nil
			}
			dir = filepath.Join(home, ".docker")
		}
		path = filepath.Join(dir, "config.json")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return loginFile{}, nil
	}
	if err != nil {
		return loginFile{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var file loginFile
	if err := json.NewDecoder(io.LimitReader(f, maxCredentials)).Decode(&file); err != nil {
		return loginFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// askHelper runs a credential helper, as the Docker client does. One that knows
// nothing of the registry fails.
func askHelper(ctx context.Context, helper, domain string) (user, secret string, err error) {
	if helper != filepath.Base(helper) {
		return "", "", fmt.Errorf("credential helper %q: not a name", helper)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(domain)
	cmd.WaitDelay = time.Second
	out := &limited{left: maxCredentials}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return "", "", fmt.Errorf("credential helper %q for %s: %w", helper, domain, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return "", "", fmt.Errorf("credential helper %q for %s: %w", helper, domain, err)
	}
	return answer.Username, answer.Secret, nil
}

// limited is a buffer that refuses more than left bytes.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, io.ErrShortBuffer
	}
	return l.Buffer.Write(p)
}
