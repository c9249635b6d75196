package images

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// nameOf is the full name of an image, such as `docker.io/library/busybox:latest`
// for `busybox`, or its id.
func nameOf(image string) (string, error) {
	ref, err := reference.ParseAnyReference(image)
	if err != nil {
		return "", fmt.Errorf("%q: %w", image, err)
	}
	if named, ok := ref.(reference.Named); ok {
		return reference.TagNameOnly(named).String(), nil
	}
	return ref.String(), nil
}

// namesOf are all names that a name in an archive stands for. What Podman builds
// is called `localhost/x`, and meant as `x`.
func namesOf(image string) []string {
	var names []string
	for _, s := range []string{image, strings.TrimPrefix(image, "localhost/")} {
		if name, err := nameOf(s); err == nil && (len(names) == 0 || names[0] != name) {
			names = append(names, name)
		}
	}
	return names
}
