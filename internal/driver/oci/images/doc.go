// Package images keeps the images of the oci driver, each layer unpacked once.
//
// A [Store] owns a directory:
//
//	layers/<hex>/   one layer, as overlayfs wants it: deletions are devices 0:0 and
//	                attributes; the name is the beginning of its diff id
//	images/<hex>    a record by image id: layers and configuration
//	names/<hex>     a record by reference (its hash): which image that is
//
// An image is looked for in a directory of archives and layouts that somebody
// else fills (`docker save`, `skopeo copy`, …), then among the images that were
// pulled before, then in its registry. As with a container engine, what is
// there under its name is not pulled again.
//
// What is unpacked has been verified: every layer against its diff id, the
// configuration against the id of the image. Layers are untrusted: entries are
// made relative to descriptors that cannot leave the layer's directory, whatever
// links it holds. A layer becomes visible by a rename when it is complete and
// synced, so that a crash leaves nothing that looks like one.
//
// Errors: [driver.StartError] where ECS would report `CannotPullContainerError`,
// and others, such as a full disk, which are worth trying again.
//
// It deliberately removes no images.
package images
