package oci

import (
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/oci/images"
)

// order is what the server asks the runner to make. Server and runner may come
// from different releases, so it only ever gains members.
type order struct {
	Spec    driver.Spec   `json:"spec"`
	Image   images.Config `json:"image"`
	Store   string        `json:"store"`  // the directory of all layers
	Layers  []string      `json:"layers"` // those of the image, the topmost first
	Runtime string        `json:"runtime"`
}
