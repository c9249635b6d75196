// Package oci runs attempts as containers without a container engine: with an
// OCI runtime, crun or runc, that ends as soon as the container runs.
//
// There are two halves. [Driver], in the server, finds the image (package
// images) and describes the container; all that it holds is held by the runner
// of the process driver, one for its directory, for which [Maker] makes
// containers. The runner becomes the parent of a container's first process and
// so knows its end, collects its output, stops it, and survives the server, as
// it does with plain processes; see package process. Nothing stays resident for
// a container but the container.
//
// A container's root file system is an overlay of the unpacked layers and a
// directory of its own. It is mounted in a mount namespace that only the thread
// which makes the container is in, see [stage]; the container takes it over, and
// the kernel removes it with the container. What is left to remove by hand are
// the directory and the cgroup, and the runner does that at the container's
// end, or the next runner does if it was killed; then the containers, too, are
// killed.
//
// Containers have the machine's network, as AWS Batch gives it to single-node
// jobs on EC2. Each node of a multi-node job has a network namespace of its own,
// connected to those of the others.
//
// The directory holds, beside what the runner keeps there (see package process),
//
//	images/          see package images
//	writable/<unit>  what a container writes
//	volumes/<unit>   volumes that the units of an attempt share
//	stage/           where each stage has its own file system in memory
//
// Errors are those of [driver.Driver]. It needs root, overlayfs and a runtime;
// [Available] tells what is missing. There is no slower way for machines without
// them: the docker and process drivers are there for that.
//
// It deliberately removes no images, limits no disk and gives no GPUs.
package oci
