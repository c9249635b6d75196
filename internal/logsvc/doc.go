// Package logsvc is CloudWatch Logs over the log store: the operations with
// which people and tools read what jobs print, and the few that make, fill and
// delete groups and streams.
//
// [New] makes the [Service] from [Options]; [Service.Handler] serves it over
// the JSON 1.1 protocol. It has no state of its own. Methods are called as the
// operations, take and return structs named after them, and are called from
// the goroutine of each connection; the console may call them in process.
//
// Errors are *batch.Error: Invalid is AWS's InvalidParameterException, NotFound
// its ResourceNotFoundException, Conflict its ResourceAlreadyExistsException,
// NotBuilt its NotImplemented, Unavailable its ServiceUnavailableException.
//
// Tokens hold a place and nothing else: a client repeats its other parameters
// with them, as SDKs do, and they never end to be valid.
//
// As on AWS: a forward token repeats itself at the end of a stream; startTime is
// included and endTime excluded by GetLogEvents but included by
// FilterLogEvents; events of a search are merged by time and searchedLogStreams
// is empty; a page may be short and still have a token.
//
// It deliberately builds of filter patterns only terms, phrases, `?` and `-`;
// keeps no tags, no metric filters and no encryption keys; and has one class of
// groups, STANDARD.
package logsvc
