// Package fair decides which share of a job queue starts a job next: the one that
// has used the least for its weight.
//
// It owns, for each queue with a fair-share policy, a [Board] with a [Share] for
// every active share identifier. A share's use is A + H: A is what its jobs on
// hosts hold, H what it held lately, the mean over the policy's window with
// weights that fall linearly from one to zero. Its score is that use times its
// weight, and the lowest score is first. All vCPUs are in thousandths, weights in
// ten-thousandths, times in milliseconds; scores are products of 128 bits, so that
// no rounding decides. AWS documents the measure and the weights, not the kernel.
//
// The window is cut into [Buckets] buckets by the clock. H changes when one ends
// and not in between, so that a start or an end costs a few steps in a heap, and
// only [Board.Roll] looks at all shares that wait, once for each bucket. Shares
// with the same entry in the policy have the same weight: they are ordered among
// each other by use alone, in a heap of their own, and a heap of those heaps has
// the first share of all. A change of a prefix's weight thereby moves one heap,
// however many shares it weighs.
//
// The core calls it, from the one goroutine that owns the state. It does not know
// jobs: a share has a head, which is a number that tells whose turn it is among
// equals.
//
// https://docs.aws.amazon.com/batch/latest/userguide/fair-share-scheduling.html
package fair
