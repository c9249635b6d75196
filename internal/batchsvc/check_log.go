package batchsvc

import (
	"regexp"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// awslogsOptions are the options of the awslogs driver.
//
// https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
var awslogsOptions = []string{ //nolint:gochecknoglobals // a table that nothing writes
	"awslogs-group", "awslogs-stream-prefix", "awslogs-region", "awslogs-create-group", "awslogs-endpoint", "mode",
	"max-buffer-size", "awslogs-datetime-format", "awslogs-multiline-pattern",
}

// groupPattern and prefixPattern are CloudWatch Logs' rules for names. AWS does
// not apply them before a job starts, and then fails it; a prefix leaves room
// for the rest of a stream's name.
var (
	groupPattern  = regexp.MustCompile(`^[./_#A-Za-z0-9-]{0,512}$`)
	prefixPattern = regexp.MustCompile(`^[^:*\x00-\x1f]{0,400}$`)
)

// checkLog checks the options of the awslogs driver. Those of other drivers are
// theirs to refuse.
func checkLog(l *batchapi.LogConfiguration) error {
	if l == nil || l.LogDriver != batchapi.LogDriverAwslogs {
		return nil
	}
	for _, key := range sortedKeys(l.Options) {
		if !oneOf(key, awslogsOptions...) {
			return invalid("Log driver awslogs disallows options: [%s]", key)
		}
	}
	if !groupPattern.MatchString(l.Options["awslogs-group"]) {
		return invalid("awslogs-group must be the name of a log group: up to 512 letters, digits and ./_#-")
	}
	if !prefixPattern.MatchString(l.Options["awslogs-stream-prefix"]) {
		return invalid("awslogs-stream-prefix must have at most 400 characters, and neither a colon nor an asterisk.")
	}
	return nil
}
