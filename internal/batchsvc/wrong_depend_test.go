package batchsvc_test

import "strings"

// ofTwo submits an array of two children; the members are of the whole.
func ofTwo(members ...string) string {
	return submitOf("d", append([]string{`"arrayProperties":{"size":2}`}, members...)...)
}

const nobody = `0f000000-0000-4000-8000-000000000000`

var wrongDependencies = []wrong{
	{"SubmitJob", submitOf("d", `"dependsOn":[`+strings.Repeat(`{"jobId":"$JOB"},`, 20)+`{"jobId":"$JOB"}]`), "dependencies", `Job cannot have more than 20 dependencies`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{"jobId":"`+nobody+`"}]`), nobody, `Job ` + nobody + `, which this one depends on, does not exist.`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{"jobId":"$JOB:0"}]`), "job", `Job $JOB:0, which this one depends on, does not exist.`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{"jobId":"$JOB"},{"jobId":"x"}]`), "dependsOn[1]", `dependsOn[1] has jobId x, which is no job id.`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{}]`), "dependsOn[0]", `dependsOn[0] must have a jobId or type SEQUENTIAL.`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{"type":"SEQUENTIAL"}]`), "dependsOn[0]", `dependsOn[0] of type SEQUENTIAL is for array jobs only.`},
	{"SubmitJob", submitOf("d", `"dependsOn":[{"jobId":"$JOB","type":"N_TO_N"}]`), "dependsOn[0]", `dependsOn[0] of type N_TO_N is for array jobs only.`},
	{"SubmitJob", ofTwo(`"dependsOn":[{"type":"N_TO_N"}]`), "dependsOn[0]", `dependsOn[0] of type N_TO_N must have a jobId.`},
	{"SubmitJob", ofTwo(`"dependsOn":[{"jobId":"$JOB","type":"N_TO_N"}]`), "job", `An N_TO_N dependency needs two array jobs of the same size: this one has size 2, job $JOB is no array job.`},
	{"SubmitJob", submitOf("d", `"tags":{"barge:max-running":"2"}`), "barge:max-running", `Tag barge:max-running is for array jobs only.`},
	{"SubmitJob", submitOf("d", `"tags":{"barge:retry-backoff":"soon"}`), "barge:retry-backoff", `Tag barge:retry-backoff must be a duration such as 10s, 10s*2 or 10s*2..5m, of at most 24h.`},
}
