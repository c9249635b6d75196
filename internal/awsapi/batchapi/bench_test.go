package batchapi_test

import (
	"testing"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

const submit = `{"jobName":"align-sample-17","jobQueue":"high","jobDefinition":"align:3","retryStrategy":{"attempts":3,` +
	`"evaluateOnExit":[{"action":"RETRY","onStatusReason":"Host EC2*"},{"action":"EXIT","onReason":"*"}]},` +
	`"timeout":{},"dependsOn":[{"jobId":"8b5f0ffa-4a8f-4f2f-9a53-0f2b8ad1f4c5"}],"tags":{"team":"genomics"},` +
	`"containerOverrides":{"command":["bash","-c","run.sh sample-17"],` +
	`"environment":[{"name":"SAMPLE","value":"17"},{"name":"BUCKET","value":"s3://data/runs"}],` +
	`"resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"2048"}]}}`

func BenchmarkDecodeSubmitJob(b *testing.B) {
	data := []byte(submit)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := batchapi.DecodeSubmitJobRequest(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSubmitJob(b *testing.B) {
	in, err := batchapi.DecodeSubmitJobRequest([]byte(submit))
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = in.AppendJSON(buf[:0])
	}
}
