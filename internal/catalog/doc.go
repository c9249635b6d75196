// Package catalog knows instance types: how large they are, what of that jobs
// get, and what they cost. It owns the list of EC2's types that is compiled in,
// and what a file of the user changes of it or adds to it.
//
// A [Catalog] and the [Type]s in it are immutable, so any goroutine may read
// them, and a pointer to a Type says which it is. Amounts are vCPUs, MiB and
// GPUs; prices are integers in millionths of a US dollar per hour and amounts
// of money in billionths of one, so that the second of the smallest type still
// counts. A price may be unknown, which is never the same as free.
//
// The types and their on-demand prices are those of us-east-1 for Linux in July
// 2026 from EC2's published descriptions and price list (ec2-instance-types.csv);
// 27 of the types have no price there. Errors are *batch.Error where an API
// request is wrong, and plain ones where the file is.
//
// It does not choose among types (core/allocate) and does not know who runs what.
package catalog
