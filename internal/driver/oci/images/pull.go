package images

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/bargehq/barge/internal/driver"
)

// pull fetches an image from its registry. The library tries the network again
// by itself, so its no is final.
func (s *Store) pull(ctx context.Context, image string, as *driver.Credentials) (*Image, error) {
	ref, err := name.ParseReference(image)
	if err != nil { // the id of an image that is not here
		return nil, refusal(err)
	}
	auth := remote.WithAuthFromKeychain(s.opt.Keychain)
	if as != nil {
		auth = remote.WithAuth(&authn.Basic{Username: as.User, Password: as.Password})
	}
	began := time.Now()
	fetched, err := remote.Image(ref, auth, remote.WithContext(ctx), remote.WithPlatform(platform()), remote.WithUserAgent("barge"))
	if err != nil {
		return nil, s.pullFault(ctx, err)
	}
	got, err := s.take(ctx, fetched)
	if err != nil {
		return nil, s.pullFault(ctx, err)
	}
	s.opt.Log.Info("image pulled", "op", "images", "image", image, "dur", time.Since(began))
	return got, s.keep(image, got)
}

// pullFault tells what a registry says from what stopped us asking.
func (s *Store) pullFault(ctx context.Context, err error) error {
	var refused *driver.StartError
	if s.life.Err() != nil || errors.As(err, &refused) {
		return err
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no end within %s: %w", pullTime, err)
	}
	var local *localFault
	if errors.As(err, &local) {
		return err
	}
	return refusal(err)
}

func platform() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }
