// Package stssvc is as much of AWS's Security Token Service as tools ask of an
// account before they use Batch: GetCallerIdentity.
//
// [New] makes the service from the account that this installation pretends to
// be; [Service.Handler] serves it over the query protocol, in the goroutine of
// each connection. It has no state.
//
// The answer is the same for everybody: user `barge` of the account, with the
// path-less ARN `arn:aws:iam::<account>:user/barge`, because many tools split
// the ARN at the slash, which that of the root user lacks. The user id is
// `AIDA` and 17 characters, as IAM's are.
//
// Errors: a *batch.Error for the operations that are not built (NotImplemented),
// which are all those that hand out credentials.
//
// It deliberately verifies no signature and knows no users.
package stssvc
