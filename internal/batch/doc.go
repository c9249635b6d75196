// Package batch is the domain that every other package speaks: identifiers,
// job states and their legal edges, resources, ARNs and the one error type
// that reaches a user.
//
// It owns no state and starts nothing. Values are small and comparable:
//
//   - [Instant] is the only time inside the core and the store, in
//     milliseconds since the Unix epoch, UTC, as on AWS Batch's wire.
//   - [JobID] is 16 bytes, made by the handler and printed as a UUID;
//     [JobRef] adds the child of an array; [AttemptID] adds the attempt and is
//     the idempotency key of everything a driver is asked to do.
//   - [Resources] counts vCPUs in thousandths, memory in MiB, whole GPUs.
//   - [Error] is a typed "no" with a code; anything else is an internal fault.
//
// Everybody may import it; it imports the standard library only. It reads no
// clock and makes no randomness outside [NewJobID], which handlers call.
package batch
